"""What a worker has loaded, kept on its own disk: it starts again while the database or the artifact store is away.

Bundles and online inputs lie in folders named by their digests and are checked against them on every reading, as at their
origin. Which digests to expect is kept beside them, written after the decision record has vouched for a release.
"""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from evergreen.errors import DigestMismatchError, StoreUnavailableError
from evergreen.files import Files, join_uri
from evergreen.predictors.bundle import read_bundle, write_bundle
from evergreen.registry.online_versions import OnlineInputsVersion
from evergreen.results import ChampionVersion, Result
from evergreen.tables.online_inputs import read_online_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from evergreen.online_inputs import OnlineInputs
    from evergreen.predictors.manifest import BundleManifest

logger = logging.getLogger(__name__)


class KnownRelease(Result):
    """A champion and the publication it is live on."""

    format: Literal[1] = 1
    champion: ChampionVersion
    online: OnlineInputsVersion

    @classmethod
    def of(cls, champion: ChampionVersion, online: OnlineInputsVersion | None) -> KnownRelease:
        """Return a version with the newest publication for its features.

        Raises:
            StoreUnavailableError: There is none.
        """
        if online is not None:
            return cls(champion=champion, online=online)
        raise StoreUnavailableError(
            "there are no online inputs for the release's features",
            found=f"no publication for version {champion.version} of {champion.model}",
            allowed="one, which the training publishes with its release and the scoring every night",
            remedy=f"publish them: evergreen run scoring {champion.model}",
        )


class ReleaseCache:
    """A model's bundles, online inputs and last known champion below one folder. Several workers may share it.

    Args:
        folder: Where.
        origin: Files of the artifact store.
    """

    def __init__(self, folder: Path, origin: Files) -> None:
        self._folder = folder
        self._origin = origin
        self._local = Files()

    def bundle(self, champion: ChampionVersion) -> tuple[BundleManifest, dict[str, bytes]]:
        """Return a champion's bundle, from here or from where it was written.

        Raises:
            DigestMismatchError: It is not the one that was decided on.
            StoreUnavailableError: The artifact store did not answer.
        """
        try:
            return read_bundle(self._local, str(self._bundles / champion.bundle_digest), champion.bundle_digest)
        except (DigestMismatchError, OSError):
            manifest, contents = read_bundle(self._origin, champion.bundle_uri, champion.bundle_digest)
        self._keep(lambda: write_bundle(self._local, str(self._bundles), manifest, contents))
        return manifest, contents

    def online_inputs(self, version: OnlineInputsVersion) -> OnlineInputs:
        """Return a publication, from here or from where it was written.

        Raises:
            DigestMismatchError: It is not the one that was published.
            StoreUnavailableError: The artifact store did not answer.
        """
        folder = self._online / version.digest
        try:
            return read_online_inputs(str(folder), version.digest, self._local)
        except (DigestMismatchError, OSError):
            inputs = read_online_inputs(version.uri, version.digest, self._origin)
        self._keep(lambda: self._copy(version.uri, str(folder)))
        return inputs

    def remember(self, known: KnownRelease) -> None:
        """Write down what is live."""
        self._keep(lambda: self._local.write_bytes(str(self._note), json.dumps(known.to_xcom()).encode()))

    def remembered(self) -> KnownRelease | None:
        """Return what was live when this was last written, None where that cannot be read."""
        try:
            return KnownRelease.model_validate(json.loads(self._note.read_bytes()))
        except (OSError, ValueError, ValidationError):
            return None

    def forget_all_but(self, bundles: Collection[str], online: Collection[str]) -> None:
        """Remove the folders of other digests."""
        for folder, kept in ((self._bundles, bundles), (self._online, online)):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name not in kept:
                    shutil.rmtree(path, ignore_errors=True)

    @property
    def _bundles(self) -> Path:
        return self._folder / "bundles"

    @property
    def _online(self) -> Path:
        return self._folder / "online"

    @property
    def _note(self) -> Path:
        return self._folder / "live.json"

    def _copy(self, uri: str, folder: str) -> None:
        """Copy a publication's files, the manifest last: without it nothing there is read."""
        start = len(uri.removeprefix("file://").rstrip("/")) + 1
        names = {info.uri[start:]: info.uri for info in self._origin.list(uri)}
        for name in sorted(names, key=lambda name: name.startswith("manifest")):
            self._local.write_bytes(join_uri(folder, name), self._origin.read_bytes(names[name]))

    def _keep(self, write: Callable[[], object]) -> None:
        """Write here if it can be: a full disk must not keep a release from being served."""
        try:
            write()
        except OSError:
            logger.warning("the gateway's cache in %s cannot be written", self._folder, exc_info=True)
