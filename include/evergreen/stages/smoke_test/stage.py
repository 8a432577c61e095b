"""The smoke test: stored rows, asked again of a fresh process, twice: as the gateway will, and by plain MLflow."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.errors import SmokeTestError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.aliases import MlflowAliases
from evergreen.registry.pyfunc_model import PROBE
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import SmokeTest
from evergreen.stages.smoke_test.fresh_process import ask_fresh_process
from evergreen.stages.smoke_test.stored_rows import stored_rows
from evergreen.tables.smoke_tests import keep_smoke_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.results import Evaluation, FeatureSet, RegisteredVersion
    from evergreen.settings import Settings

TIMEOUT_SECONDS = 180.0
"""A cold import of MLflow on a busy machine takes the better part of half a minute."""
_log = logging.getLogger(__name__)


def smoke_test(
    definition: ModelDefinition, registered: RegisteredVersion, features: FeatureSet, evaluation: Evaluation, settings: Settings
) -> SmokeTest:
    """Ask a fresh process for answers that are known, and compare. A test that went well is kept.

    Args:
        definition: The model; section `release` says how many rows, how close and how much memory.
        registered: The version to test.
        features: The features that were judged.
        evaluation: Where the judged model's answers are stored.
        settings: Where things are.

    Raises:
        SmokeTestError: A process failed, an answer differs by more than the tolerance, or it took too much memory.
        DigestMismatchError: The bundle is not the one that was judged.
        StoreUnavailableError: A store did not answer.
    """
    files, plan = Files.from_settings(settings), definition.release
    manifest, _ = read_bundle(files, registered.bundle_uri, registered.bundle_digest)
    names = (*manifest.numeric, *manifest.categorical)
    columns, stored = stored_rows(files, features, evaluation, names, plan.smoke_rows)
    gateway = ask_fresh_process(
        ["-m", "evergreen.serving.probe"],
        {"bundle_uri": registered.bundle_uri, "bundle_digest": registered.bundle_digest, "columns": columns},
        settings,
        what="loads the release as the gateway will",
        timeout_seconds=TIMEOUT_SECONDS,
    )
    plain = _ask_plain_mlflow(registered, columns, settings)
    tested = SmokeTest(
        registered=registered,
        rows=len(stored),
        max_difference=max(_difference(gateway[way], stored) for way in ("batch", "single")),
        load_seconds=gateway["load_seconds"],
        single_row_p50_ms=gateway["single_row_p50_ms"],
        single_row_p99_ms=gateway["single_row_p99_ms"],
        peak_memory_mb=gateway["peak_memory_mb"],
        pyfunc_max_difference=_difference(plain["batch"], stored),
    )
    _require_within(tested, definition)
    keep_smoke_test(tested, settings)
    return tested


def _ask_plain_mlflow(registered: RegisteredVersion, columns: dict[str, list[Any]], settings: Settings) -> dict[str, Any]:
    question = {
        "tracking_uri": settings.mlflow_tracking_uri,
        "model": registered.model,
        "version": registered.version,
        "columns": columns,
    }
    try:
        return ask_fresh_process(
            ["-I", str(PROBE)], question, settings, what="loads the version by plain MLflow", timeout_seconds=TIMEOUT_SECONDS
        )
    except SmokeTestError:
        # Was it the version, or is MLflow away? If it is away this says so, and the task is tried again.
        known = ReleaseRegistry(settings).version(registered.model, registered.version)
        if known is not None:
            MlflowAliases(settings).holds(known)
        raise


def _difference(answers: Sequence[float], stored: Sequence[float]) -> float:
    """Return the largest absolute difference; infinite where an answer is missing or is no number."""
    if len(answers) != len(stored):
        return float("inf")
    largest = float(np.max(np.abs(np.asarray(answers, dtype=np.float64) - np.asarray(stored, dtype=np.float64))))
    return largest if np.isfinite(largest) else float("inf")


def _require_within(tested: SmokeTest, definition: ModelDefinition) -> None:
    plan = definition.release
    remedy = "look at the release in MLflow and at the smoke_test log; the champion has not moved"
    for way, difference in (("the gateway's way", tested.max_difference), ("plain MLflow", tested.pyfunc_max_difference)):
        if not difference <= plan.smoke_tolerance:
            raise SmokeTestError(
                f"the release answers otherwise than when it was judged, asked by {way}",
                found=f"largest difference {difference:g} over {tested.rows} rows",
                allowed=f"at most {plan.smoke_tolerance:g} (release.smoke_tolerance)",
                remedy=remedy,
            )
    if not tested.peak_memory_mb <= plan.smoke_memory_mb:
        raise SmokeTestError(
            "the release takes too much memory",
            found=f"{tested.peak_memory_mb:.0f} MB",
            allowed=f"at most {plan.smoke_memory_mb:.0f} MB (release.smoke_memory_mb)",
            remedy=remedy,
        )
    budget_ms = definition.gate.budget.single_row_p99_ms
    if tested.single_row_p99_ms > budget_ms:
        # The gate has judged latency on many rows; here it is one look at a machine that may be busy.
        _log.warning(
            "one row took %.1f ms at the 99th percentile, above the gate's %.1f ms", tested.single_row_p99_ms, budget_ms
        )
