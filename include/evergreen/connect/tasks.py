"""The tasks: each a lazy import and one call. Order is written in the DAG files alone.

A task passes on what its stage returns, as plain JSON: addresses, versions, digests and counts, never rows.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

XCom = dict[str, Any]


@task
def ingest() -> XCom:
    """Copy new and corrected days from the landing zone into versioned tables."""
    from evergreen.connect.connections import connection_url
    from evergreen.connect.run import current_run
    from evergreen.connect.trainings import note_arrival
    from evergreen.stages.ingest import ingest as stage

    run = current_run()
    note_arrival(run)
    return stage(run.definition, run.settings, run.as_of, resolve_connection=connection_url, force=run.force).to_xcom()


@task
def validate(snapshot: XCom) -> XCom:
    """Check every expectation; set bad rows aside with their reasons, or stop."""
    from evergreen.connect.run import current_run
    from evergreen.results import Snapshot
    from evergreen.stages.validate import validate as stage

    run = current_run()
    return stage(run.definition, Snapshot.from_xcom(snapshot), run.settings, force=run.force).to_xcom()


@task
def build_features(validated: XCom) -> XCom:
    """Compute the features of new days, each row from what was known at its own moment; quarantined days are left out."""
    from evergreen.connect.learning import features_to_learn_from
    from evergreen.connect.run import current_run
    from evergreen.results import ValidatedSnapshot

    run = current_run()
    return features_to_learn_from(run, ValidatedSnapshot.from_xcom(validated)).to_xcom()


@task(map_index_template="{{ name }}")
def train(features: XCom, name: str) -> XCom:
    """Search, fit and calibrate one candidate on everything before the holdout."""
    from evergreen.connect.provenance import code_revision, lock_digest
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skip_unless
    from evergreen.results import FeatureSet
    from evergreen.stages.train import plan_candidates, train_candidate

    run = current_run()
    skip_unless(name in plan_candidates(run.definition), f"{name} was not asked for in this run")
    return train_candidate(
        run.definition,
        FeatureSet.from_xcom(features),
        run.settings,
        name,
        lock_digest=lock_digest(),
        code_revision=code_revision(),
        force=run.force,
    ).to_xcom()


@task(trigger_rule="none_failed_min_one_success")
def evaluate(validated: XCom, features: XCom, candidates: list[XCom]) -> XCom:
    """Score challenger, champion and baseline on the same rows, which none of them has seen."""
    from evergreen.connect.champion import current_champion, features_to_judge
    from evergreen.connect.run import current_run
    from evergreen.results import Candidate, FeatureSet, ValidatedSnapshot
    from evergreen.stages.evaluate import evaluate as stage

    run = current_run()
    own, champion = FeatureSet.from_xcom(features), current_champion(run)
    champion_features = features_to_judge(run, ValidatedSnapshot.from_xcom(validated), own, champion)
    trained = [Candidate.from_xcom(candidate) for candidate in candidates if candidate]
    return stage(
        run.definition, own, trained, champion, run.settings, champion_features=champion_features, force=run.force
    ).to_xcom()


@task
def gate(evaluation: XCom) -> XCom:
    """Decide: promote, keep or inconclusive, with reasons in words."""
    from evergreen.connect.run import current_run
    from evergreen.connect.trainings import started_because
    from evergreen.results import Evaluation
    from evergreen.stages.gate import gate as stage

    run = current_run()
    why = started_because(run.reason, run.decision_id)
    return stage(run.definition, Evaluation.from_xcom(evaluation), run.settings, started_because=why).to_xcom()


@task
def register(verdict: XCom) -> XCom:
    """Give a promoted challenger a version in MLflow; skipped when the champion stays."""
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skip_unless
    from evergreen.results import Outcome, Verdict
    from evergreen.stages.register import register as stage

    run = current_run()
    decided = Verdict.from_xcom(verdict)
    skip_unless(decided.outcome is Outcome.PROMOTE, f"the verdict is {decided.outcome}: {decided.reasons[0]}")
    skip_unless(not run.dry_run, "this is a dry run: decided and recorded, released nothing")
    return stage(run.definition, decided, run.settings).to_xcom()


@task
def smoke_test(registered: XCom, features: XCom, evaluation: XCom) -> XCom:
    """Load the version in a fresh process, as the gateway will, and compare its answers with the stored ones."""
    from evergreen.connect.run import current_run
    from evergreen.results import Evaluation, FeatureSet, RegisteredVersion
    from evergreen.stages.smoke_test import smoke_test as stage

    run = current_run()
    return stage(
        run.definition,
        RegisteredVersion.from_xcom(registered),
        FeatureSet.from_xcom(features),
        Evaluation.from_xcom(evaluation),
        run.settings,
    ).to_xcom()


@task
def prepare(validated: XCom, tested: XCom) -> XCom:
    """Publish what the gateway needs to ask the challenger, before its trial begins."""
    from evergreen.connect.champion import publish_for_challenger
    from evergreen.connect.run import current_run
    from evergreen.results import SmokeTest, ValidatedSnapshot

    run, version = current_run(), SmokeTest.from_xcom(tested).registered.version
    return publish_for_challenger(run, ValidatedSnapshot.from_xcom(validated), version).to_xcom()


@task
def release(tested: XCom, verdict: XCom, answer: XCom | None = None) -> XCom:
    """Make the tested version the champion, with its decision record, one promotion at a time."""
    from evergreen.connect.approval import released_by
    from evergreen.connect.run import current_run
    from evergreen.connect.trials import is_untried
    from evergreen.results import SmokeTest, Verdict
    from evergreen.stages.release import release as stage

    run = current_run()
    smoked, decided = SmokeTest.from_xcom(tested), Verdict.from_xcom(verdict)
    skip_trial = is_untried(run, decided)
    actor = ("without its trial; " if skip_trial else "") + released_by(run, answer)
    return stage(run.definition, smoked, decided, run.settings, actor=actor, skip_trial=skip_trial).to_xcom()


@task(task_id="build_features")
def build_champion_features(validated: XCom) -> XCom:
    """Compute the features of new days with the champion's own features.py; skipped while there is no champion."""
    from evergreen.connect.champion import current_champion, features_to_score
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skipped
    from evergreen.results import ValidatedSnapshot

    run = current_run()
    champion = current_champion(run)
    if champion is None:
        raise skipped("there is no champion yet: train one first")
    return features_to_score(run, ValidatedSnapshot.from_xcom(validated), champion).to_xcom()


