"""Which version is the champion: decided in our own database, shown in MLflow.

MLflow's aliases have no compare-and-swap, so they cannot decide between two promotions at once. The champion is the last entry
of an append-only timeline whose primary key is (model, generation): two writers that saw the same champion write the same
generation, and the database lets one of them through. MLflow's aliases follow; whoever moves one by hand moves no champion.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from evergreen.errors import RegistryError
from evergreen.registry import moves
from evergreen.registry.aliases import MlflowAliases
from evergreen.registry.database import Database
from evergreen.registry.decisions import find_decision
from evergreen.registry.preconditions import turn_of
from evergreen.registry.timeline import event_of_request, latest_event, list_events, person_at_machine
from evergreen.registry.version_rows import add_version, find_version, list_champions, list_versions
from evergreen.registry.vouching import require_decision
from evergreen.results import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.registry.aliases import AliasMirror
    from evergreen.registry.decisions import DecisionRecord
    from evergreen.registry.timeline import ReleaseEvent
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)


class ReleaseRegistry:
    """Versions, champions and the timeline of releases.

    Args:
        settings: Addresses of the database and of MLflow.
        mirror: Where the champion is shown; MLflow's aliases by default.
    """

    def __init__(self, settings: Settings, *, mirror: AliasMirror | None = None) -> None:
        self._database = Database(settings.database_url)
        self._mirror = mirror or MlflowAliases(settings)

    def champion(self, model: str) -> ChampionVersion | None:
        """Return the champion by our own database, None before the first release; MLflow is not asked."""
        with self._database.reading() as connection:
            event = latest_event(connection, model)
            return find_version(connection, model, event.version) if event else None

    def champions(self) -> list[ChampionVersion]:
        """Return the champion of every model that has one, by name; one query, cheap enough to be asked every second."""
        with self._database.reading() as connection:
            return list_champions(connection)

    def version(self, model: str, version: str) -> ChampionVersion | None:
        """Return a registered version, None when there is none."""
        with self._database.reading() as connection:
            return find_version(connection, model, version)

    def versions(self, model: str, *, decision_id: str | None = None) -> list[ChampionVersion]:
        """Return a model's registered versions, newest first; only those of one decision when it is named."""
        with self._database.reading() as connection:
            return list_versions(connection, model, decision_id=decision_id)

    def timeline(self, model: str, *, limit: int | None = None) -> list[ReleaseEvent]:
        """Return the champion's moves, newest first."""
        with self._database.reading() as connection:
            return list_events(connection, model, limit)

    def release_of(self, model: str, request_id: str) -> Release | None:
        """Return what a request has moved already, None while it has moved nothing."""
        with self._database.reading() as connection:
            event = event_of_request(connection, model, request_id)
        return self._release(event) if event else None

    def register(self, version: ChampionVersion) -> None:
        """Add a version; the very same one may be added again.

        Raises:
            UndecidedError: No `promote` decision stands behind its bytes.
            RegistryError: Its number is taken by other bytes.
        """
        self.vouch(version)
        self._database.write(lambda connection: add_version(connection, version))

    def vouch(self, version: ChampionVersion) -> DecisionRecord:
        """Return the decision that lets a version be released.

        Raises:
            UndecidedError: There is none, it is about other bytes, or it says no.
        """
        with self._database.reading() as connection:
            record = find_decision(connection, version.decision_id)
        return require_decision(
            record, decision_id=version.decision_id, model=version.model, bundle_digest=version.bundle_digest
        )

    def promote(
        self,
        model: str,
        version: str,
        decision_id: str,
        expected_champion: str | None,
        *,
        rollout: str = "direct",
        actor: str = "",
        trial: moves.Trial = "none",
        reason: str = "",
        request_id: str | None = None,
    ) -> Release:
        """Make a version the champion if the champion still is `expected_champion` (None: if there is none yet).

        The model's rollout, if one is on, ends in the same transaction: as promoted where its challenger is this version.
        Called again after a crash it completes what was left: the database has moved, MLflow's aliases follow.

        Args:
            model: Name of the model.
            version: The version's number.
            decision_id: The decision that allows it.
            expected_champion: The champion that it was judged against.
            rollout: How it came to this; kept in the timeline.
            actor: Who asks; default user@host.
            trial: What is asked of the decision's rollout: `on`, that nobody has ended it; `over`, that it is at its last step
                besides, and not paused.
            reason: Why, in words; empty for the decision's reasons.
            request_id: Names the request (a run id), to find what it has done by `release_of`.

        Raises:
            UndecidedError: No decision allows it, the decision was used and taken back, or the challenger is not on `trial`.
            PromotionConflictError: The champion is another one by now.
            RegistryError: MLflow no longer has the version, or its trial is not over.
            StoreUnavailableError: A store did not answer; trying again is safe.
        """
        self._require_in_mlflow(model, version)
        move = partial(
            moves.promote,
            rollout=rollout,
            actor=actor or person_at_machine(),
            trial=trial,
            reason=reason,
            request_id=request_id,
        )
        event = self._database.write(
            lambda connection: move(connection, model, version, decision_id, expected_champion), turn=turn_of(model)
        )
        self.repair(model)
        return self._release(event)

    def rollback(
        self,
        model: str,
        reason: str,
        *,
        to_version: str | None = None,
        expected_champion: str | None = None,
        check: Callable[[ChampionVersion], object] | None = None,
        actor: str = "",
        request_id: str | None = None,
    ) -> Release:
        """Make an earlier champion the champion again: the previous one, or `to_version`.

        A rollback is itself a release, so rolling back again undoes it. The model's rollout, if one is on, ends with it: its
        challenger was judged against the champion that is taken back. MLflow need not answer: its aliases are repaired by
        the next release, rollback or `repair`.

        Args:
            model: Name of the model.
            reason: Why, in words; kept in the timeline.
            to_version: Any version that was champion before.
            expected_champion: Refuse unless this is the champion now.
            check: Called with the version to go back to, before anything moves; whatever it raises stops the rollback.
            actor: Who asks; default user@host.
            request_id: Names the request (a run id): a repeated one moves nothing.

        Raises:
            RegistryError: There is nothing to go back to.
            UndecidedError: No decision vouches for that version, or it never was champion.
            PromotionConflictError: Somebody else moved the champion meanwhile.
        """
        with self._database.reading() as connection:
            event = event_of_request(connection, model, request_id) if request_id else None
            if event is None:
                present, target = moves.plan_rollback(
                    connection, model, to_version=to_version, expected_champion=expected_champion
                )
        if event is None:
            if check is not None:
                check(target)
            move = partial(
                moves.roll_back,
                to_version=target.version,
                # Two pairs of hands at the same moment take back one release, not two.
                expected_champion=present.version,
                actor=actor or person_at_machine(),
                request_id=request_id,
            )
            event = self._database.write(lambda connection: move(connection, model, reason), turn=turn_of(model))
        try:
            self.repair(model)
        except Exception:
            # An incident is no time to wait for MLflow: the champion has moved, only the label has not.
            _log.warning(
                "rolled back %s to version %s, but MLflow's aliases did not follow", model, event.version, exc_info=True
            )
        return self._release(event)

    def repair(self, model: str) -> None:
        """Point MLflow's aliases to the champion and the one before it.

        Two movers may reach MLflow in the other order than the database: each looks again after it has written, so the last
        one to write leaves what the database says.

        Raises:
            StoreUnavailableError: MLflow did not answer.
        """
        shown: ReleaseEvent | None = None
        while True:
            with self._database.reading() as connection:
                event = latest_event(connection, model)
            if event is None or event == shown:
                return
            self._mirror.show(model, event.version, event.previous_version)
            shown = event

    def _require_in_mlflow(self, model: str, version: str) -> None:
        known = self.version(model, version)
        if known is not None and not self._mirror.holds(known):
            raise RegistryError(
                "MLflow no longer has the version to be released",
                found=f"no version {version} of {model} tagged with bundle {known.bundle_digest}",
                allowed="the version as the `register` stage wrote it",
                remedy="clear the `register` task so that it registers the bundle again",
            )

    def _release(self, event: ReleaseEvent) -> Release:
        version = self.version(event.model, event.version)
        return Release(
            model=event.model,
            version=event.version,
            previous_version=event.previous_version,
            bundle_digest=version.bundle_digest if version else "",
            decision_id=event.decision_id,
            rollout=event.rollout,
        )
