"""Definitions that come with a DAG bundle: a task reads those of the version that its run was made with."""

from __future__ import annotations

import os
from pathlib import Path

from evergreen.errors import SettingsError
from evergreen.settings import Settings


def read_definitions_beside(dag_file: str) -> None:
    """Make this process read the definitions that lie beside a DAG file, where `EVERGREEN_DEFINITIONS_IN_BUNDLE` says so.

    Airflow parses a file in a process of its own, and a task parses its file again in its own before it begins, out of the
    version of the bundle that its run was made with. What is set here is therefore what that file and that task see, and
    ends with them; processes they start inherit it.

    Args:
        dag_file: `__file__` of the DAG file that asks.

    Raises:
        SettingsError: The bundle has no such folder.
    """
    relative = Settings().definitions_in_bundle
    if not relative:
        return
    folder = (Path(dag_file).parent / relative).resolve()
    if not folder.is_dir():
        raise SettingsError(
            "EVERGREEN_DEFINITIONS_IN_BUNDLE names no folder of this bundle",
            found=f"{relative!r} seen from {Path(dag_file).parent}",
            allowed="a folder of model definitions, relative to the folder of the DAG files, such as '../include/models'",
            remedy="publish the definitions with the DAG files, or unset the variable and set EVERGREEN_DEFINITIONS_DIR",
        )
    os.environ["EVERGREEN_DEFINITIONS_DIR"] = str(folder)
