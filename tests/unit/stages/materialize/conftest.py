"""The stage publishes for the small model of the shops."""

from shop_world import definition, other_world, world

__all__ = ["definition", "other_world", "world"]
