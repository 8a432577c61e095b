"""The user's feature code: one file of text, run the same way for training, scoring and serving."""

from __future__ import annotations

import hashlib
import inspect
import linecache
import sys
import traceback
from collections.abc import Mapping
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import narwhals as nw
import pandas as pd

from evergreen.digests import DIGEST_LENGTH
from evergreen.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

_PARAMETERS = {"row_features": ("rows", "entities"), "entity_features": ("history", "as_of")}


class FeatureCode:
    """The functions of a features.py.

    The file stands alone: it may import installed packages, not its neighbours, because its text travels with the release
    and is what a rollback brings back.

    Args:
        source: Text of the file.
        filename: What errors call it.

    Raises:
        FeatureError: It cannot be run, or lacks `row_features(rows, entities)`.
    """

    def __init__(self, source: str, filename: str) -> None:
        self.source = source
        self.filename = filename
        self.digest = hashlib.sha256(source.encode()).hexdigest()[:DIGEST_LENGTH]
        module = _run(source, filename, f"evergreen_features_{self.digest}")
        row_features = _function(module, "row_features", filename)
        if row_features is None:
            raise FeatureError(
                "the feature code has no `row_features`",
                found=f"{filename} defines {_names(name for name in vars(module) if not name.startswith('_'))}",
                allowed="a function `row_features(rows, entities)` that returns a frame with one row per row",
                remedy="add it to the file that `features.code` names",
            )
        self._row_features = row_features
        self._entity_features = _function(module, "entity_features", filename)

    @classmethod
    def from_path(cls, path: Path) -> FeatureCode:
        """Read the code from a file.

        Raises:
            FeatureError: There is no such file, or it cannot be run.
        """
        try:
            source = path.read_text(encoding="utf-8")
        except OSError as error:
            raise FeatureError(
                "the feature code cannot be read",
                found=f"{path}: {error.strerror}",
                allowed="a Python file beside model.yaml, named by `features.code`",
                remedy=f"create {path.name} with `row_features(rows, entities)`, or name another file",
            ) from error
        return cls(source, str(path))

    @classmethod
    def from_source(cls, text: str) -> FeatureCode:
        """Take the code from the text that travelled with a release."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(text, f"<features.py {digest[:12]}>")

    @property
    def has_entities(self) -> bool:
        """Whether the code asks for history at all."""
        return self._entity_features is not None

    def entity_features(self, history: Mapping[str, pd.DataFrame], as_of: datetime) -> dict[str, pd.DataFrame]:
        """Compute the entity features of one moment.

        Args:
            history: What could be read at `as_of`, one frame per raw table.
            as_of: The moment, aware.

        Returns:
            Frames by name; empty where the code has no `entity_features`.

        Raises:
            FeatureError: The code raised, or returned something other than named frames.
        """
        if self._entity_features is None:
            return {}
        returned = self._call(self._entity_features, "entity_features", (history, as_of), f"as of {as_of.isoformat()}")
        if not isinstance(returned, Mapping) or not all(isinstance(name, str) for name in returned):
            raise FeatureError(
                "`entity_features` must return frames by name",
                found=f"{type(returned).__name__} from {self.filename}",
                allowed='a dictionary such as {"carriers": frame}, one frame per kind of entity',
                remedy="give every frame a name, by which `row_features` finds it in `entities`",
            )
        return {name: self._pandas(frame, f"`entity_features`, {name!r}") for name, frame in returned.items()}

    def row_features(self, rows: pd.DataFrame, entities: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Compute the features of rows that share one set of entity features.

        Args:
            rows: Rows to predict, n_rows of them.
            entities: What `entity_features` returned for their moment.

        Returns:
            What the code returned, as pandas and otherwise unchecked (see `features.returned`).

        Raises:
            FeatureError: The code raised, or returned something other than a frame.
        """
        context = f"for {len(rows)} rows with columns {_names(rows.columns, limit=60)}"
        return self._pandas(self._call(self._row_features, "row_features", (rows, entities), context), "`row_features`")

    def record_row_features(self, rows: object, entities: Mapping[str, pd.DataFrame]) -> object:
        """Apply the code to a frame that holds no rows but notes what would be done to them.

        Returns:
            What the code returned, as it is; a Narwhals frame without its wrapping.

        Raises:
            FeatureError: The code raised.
        """
        returned = self._call(self._row_features, "row_features", (rows, entities), "on a frame without rows")
        native: object = nw.to_native(returned, pass_through=True)
        return native

    def _call(self, function: Callable[..., Any], name: str, arguments: tuple[object, ...], context: str) -> object:
        try:
            return function(*arguments)
        except Exception as error:
            self._raise(f"`{name}` raised {type(error).__name__}", context, error)

    def _raise(self, what: str, context: str, error: Exception) -> NoReturn:
        lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.filename]
        where = f"{self.filename}:{lines[-1].lineno}: {lines[-1].line}" if lines else self.filename
        raise FeatureError(
            what,
            found=f"{_short(str(error))}\n           {where}\n           {context}",
            allowed="feature code that runs for every day and every moment, also where history is still empty",
            remedy="mend the line shown and run again; only days not yet built are computed",
        ) from error

    def _pandas(self, returned: object, what: str) -> pd.DataFrame:
        if isinstance(returned, pd.DataFrame):
            return returned
        try:
            frame: Any = nw.from_native(returned)
        except TypeError:
            raise FeatureError(
                f"{what} must return a frame",
                found=f"{type(returned).__name__} from {self.filename}",
                allowed="a pandas or Narwhals frame, or a native frame that Narwhals knows",
                remedy="end the function with `return` and the frame",
            ) from None
        collected = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        result: pd.DataFrame = collected.to_pandas()
        return result


def _run(source: str, filename: str, name: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = filename
    # Tracebacks show the lines of code that came from text, and dataclasses look their module up.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    try:
        code: CodeType = compile(source, filename, "exec", dont_inherit=True)
        exec(code, vars(module))  # the definition's own code, or the code a decision record vouches for
    except SyntaxError as error:
        raise FeatureError(
            "the feature code is not Python",
            found=f"{error.msg}\n           {filename}:{error.lineno}: {(error.text or '').strip()}",
            allowed="a Python file with `row_features(rows, entities)`",
            remedy="mend the line shown",
        ) from error
    except Exception as error:
        lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
        where = f"{filename}:{lines[-1].lineno}: {lines[-1].line}" if lines else filename
        raise FeatureError(
            f"the feature code raised {type(error).__name__} when it was loaded",
            found=f"{_short(str(error))}\n           {where}",
            allowed="imports of installed packages and definitions; neighbouring files do not travel with the release",
            remedy="mend the line shown",
        ) from error
    return module


def _function(module: ModuleType, name: str, filename: str) -> Callable[..., Any] | None:
    value = getattr(module, name, None)
    if value is None:
        return None
    first, second = _PARAMETERS[name]
    try:
        inspect.signature(value).bind(None, None)
    except TypeError:
        raise FeatureError(
            f"`{name}` must take two arguments",
            found=f"{name}{inspect.signature(value) if callable(value) else f' = {value!r}'} in {filename}",
            allowed=f"def {name}({first}, {second})",
            remedy="change its parameters",
        ) from None
    found: Callable[..., Any] = value
    return found


def _names(names: Any, limit: int = 10) -> str:
    listed = [str(name) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return (", ".join(listed[:limit]) or "nothing") + more


def _short(text: str, limit: int = 500) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
