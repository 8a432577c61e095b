"""Celery's configuration with the libraries of the tasks loaded once a worker instead of once a task.

A task is a fork of one of the worker's processes, and these are forks of the worker. Name it to Airflow with
`AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS=evergreen.connect.warm_celery.CONFIGURATION`.
"""

from __future__ import annotations

import logging
import time

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import worker_init

from evergreen.connect.warm_executor import load_libraries

CONFIGURATION = dict(DEFAULT_CELERY_CONFIG)
"""Airflow's own; importing this module in a worker is what warms it. The scheduler, which imports it too, stays as it is."""


def warm_up(**_: object) -> None:
    """Load the libraries before the worker makes its processes."""
    began = time.monotonic()
    load_libraries()
    logging.getLogger(__name__).info("libraries of the tasks loaded in %.1f s", time.monotonic() - began)


worker_init.connect(warm_up)
