"""Erasing what is kept about one person or thing, and keeping it from coming back."""
