"""Airflow's executor for one machine, with the libraries of the tasks loaded once instead of once a task.

A task is a fork of its worker, and a worker a fork of the scheduler: what the scheduler has imported is there already, in
shared memory. A night has some twenty tasks, and importing is most of what the short ones do.
"""

from __future__ import annotations

import importlib
import logging
import threading
import time

from airflow.executors.local_executor import LocalExecutor

_log = logging.getLogger(__name__)

LIBRARIES = (
    "deltalake",
    "evidently",
    "evidently.metrics",
    "great_expectations",
    "matplotlib.figure",
    "mlflow",
    "narwhals",
    "onnx",
    "optuna",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.linear_model",
    "xgboost",
)
"""Libraries alone: this project's own code is read anew by every task, so that a change is seen without a restart."""


class WarmLocalExecutor(LocalExecutor):
    """`LocalExecutor` whose workers have `LIBRARIES` in memory."""

    def start(self) -> None:
        """Load the libraries, then start the workers."""
        began = time.monotonic()
        load_libraries()
        _log.info("libraries of the tasks loaded in %.1f s", time.monotonic() - began)
        super().start()


def load_libraries() -> None:
    """Import what tasks use; one that cannot be imported is left to the task that needs it, which can say so."""
    before = threading.active_count()
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            _log.warning("%s cannot be loaded beforehand", name, exc_info=True)
    if threading.active_count() > before:
        # A fork takes no threads along, and a lock that one of them held would stay locked for ever.
        started = [thread.name for thread in threading.enumerate()]
        _log.warning("importing has started threads, which forked workers will lack: %s", ", ".join(started))
