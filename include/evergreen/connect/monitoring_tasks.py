"""The tasks of a night of monitoring and of the sweep: each a lazy import and one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import task

if TYPE_CHECKING:
    from evergreen.connect.tasks import XCom


@task
def collect() -> XCom:
    """Bring together what the champion said and what came true, as it was known at the as-of."""
    from evergreen.connect.run import current_run
    from evergreen.stages.collect import collect as stage

    run = current_run()
    return stage(run.definition, run.settings, run.as_of, force=run.force).to_xcom()


@task
def check_quality(collected: XCom) -> XCom:
    """Look for faults of the data, day by day: missing values, new categories, changed units, missing days."""
    from evergreen.connect.run import current_run
    from evergreen.results import Collected
    from evergreen.stages.check_quality.stage import check_quality as stage

    run = current_run()
    return stage(run.definition, Collected.from_xcom(collected), run.settings).to_xcom()


@task
def check_drift(collected: XCom) -> XCom:
    """Compare what comes in, and what is answered, with what the release has learned from."""
    from evergreen.connect.run import current_run
    from evergreen.results import Collected
    from evergreen.stages.check_drift.stage import check_drift as stage

    run = current_run()
    return stage(run.definition, Collected.from_xcom(collected), run.settings).to_xcom()


@task
def check_performance(collected: XCom) -> XCom:
    """Measure how good the answers were, on days whose labels have matured."""
    from evergreen.connect.run import current_run
    from evergreen.results import Collected
    from evergreen.stages.check_performance.stage import check_performance as stage

    run = current_run()
    return stage(run.definition, Collected.from_xcom(collected), run.settings).to_xcom()


@task
def check_operations(collected: XCom) -> XCom:
    """Look at the machinery itself: run times, rows, answers that are missing or always the same."""
    from evergreen.connect.run import current_run
    from evergreen.results import Collected
    from evergreen.stages.check_operations.stage import check_operations as stage

    run = current_run()
    return stage(run.definition, Collected.from_xcom(collected), run.settings).to_xcom()


@task
def triage(collected: XCom, checked: list[XCom]) -> XCom:
    """Find the cause of what the checks saw, tonight and in the nights before."""
    from evergreen.connect.run import current_run
    from evergreen.results import CheckedNight, Collected
    from evergreen.stages.triage import triage as stage

    run = current_run()
    nights = [CheckedNight.from_xcom(each) for each in checked]
    return stage(run.definition, Collected.from_xcom(collected), nights, run.settings).to_xcom()


@task
def probe(collected: XCom, triaged: XCom) -> XCom:
    """Ask whether a quick refit would have beaten the champion; skipped where nobody wants to know."""
    from evergreen.connect.learning import features_of_tonight
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skip_unless
    from evergreen.observation import Cause
    from evergreen.results import Collected, Triaged
    from evergreen.stages.probe import probe as stage

    cause = Triaged.from_xcom(triaged)
    skip_unless(cause.wants_probe, f"nothing to ask tonight: {cause.reasons[0]}")
    run = current_run()
    night, features = Collected.from_xcom(collected), features_of_tonight(run)
    alarmed = cause.cause == Cause.CONCEPT_DRIFT
    return stage(run.definition, night, features, run.settings, alarmed=alarmed, force=run.force).to_xcom()


@task
def compare(collected: XCom) -> XCom:
    """Hold a new champion against the release that it replaced, on what came true since; skipped where no look is due."""
    from evergreen.connect.probation import compare_releases
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skipped
    from evergreen.results import Collected

    compared = compare_releases(current_run(), Collected.from_xcom(collected))
    if compared is None:
        raise skipped("no look at a new champion is due tonight")
    return compared.to_xcom()


@task(trigger_rule="none_failed_min_one_success")
def decide(collected: XCom, checked: list[XCom], triaged: XCom, probed: XCom | None, compared: XCom | None) -> XCom:
    """Decide what is done tonight, and keep the decision with its reasons, also when it is to do nothing."""
    from evergreen.connect.night_page import draw_night, night_page_uri
    from evergreen.connect.run import current_run
    from evergreen.registry.nights import NightStore
    from evergreen.results import CheckedNight, Collected, ComparedReleases, Probed, Triaged
    from evergreen.stages.retrain import decide as stage

    run, night, cause = current_run(), Collected.from_xcom(collected), Triaged.from_xcom(triaged)
    measured = Probed.from_xcom(probed) if probed else None
    beside = ComparedReleases.from_xcom(compared) if compared else None
    decided = stage(run.definition, night, cause, measured, run.settings, compared=beside, report_uri=night_page_uri(run))
    kept = NightStore(run.settings.database_url).get(decided.decision_id)
    if kept is not None:
        draw_night(run, night, [CheckedNight.from_xcom(each) for each in checked], cause, measured, beside, kept)
    return decided.to_xcom()


@task
def roll_back(decided: XCom) -> XCom:
    """Make the release before the champion again, where tonight's decision says so; skipped where it does not."""
    from evergreen.connect.probation import take_back
    from evergreen.connect.run import current_run
    from evergreen.connect.skipping import skip_unless
    from evergreen.results import Decided

    tonight = Decided.from_xcom(decided)
    skip_unless(tonight.rolls_back_to is not None, f"nothing is taken back tonight: {tonight.action}")
    return take_back(current_run(), tonight).to_xcom()


@task
def due(decided: XCom) -> list[XCom]:
    """List the trainings to start: tonight's, if tonight asks for one, and those of earlier nights that never began."""
    from evergreen.connect.run import current_run
    from evergreen.connect.trainings import pending_trainings

    run = current_run()
    return pending_trainings(run.settings, run.definition.name)


@task
def tell(decided: XCom) -> list[str]:
    """Tell whoever has to hear of tonight, unless they were told; what could not be delivered waits for the next sweep."""
    from evergreen.connect.alerts.night import tell_of_night
    from evergreen.connect.run import current_run
    from evergreen.results import Decided

    return tell_of_night(current_run(), Decided.from_xcom(decided))


@task
def due_of_all() -> list[XCom]:
    """List the trainings of all models that were decided on and never began."""
    from evergreen.connect.sweeping import due_of_all_models
    from evergreen.settings import Settings

    return due_of_all_models(Settings())


@task
def look_for_silence() -> list[str]:
    """Tell of every model whose champion nobody has watched for too long, or whose gateway has old features."""
    from evergreen.connect.sweeping import tell_of_old_features, tell_of_silence
    from evergreen.settings import Settings

    settings = Settings()
    return [*tell_of_silence(settings), *tell_of_old_features(settings)]


@task
def tell_again() -> list[str]:
    """Try every message again that could not be delivered."""
    from evergreen.connect.alerts.waiting import tell_what_waits
    from evergreen.settings import Settings

    return [each.line for each in tell_what_waits(Settings())]


@task
def end_forgotten_rollouts() -> list[str]:
    """Take back every challenger on trial that nobody watches any more, and tell of it."""
    from airflow.sdk import get_current_context

    from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts as end
    from evergreen.settings import Settings

    ti = get_current_context()["ti"]

    def is_running(dag_id: str, run_id: str) -> bool:
        return ti.get_dr_count(dag_id, run_ids=[run_id], states=["queued", "running"]) > 0

    return end(Settings(), is_running)
