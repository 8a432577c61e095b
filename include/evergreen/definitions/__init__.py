"""Model definitions: what to train, judge and release."""

from evergreen.definitions.loader import Definitions, load_definition, load_definitions, read_definitions
from evergreen.definitions.model import ModelDefinition

__all__ = ["Definitions", "ModelDefinition", "load_definition", "load_definitions", "read_definitions"]
