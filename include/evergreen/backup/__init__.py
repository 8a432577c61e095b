"""A copy of everything one installation keeps, taken while it works, and how it comes back onto an empty machine."""
