"""Shows every mistake of every model definition as this file's import error, and is empty when there is none.

The other files leave a broken definition out, so that it takes none of the healthy ones with it. There is no DAG in here:
Airflow's processor passes over a file in which neither of these two words stands.
"""

from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.definitions import load_definitions
from evergreen.settings import Settings

read_definitions_beside(__file__)
load_definitions(Settings().definitions_dir)
