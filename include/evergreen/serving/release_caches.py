"""The caches of all models on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.features.inputs import release_key
from evergreen.serving.release_cache import ReleaseCache

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.files import Files
    from evergreen.results import ChampionVersion
    from evergreen.serving.release_cache import KnownRelease

_KEPT = 3
"""Releases of a model whose bytes stay here: the live one and those before it, so that a rollback need not wait."""


class ReleaseCaches:
    """One cache per model below a folder.

    Args:
        folder: Where.
        origin: Files of the artifact store.
    """

    def __init__(self, folder: Path, origin: Files) -> None:
        self._folder = folder
        self._origin = origin
        self._recent: dict[str, list[KnownRelease]] = {}

    def of(self, model: str) -> ReleaseCache:
        """Return a model's cache."""
        return ReleaseCache(self._folder / model, self._origin)

    def features_key(self, champion: ChampionVersion) -> str:
        """Return which online inputs a champion's features need, by its own code and layout.

        Raises:
            DigestMismatchError: Its bundle is not the one that was decided on.
            StoreUnavailableError: The artifact store did not answer.
        """
        manifest, _ = self.of(champion.model).bundle(champion)
        return release_key(manifest.feature_layout, manifest.features_source_digest)

    def remember(self, known: KnownRelease) -> None:
        """Write down what is live, and drop the bytes of what has not been for a while."""
        model = known.champion.model
        # Of one release the newest inputs alone: rows that were erased since must not stay on this disk.
        recent = [known, *(other for other in self._recent.get(model, ()) if other.champion != known.champion)][:_KEPT]
        self._recent[model] = recent
        cache = self.of(model)
        cache.remember(known)
        cache.forget_all_but({one.champion.bundle_digest for one in recent}, {one.online.digest for one in recent})

    def remembered(self) -> dict[str, KnownRelease]:
        """Return what was live when this machine last knew, by model."""
        folders = sorted(self._folder.iterdir()) if self._folder.is_dir() else ()
        found = {path.name: ReleaseCache(path, self._origin).remembered() for path in folders if path.is_dir()}
        return {model: known for model, known in found.items() if known is not None and known.champion.model == model}
