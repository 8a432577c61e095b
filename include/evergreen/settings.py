"""Where things are: read from the environment once, passed in by the caller, never asked for below."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from evergreen.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""The checkout (or the folder that holds the installed package)."""


class Settings(BaseSettings):
    """Addresses of every store, from `EVERGREEN_*` variables.

    With nothing set, everything lives under `.evergreen/` beside the project. A URI is a local path or `s3://bucket/prefix`.
    """

    model_config = SettingsConfigDict(env_prefix="EVERGREEN_", frozen=True, extra="forbid", use_attribute_docstrings=True)

    home: Path = PROJECT_ROOT / ".evergreen"
    """Folder of everything that has no address of its own."""

    definitions_dir: Path = PROJECT_ROOT / "include" / "models"
    """Folder of the model definitions."""

    landing_uri: str = ""
    """Where upstream systems put files; default `<home>/landing`."""

    tables_uri: str = ""
    """Where versioned tables are kept; default `<home>/tables`."""

    artifacts_uri: str = ""
    """Where candidate bundles and MLflow's artifacts are kept; default `<home>/artifacts`."""

    reports_uri: str = ""
    """Where pages for people are kept; default `<home>/reports`."""

    results_uri: str = ""
    """Where stages keep what they already did; default `<home>/results`."""

    database_url: str = ""
    """SQLAlchemy URL of decision records; default SQLite at `<home>/evergreen.db`."""

    mlflow_tracking_uri: str = ""
    """MLflow's tracking and registry address; default SQLite at `<home>/mlflow.db`."""

    mlflow_ui_url: str = ""
    """Address of MLflow's pages, for links; empty means no links."""

    s3_endpoint_url: str = ""
    """Address of an S3-compatible server; empty means AWS itself."""

    s3_region: str = "us-east-1"
    """Region of the buckets."""

    threads: int = Field(1, ge=1)
    """Threads one training may use."""

    spool_mb: int = Field(512, ge=1)
    """Disk space in MiB for the gateway's answers that have not been shipped yet, of all workers on this machine."""

    hash_key: str = Field("", repr=False)
    """Secret with which the gateway hashes personal fields; needed where a definition has `serving.personal.hash`."""

    gateway_keys_file: str = ""
    """File of the keys that open the gateway, local, made by `evergreen key new`; empty means that it asks for none."""

    gateway_open: bool = False
    """Let the gateway listen beyond this machine although it asks for no keys: only behind something that asks instead."""

    gateway_key: str = Field("", repr=False)
    """Secret key with which `evergreen status` and the demo ask a gateway that wants one."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            wrong = error.errors()[:10]
            names = ["EVERGREEN_" + "_".join(str(part) for part in each["loc"]).upper() for each in wrong]
            raise SettingsError(
                f"{', '.join(names)} cannot be used",
                found="; ".join(f"{name}={str(each['input'])[:80]!r}" for name, each in zip(names, wrong, strict=True)),
                allowed="; ".join(each["msg"].removeprefix("Input should be ") for each in wrong),
                remedy="correct or unset the variable; docs/reference/settings.md lists all of them",
            ) from None

    @model_validator(mode="after")
    def _fill_addresses(self) -> Self:
        home = self.home.expanduser().resolve()
        defaults = {
            "home": home,
            "definitions_dir": self.definitions_dir.expanduser().resolve(),
            "landing_uri": _absolute(self.landing_uri) or str(home / "landing"),
            "tables_uri": _absolute(self.tables_uri) or str(home / "tables"),
            "artifacts_uri": _absolute(self.artifacts_uri) or str(home / "artifacts"),
            "reports_uri": _absolute(self.reports_uri) or str(home / "reports"),
            "results_uri": _absolute(self.results_uri) or str(home / "results"),
            "database_url": self.database_url or f"sqlite:///{home / 'evergreen.db'}",
            "gateway_keys_file": _absolute(self.gateway_keys_file),
            "mlflow_tracking_uri": self.mlflow_tracking_uri or f"sqlite:///{home / 'mlflow.db'}",
        }
        for name, value in defaults.items():
            object.__setattr__(self, name, value)
        return self


def _absolute(uri: str) -> str:
    """Return a local path from the root, so that a task in another working folder means the same; others as they are."""
    if not uri or uri.startswith("s3://"):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://")).expanduser().resolve())