@task
def score(features: XCom) -> XCom:
    """Score the newest complete day, and days that were missed, with the champion; what an earlier release said stays."""
    from evergreen.connect.connections import connection_url
    from evergreen.connect.run import current_run
    from evergreen.results import FeatureSet
    from evergreen.stages.score import score_night

    run = current_run()
    return score_night(
        run.definition, FeatureSet.from_xcom(features), run.settings, resolve_connection=connection_url, force=run.force
    ).to_xcom()


@task
def materialize(validated: XCom) -> XCom:
    """Publish what the gateway needs besides a request: tonight's entity features and the rows of joined tables."""
    from evergreen.connect.champion import current_champion, publish_online_inputs
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skipped
    from evergreen.results import ValidatedSnapshot

    run = current_run()
    champion = current_champion(run)
    if champion is None:
        raise skipped("there is no champion yet: train one first")
    return publish_online_inputs(run, ValidatedSnapshot.from_xcom(validated), champion).to_xcom()


@task
def promote() -> XCom:
    """Make the challenger on trial, or the version that the form names, the champion."""
    from evergreen.connect.run import asked_for, current_run
    from evergreen.stages.release import promote as stage

    run = current_run()
    return stage(
        run.definition,
        run.settings,
        run.reason,
        version=asked_for("version"),
        actor=run.actor,
        request_id=run.run_id,  # makes a repeated task promote once
        asked_at=run.asked_at,
    ).to_xcom()


@task
def rollback() -> XCom:
    """Take the challenger on trial back; or bring the previous release back: model, feature code, schema and thresholds."""
    from evergreen.connect.run import current_run
    from evergreen.stages.release import rollback as stage

    run = current_run()
    return stage(
        run.definition,
        run.settings,
        run.reason,
        actor=run.actor,
        request_id=run.run_id,  # makes a repeated task take back one thing
        asked_at=run.asked_at,
    ).to_xcom()


@task
def pause_rollout() -> XCom:
    """Keep the challenger on trial at its present step, or let it go on."""
    from evergreen.connect.run import asked_for, current_run
    from evergreen.stages.release import pause_rollout as stage

    run, resume = current_run(), bool(asked_for("resume"))
    return stage(run.definition, run.settings, run.reason, resume=resume, actor=run.actor, request_id=run.run_id).to_xcom()


@task
def clean_up() -> None:
    """Remove files that a killed task left half-written, and take back a challenger that the run leaves on trial."""
    from evergreen.connect.cleaning import clean_after
    from evergreen.connect.rollout import end_with_this_run
    from evergreen.connect.run import current_run

    run = current_run()
    end_with_this_run(run)
    clean_after(run)
