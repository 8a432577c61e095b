"""What a stage already did, kept by the key of its inputs: a second run finds it and does no work."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from evergreen.errors import RequestError
from evergreen.files import join_uri
from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.files import Files

R = TypeVar("R", bound=Result)

logger = logging.getLogger(__name__)


class StageResults:
    """Results of one model's stages under `<root>/<model>/<stage>/<key>.json`.

    A result is written last and whole, after everything it points to: a killed run leaves none and is simply done again.
    """

    def __init__(self, root_uri: str, model: str, files: Files) -> None:
        self._root = join_uri(root_uri, model)
        self._files = files

    def uri(self, stage: str, key: str) -> str:
        """Return where a result is kept.

        Raises:
            RequestError: The stage or the key is not made of letters, digits, `.`, `_`, `-`.
        """
        for part in (stage, key):
            if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", part):
                raise RequestError(
                    "a result cannot be kept under this name",
                    found=repr(part[:100]),
                    allowed="letters, digits, `.`, `_` and `-`, not beginning with `.`",
                    remedy="use a digest as the key",
                )
        return join_uri(self._root, stage, f"{key}.json")

    def get(self, stage: str, key: str, kind: type[R]) -> R | None:
        """Return what was kept, or None; a damaged or outdated file counts as absent, and is said in the log.

        Raises:
            StoreUnavailableError: The store did not answer, which is not the same as absent.
        """
        uri = self.uri(stage, key)
        try:
            data = self._files.read_bytes(uri)
        except FileNotFoundError:
            return None
        try:
            return kind.model_validate_json(data)
        except ValidationError as error:
            logger.warning("%s is no %s any more and is computed again: %s", uri, kind.__name__, error.errors()[0]["msg"])
            return None

    def put(self, stage: str, key: str, result: Result) -> None:
        """Keep a result, replacing an older one."""
        self._files.write_bytes(self.uri(stage, key), result.model_dump_json(indent=1).encode())

    def once(self, stage: str, key: str, kind: type[R], compute: Callable[[], R], *, force: bool = False) -> R:
        """Return what was kept under the key, or compute and keep it.

        Args:
            stage: Name of the stage.
            key: Digest of everything the result depends on.
            kind: Class of the result.
            compute: Does the work; called at most once.
            force: Compute even when a result is there.
        """
        known = None if force else self.get(stage, key, kind)
        if known is not None:
            return known
        result = compute()
        self.put(stage, key, result)
        return result
