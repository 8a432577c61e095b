"""Where things are: read from the environment once, passed in by the caller, never asked for below."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from evergreen.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""The checkout (or the folder that holds the installed package)."""


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_ALLOWED = {"bool_parsing": "true or false", "int_parsing": "a whole number"}
"""How we say what pydantic says as a programmer."""
_SAID_BEFORE = re.compile(r"^(Input should be|Value error,) ")


class Settings(BaseSettings):
    """Addresses of every store, from `EVERGREEN_*` variables.

    With nothing set, everything lives under `.evergreen/` beside the project. A URI is a local path or `s3://bucket/prefix`.
    """

    model_config = SettingsConfigDict(
        env_prefix="EVERGREEN_", env_ignore_empty=True, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    home: Path = PROJECT_ROOT / ".evergreen"
    """Folder of everything that has no address of its own."""

    definitions_dir: Path = PROJECT_ROOT / "include" / "models"
    """Folder of the model definitions."""

    definitions_in_bundle: str = ""
    """Folder of the definitions in a DAG bundle, relative to the folder of the DAG files, such as `../include/models`: DAGs and
    tasks then read those of their own version. Empty means `definitions_dir`, which everything else reads in any case."""

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

    database_url: str = Field("", repr=False)
    """SQLAlchemy URL of decision records; default SQLite at `<home>/evergreen.db`."""

    mlflow_tracking_uri: str = Field("", repr=False)
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
    """Secret key of hashes, to be kept: needed for `serving.personal.hash`, and by all who take rows in after an erasure."""

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
            raise _cannot_be_used(error) from None
        _require_addresses_that_can_be_shown(self)

    @field_validator("landing_uri", "tables_uri", "artifacts_uri", "reports_uri", "results_uri", "gateway_keys_file")
    @classmethod
    def _be_a_place_that_we_can_write_to(cls, value: str, info: ValidationInfo) -> str:
        """Take `gs://bucket` for what it is, and not for a folder of that name."""
        schemes = ("file",) if info.field_name == "gateway_keys_file" else ("file", "s3")
        scheme = _SCHEME.match(value)
        if scheme is None or scheme[1] in schemes:
            return value
        raise ValueError("a local path" + (" or s3://bucket/prefix" if "s3" in schemes else ""))

    @field_validator("database_url")
    @classmethod
    def _be_an_address(cls, value: str) -> str:
        if value and _SCHEME.match(value) is None:
            raise ValueError("an address such as postgresql+psycopg://user@host/database, or sqlite:////folder/evergreen.db")
        return value

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


def _cannot_be_used(error: ValidationError) -> SettingsError:
    wrong = {str(each["loc"][0]): each for each in error.errors()[:10]}
    return SettingsError(
        f"{', '.join(map(_variable, wrong))} cannot be used",
        found="; ".join(f"{_variable(name)}={_shown_value(name, each['input'])}" for name, each in wrong.items()),
        allowed="; ".join(_ALLOWED.get(each["type"]) or _SAID_BEFORE.sub("", each["msg"]) for each in wrong.values()),
        remedy="correct or unset the variable; docs/reference/settings.md lists all of them",
    )


def _variable(field: str) -> str:
    return f"EVERGREEN_{field.upper()}"


def _shown_value(field: str, value: object) -> str:
    known = Settings.model_fields.get(field)
    return "a value that is not shown here" if known is not None and not known.repr else repr(str(value)[:80])


def shown_address(url: str) -> str:
    """Return an address fit for a message: without its password, and without a query, where drivers take passwords too."""
    scheme, found, rest = url.partition("://")
    if not found:
        return scheme.partition("?")[0]
    rest, query, _ = rest.partition("?")
    if not scheme.startswith("sqlite"):
        before, at, rest = rest.rpartition("@")
        name, colon, _ = before.partition(":")
        rest = f"{name}{colon and ':***'}{at}{rest}"
    return f"{scheme}://{rest}{query and '?…'}"


def _require_addresses_that_can_be_shown(settings: Settings) -> None:
    """Refuse addresses whose secrets could not be told from the rest, or would be repeated by others who report on them."""
    for name in ("database_url", "mlflow_tracking_uri"):
        if _hides_its_password(getattr(settings, name)):
            raise SettingsError(
                f"EVERGREEN_{name.upper()} cannot be taken apart safely",
                found="an address that is not shown here, because it may hold a password",
                allowed="scheme://user:password@host:port/database, special characters of the password as %40, %2F, %3A …",
                remedy="encode the password, take it out of the query, or leave it to the driver (PGPASSFILE)",
            )
    for name in ("mlflow_tracking_uri", "mlflow_ui_url", "s3_endpoint_url"):
        if re.match(r"https?://[^/?#]*@", getattr(settings, name)):
            raise SettingsError(
                f"EVERGREEN_{name.upper()} holds a name or a password",
                found=shown_address(getattr(settings, name)),
                allowed="an address alone: programs repeat it in their errors, and pages link to it",
                remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or what AWS's tools look for, instead",
            )


def _hides_its_password(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    if scheme.startswith("sqlite"):
        return False
    authority, _, path = rest.partition("/")
    _, _, host = authority.rpartition("@")
    port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    strange = authority.count("@") > 1 or "@" in path or not (port == "" or port.isdigit())
    return strange or re.search(r"(^|&)(password|passwd|pwd|sslpassword)=", query) is not None


def _absolute(uri: str) -> str:
    """Return a local path from the root, so that a task in another working folder means the same; others as they are."""
    if not uri or uri.startswith("s3://"):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://")).expanduser().resolve())
