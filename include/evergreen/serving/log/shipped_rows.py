"""Records on their way into the table `served`."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from evergreen.tables.served_roles import ANSWERED, PROBE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from evergreen.serving.log.record import AnsweringRelease, AnswerRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def served_rows(answers: Iterable[AnswerRecord], releases: Mapping[str, AnsweringRelease]) -> pa.Table:
    """Return answers as rows of the table, with `_day` as ISO text: the local day of the event time.

    Args:
        answers: Of any releases; probes are left out.
        releases: Those releases, by bundle digest.
    """
    import pyarrow as pa

    from evergreen.tables.day_rows import DAY
    from evergreen.tables.served_columns import SERVED

    # Who has not answered has no features.
    by_release: dict[tuple[str, bool], list[AnswerRecord]] = defaultdict(list)
    for answer in answers:
        if answer.role != PROBE:
            by_release[answer.bundle_digest, answer.role in ANSWERED].append(answer)
    if not by_release:
        return pa.schema([*SERVED, (DAY, pa.string())]).empty_table()
    tables = [_of_one_release(found, releases[digest], has) for (digest, has), found in sorted(by_release.items())]
    return pa.concat_tables(tables, promote_options="default")


def local_day(microseconds: int, zone: ZoneInfo) -> str:
    """Return the local day of a moment as ISO text."""
    return (_EPOCH + timedelta(microseconds=microseconds)).astimezone(zone).date().isoformat()


def _of_one_release(answers: list[AnswerRecord], release: AnsweringRelease, has_features: bool) -> pa.Table:
    import pyarrow as pa

    from evergreen.tables.day_rows import DAY
    from evergreen.tables.served_columns import NUMBER, SERVED, TEXT

    zone = ZoneInfo(release.timezone)
    values = {
        "_key": [each.key for each in answers],
        "_event_time": [each.event_time_us for each in answers],
        "probability": [each.probability for each in answers],
        "decision": [each.decision for each in answers],
        "release_version": [each.release_version for each in answers],
        "bundle_digest": [each.bundle_digest for each in answers],
        "_trained_through": [each.trained_through_us for each in answers],
        "_prediction_time": [each.moment_us for each in answers],
        "_answered_at": [each.answered_at_us for each in answers],
        "_online_as_of": [each.online_as_of_us for each in answers],
        "online_digest": [each.online_digest for each in answers],
        "request_id": [each.request_id for each in answers],
        "row": [each.row for each in answers],
        "role": [each.role for each in answers],
        "review": [each.review for each in answers],
        "latency_us": [each.latency_us for each in answers],
        "compute_us": [each.compute_us for each in answers],
        "rollout_id": [each.rollout_id for each in answers],
        "error": [each.error for each in answers],
        "champion_probability": [each.champion_probability if each.rollout_id else None for each in answers],
        "champion_decision": [each.champion_decision for each in answers],
        "champion_compute_us": [each.champion_compute_us if each.rollout_id else None for each in answers],
        "worker_mb": [each.worker_mb if each.rollout_id else None for each in answers],
        "requests": [each.requests for each in answers],
        "inputs": [msgspec.json.encode(each.inputs).decode() for each in answers],
    }
    columns = {name: pa.array(values[name], kind) for name, kind in SERVED}
    columns[DAY] = pa.array([local_day(each.event_time_us, zone) for each in answers], pa.string())
    features = list(zip(*(each.features for each in answers), strict=True))
    for place, name in enumerate(release.features if has_features else ()):
        numeric = place < len(release.numeric)
        kind = pa.float64() if numeric else pa.string()
        columns[(NUMBER if numeric else TEXT) + name] = pa.array(features[place], kind, from_pandas=True)
    return pa.table(columns)
