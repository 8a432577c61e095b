"""The stage: who is watched tonight, what was said, what came true."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.digests import digest_json, digest_table
from evergreen.features.windows import last_complete_day
from evergreen.files import Files
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.nights import NightStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Collected
from evergreen.stages.collect.champion import Reign, reign_at, reigns, versions_by
from evergreen.stages.collect.joining import Joined, Work, join_outcomes, read_revisions
from evergreen.stages.collect.prediction_source import Answered
from evergreen.stages.collect.progress import Progress
from evergreen.stages.collect.revisions import count_changes
from evergreen.stages.collect.unscored import unscored_days, validation_failures
from evergreen.tables.addresses import as_of_name, labels_uri, outcomes_uri, validations_uri
from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY, DayTable
from evergreen.tables.outcomes import LABEL, known_at
from evergreen.tables.predictions import EVENT_TIME, KEY, said_last
from evergreen.tables.served_table import ServedTable
from evergreen.tables.stage_results import StageResults
from evergreen.tables.watched_rows import current_outcomes, first_watched_day

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings
    from evergreen.stages.collect.prediction_source import PredictionSource

logger = logging.getLogger(__name__)
STAGE = "collect"
_ADDRESSES = {"predictions_uri", "predictions_version", "outcomes_uri", "outcomes_version", "digest"}
_NOT_LOOKED_AT = {"replaced"}
"""Who was champion before is no part of what the checks look at."""
_OF_THE_GATEWAY = {"answers", "served_uri", "served_version", "slice_columns"}


def collect(
    definition: ModelDefinition,
    settings: Settings,
    as_of: datetime,
    *,
    source: PredictionSource | None = None,
    force: bool = False,
) -> Collected:
    """Join what was said with what came true by a night, and say what there is to look at.

    The newest night may be collected again and then sees what has come in since. An older one that was collected is returned as
    it was; one that was not is read as well as it can be from what is stored now, and changes nothing that is known of it.

    Args:
        definition: The model.
        settings: Where things are.
        as_of: The night; nothing that became available later is read.
        source: Where answers come from; default what `monitoring.answers` names.
        force: Look at every day and every night again.

    Raises:
        NotEnoughRowsError: No day of the history is complete at the as-of.
        UndecidedError: A release has no decision record.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    results = StageResults(settings.results_uri, definition.name, files)
    key = f"night-{as_of_name(as_of)}"
    progress = results.get(STAGE, "progress", Progress) or Progress()
    is_old = progress.through is not None and as_of < progress.through
    kept = results.get(STAGE, key, Collected) if is_old and not force else None
    if kept is not None and _is_there(kept, files):
        return kept
    answered = Answered.now(definition, settings, files)
    found = _reigns(definition, settings)
    work = Work(
        as_of=as_of,
        source=source or answered.source(files),
        versions=versions_by(found, as_of),
        labels=DayTable(labels_uri(settings, definition.name), files),
        outcomes=DayTable(outcomes_uri(settings, definition.name), files),
        predict_before=definition.data.predict_before,
    )
    # An old night may know other days than the newest: it looks at all of them, and leaves no trace of how far it came.
    done = join_outcomes(work, Progress(through=progress.through) if force or is_old else progress)
    if is_old:
        done = replace(done, progress=progress)
    night = _Night(definition, settings, files, work, done, reign_at(found, as_of), is_old)
    collected = night.describe(answered)
    results.put(STAGE, "progress", done.progress)
    results.put(STAGE, key, collected)
    logger.info(
        "%s: %d new outcomes, %d corrected, %d that version %s has not learned from",
        definition.name,
        collected.new_outcomes,
        collected.corrected_outcomes,
        collected.new_rows,
        collected.champion.version if collected.champion else "none",
    )
    return collected


def _is_there(kept: Collected, files: Files) -> bool:
    pinned = ((kept.predictions_uri, kept.predictions_version), (kept.outcomes_uri, kept.outcomes_version))
    served = kept.served_version < 0 or ServedTable(kept.served_uri, files).has_version(kept.served_version)
    return served and all(version < 0 or DayTable(uri, files).has_version(version) for uri, version in pinned)


def _reigns(definition: ModelDefinition, settings: Settings) -> list[Reign]:
    decided = {record.id: record.as_of for record in DecisionStore(settings.database_url).list(definition.name)}
    return reigns(ReleaseRegistry(settings).timeline(definition.name), decided)


