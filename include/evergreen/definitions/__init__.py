"""Model definitions: what to train, judge and release."""

from evergreen.definitions.loader import load_definition, load_definitions
from evergreen.definitions.model import ModelDefinition

__all__ = ["ModelDefinition", "load_definition", "load_definitions"]
