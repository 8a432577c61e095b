"""The stage: choose the challenger, ask every model the same rows, measure, keep the evidence, write the page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from evergreen.digests import digest_bytes, digest_table
from evergreen.files import Files, join_uri
from evergreen.measurement import JudgedModel, Measurement
from evergreen.predictors.bundle import load_predictor
from evergreen.reports.gate_report import render_gate_page
from evergreen.results import Evaluation
from evergreen.stages.evaluate.answers import Answers
from evergreen.stages.evaluate.challenger import choose_challenger
from evergreen.stages.evaluate.contest import Contest
from evergreen.stages.evaluate.figures import draw_figures
from evergreen.stages.evaluate.holdout import read_holdout
from evergreen.stages.evaluate.serving import measure_parity, measure_serving
from evergreen.stages.evaluate.statistics import measure_statistics
from evergreen.tables.addresses import report_uri
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.measurement import Role
    from evergreen.predictors.predictor import Predictor
    from evergreen.results import Candidate, ChampionVersion, FeatureSet
    from evergreen.settings import Settings
    from evergreen.stages.evaluate.holdout import Holdout
    from evergreen.statistics.rows import Floats

logger = logging.getLogger(__name__)
STAGE = "evaluate"


def evaluate(
    definition: ModelDefinition,
    features: FeatureSet,
    candidates: Sequence[Candidate],
    champion: ChampionVersion | None,
    settings: Settings,
    *,
    champion_features: FeatureSet | None = None,
    force: bool = False,
) -> Evaluation:
    """Measure the best candidate against the champion and the baseline on rows none of them has seen.

    Args:
        definition: The model.
        features: What the candidates were trained on.
        candidates: What was trained; the baseline among them.
        champion: What is served; None before the first release.
        settings: Where things are.
        champion_features: The same rows as the champion's features were built; None when the others are built the same way.
        force: Measure again even if the same was measured before.

    Raises:
        RequestError: No challenger can be chosen.
        FeatureError: The champion's features are of other rows.
        DigestMismatchError: A bundle is not the one that was trained or released.
        StoreUnavailableError: A store did not answer.
    """
    challenger, baseline = choose_challenger(candidates, definition.gate.primary.metric, features)
    contest = Contest(definition, features, champion_features, challenger, baseline, champion)
    files = Files.from_settings(settings)
    store = StageResults(settings.results_uri, definition.name, files)
    known = store.get(STAGE, contest.key, Evaluation)
    is_gone = known is not None and not _is_there(known, files)
    return store.once(STAGE, contest.key, Evaluation, lambda: _evaluate(contest, settings, files), force=force or is_gone)


def _is_there(known: Evaluation, files: Files) -> bool:
    return all(files.exists(uri) for uri in (known.measurement_uri, known.predictions_uri))


def _evaluate(contest: Contest, settings: Settings, files: Files) -> Evaluation:
    definition, features = contest.definition, contest.features
    predictors = _load(contest, files)
    models = tuple(_describe(contest, role, predictor) for role, predictor in predictors.items())
    watermarks = [model.trained_through for model in models]
    holdout = read_holdout(definition, features, contest.champion_features, watermarks, files)
    answers = _ask(contest, predictors, holdout)
    folder = join_uri(settings.results_uri, definition.name, STAGE, contest.key)
    predictions_uri = join_uri(folder, "predictions.parquet")
    files.write_bytes(predictions_uri, answers.to_parquet())
    thresholds = {model.role: model.threshold for model in models}
    measurement = Measurement(
        model=definition.name,
        as_of=features.as_of,
        terms=contest.terms,
        holdout_from=holdout.starts,
        judged_after=holdout.judged_after,
        unjudged_rows=holdout.unjudged_rows,
        overlapping_rows=_overlap(holdout),
        models=models,
        features_digest=features.digest,
        snapshot_digest=features.snapshot_digest,
        holdout_digest=digest_table(answers.questions),
        predictions_uri=predictions_uri,
        predictions_digest=digest_table(answers.table),
        statistics=measure_statistics(answers, contest.terms, thresholds),
        serving=measure_serving(predictors["challenger"], holdout.rows),
        parity=measure_parity(predictors["challenger"], holdout.rows),
        figures=draw_figures(answers, contest.terms, thresholds),
    )
    return _keep(contest, measurement, folder, settings, files)


def _load(contest: Contest, files: Files) -> dict[Role, Predictor]:
    bundles: dict[Role, Candidate | ChampionVersion] = {"challenger": contest.challenger}
    if contest.champion is not None:
        bundles["champion"] = contest.champion
    bundles["baseline"] = contest.baseline
    return {role: load_predictor(files, bundle.bundle_uri, bundle.bundle_digest) for role, bundle in bundles.items()}


def _describe(contest: Contest, role: Role, predictor: Predictor) -> JudgedModel:
    manifest, is_champion = predictor.manifest, role == "champion"
    asked_with = (contest.champion_features or contest.features) if is_champion else contest.features
    return JudgedModel(
        role=role,
        algorithm=manifest.algorithm,
        version=contest.champion.version if is_champion and contest.champion else None,
        bundle_digest=manifest.digest,
        features_digest=asked_with.digest,
        features_source_digest=manifest.features_source_digest,
        trained_from=manifest.trained_from,
        trained_through=manifest.trained_through,
        training_rows=manifest.training_rows,
        threshold=manifest.threshold,
    )


def _ask(contest: Contest, predictors: dict[Role, Predictor], holdout: Holdout) -> Answers:
    probabilities = {
        role: _probabilities(predictor, holdout.champion_rows if role == "champion" else holdout.rows)
        for role, predictor in predictors.items()
    }
    return Answers.from_rows(holdout.rows, contest.terms.slices, probabilities)


def _probabilities(predictor: Predictor, rows: pd.DataFrame) -> Floats:
    return np.empty(0) if rows.empty else predictor.probability(rows)


def _overlap(holdout: Holdout) -> int:
    return int((holdout.rows["_event_time"] <= holdout.judged_after).sum())


def _keep(contest: Contest, measurement: Measurement, folder: str, settings: Settings, files: Files) -> Evaluation:
    data = measurement.to_bytes()
    digest = digest_bytes(data)
    measurement_uri = join_uri(folder, f"measurement-{digest}.json")
    files.write_bytes(measurement_uri, data)
    page = report_uri(settings, measurement.model, "gate", f"{measurement.as_of:%Y%m%dT%H%MZ}-{digest[:8]}.html")
    files.write_bytes(page, render_gate_page(measurement, contest.definition, decision=None).encode())
    logger.info(
        "%s: measured on %d rows of %d days; %s",
        measurement.model,
        measurement.statistics.rows,
        measurement.statistics.days,
        page,
    )
    return Evaluation(
        model=measurement.model,
        as_of=measurement.as_of,
        challenger=contest.challenger,
        baseline=contest.baseline,
        champion_version=contest.champion and contest.champion.version,
        measurement_uri=measurement_uri,
        measurement_digest=digest,
        holdout_digest=measurement.holdout_digest,
        holdout_rows=measurement.statistics.rows,
        report_uri=page,
        predictions_uri=measurement.predictions_uri,
    )
