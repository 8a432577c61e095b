"""Shows every mistake of every model definition as this file's import error, and is empty when there is none.

The other files leave a broken definition out, so that it takes none of the healthy ones with it.
"""

from evergreen.definitions import load_definitions
from evergreen.settings import Settings

load_definitions(Settings().definitions_dir)
