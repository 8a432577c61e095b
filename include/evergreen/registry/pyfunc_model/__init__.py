"""The model as plain MLflow sees it: one script that stands alone, copied beside the bundle it scores."""

from __future__ import annotations

from pathlib import Path

SCRIPT = Path(__file__).with_name("plain_model.py")
"""Run by `mlflow.pyfunc.load_model` in anybody's process; never imported by Evergreen itself."""

PROBE = Path(__file__).with_name("plain_probe.py")
"""Run with `python -I`: loads a registered version as a stranger would."""
