"""Smoke tests that went well, kept by the version they are about: whoever releases by hand asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.files import Files
from evergreen.results import SmokeTest
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    from evergreen.results import ChampionVersion, RegisteredVersion
    from evergreen.settings import Settings

_STAGE = "smoke_test"


def keep_smoke_test(tested: SmokeTest, settings: Settings) -> None:
    """Keep a smoke test that went well, replacing an earlier one of the version.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    _results(settings, tested.registered.model).put(_STAGE, _key(tested.registered), tested)


def kept_smoke_test(version: ChampionVersion, settings: Settings) -> SmokeTest | None:
    """Return the last smoke test of a version that went well, None where none did.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    return _results(settings, version.model).get(_STAGE, _key(version), SmokeTest)


def _results(settings: Settings, model: str) -> StageResults:
    return StageResults(settings.results_uri, model, Files.from_settings(settings))


def _key(version: ChampionVersion | RegisteredVersion) -> str:
    return digest_json([version.version, version.bundle_digest, version.decision_id])