@dataclass(frozen=True)
class _Night:
    """One night's stores and what was done to them, ready to be described."""

    definition: ModelDefinition
    settings: Settings
    files: Files
    work: Work
    done: Joined
    reign: Reign | None
    is_old: bool

    def describe(self, answered: Answered) -> Collected:
        """Return what there is to look at."""
        definition, champion = self.definition, self._champion()
        last = last_complete_day(definition, self.work.as_of)
        first = max(last - definition.monitoring.window + timedelta(days=1), definition.data.first_day)
        aside = self._set_aside()
        days = [day for day in _span(first, last) if day not in aside]
        read = self.work.source.read(days)
        since = self.reign.since if self.reign else None
        anybody = said_last(read, self.work.as_of, self.work.versions)
        missing = unscored_days(definition, days, set(anybody.column(DAY).to_pylist()), since)
        ours = said_last(read, self.work.as_of, [champion.version] if champion else [])
        validations = DayTable(validations_uri(self.settings, definition.name), self.files)
        new, corrected = self._changes()
        collected = Collected(
            model=definition.name,
            as_of=self.work.as_of,
            champion=champion,
            released_at=since,
            replaced=self._vouched(self.reign.replaced) if self.reign else None,
            first_day=first,
            last_day=last,
            **asdict(answered),
            outcomes_uri=self.work.outcomes.uri,
            outcomes_version=self.done.version,
            scored_rows=dict(sorted(Counter(ours.column(DAY).to_pylist()).items())),
            missing_days=missing,
            set_aside=aside,
            readmitted=NightStore(self.settings.database_url).readmitted(definition.name),
            scoring_failures=validation_failures(definition, missing, validations, self.work.as_of),
            new_outcomes=new,
            corrected_outcomes=corrected,
            new_rows=self._unlearned(champion) if champion else 0,
            digest="",
        )
        return collected.model_copy(update={"digest": self._digest(collected, ours)})

    def _champion(self) -> ChampionVersion | None:
        return self._vouched(self.reign.version) if self.reign else None

    def _vouched(self, version: str | None) -> ChampionVersion | None:
        if version is None:
            return None
        registry = ReleaseRegistry(self.settings)
        found = registry.version(self.definition.name, version)
        if found is not None:
            registry.vouch(found)
        return found

    def _set_aside(self) -> tuple[date, ...]:
        """Return what earlier nights set aside; tonight's own decision, if there is one already, is about what tonight sees."""
        earlier = self.work.as_of - timedelta(microseconds=1)
        return tuple(NightStore(self.settings.database_url).set_aside(self.definition.name, earlier))

    def _changes(self) -> tuple[int, int]:
        answered = self.done.progress.answers
        days = [day for day, found in answered.items() if self.is_old or found.changed_on == self.work.as_of]
        return count_changes(read_revisions(self.work.outcomes, self.done.version, days), self.work.as_of)

    def _unlearned(self, champion: ChampionVersion) -> int:
        """Count the matured outcomes of rows newer than anything the champion has seen; reads one day of them."""
        seen_day = self.definition.schedule.day_of(champion.trained_through)
        answered = self.done.progress.answers
        later = [day for day in answered if day > seen_day]
        read = [seen_day, *later] if self.is_old else [seen_day]
        rows = known_at(read_revisions(self.work.outcomes, self.done.version, read), self.work.as_of)
        unseen = pc.greater(rows.column(EVENT_TIME), pa.scalar(champion.trained_through, TIMESTAMP))
        counted = pc.sum(pc.and_(unseen, pc.is_valid(rows.column(LABEL)))).as_py() or 0
        return int(counted) + (0 if self.is_old else sum(answered[day].labelled for day in later))

    def _digest(self, collected: Collected, ours: pa.Table) -> str:
        first = first_watched_day(self.definition.monitoring.performance, collected.last_day)
        outcomes = current_outcomes(collected, self.files, _span(first, collected.last_day))
        said = [KEY, EVENT_TIME, "probability", "decision", "release_version", "bundle_digest", DAY]
        return digest_json(
            {
                "night": collected.model_dump(mode="json", exclude=_ADDRESSES | _OF_THE_GATEWAY | _NOT_LOOKED_AT),
                "said": digest_table(ours.select(said)),
                "outcomes": digest_table(outcomes.select([DAY, KEY, LABEL])),
            }
        )


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
