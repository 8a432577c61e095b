"""What a task read and wrote, found in the results that went into it and came out of it; knows nothing of OpenLineage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAMESPACE = "evergreen"
"""Where what has no address lives: the versions of a model, the champion, decisions."""

_PAGES = ("report_uri", "evidently_uri", "answers_uri")
"""For people; nothing is made from them."""
_FOUND = frozenset({"champion", "replaced", "release_version", "champion_version", "predictions", "served"})
"""Named first by the task that reads them: they were there before it."""
_MAKES_PREDICTIONS = "evaluate"
_MODEL_MAKERS, _CHAMPION = ("register",), "champion"


@dataclass(frozen=True)
class DatasetUse:
    """One dataset as one task saw it."""

    namespace: str
    """`file` or `s3://<bucket>`, as OpenLineage names files; `evergreen` for what has no address."""
    name: str
    version: str = ""
    rows: int | None = None

    @property
    def address(self) -> tuple[str, str]:
        """What makes two uses the same dataset, be it in different versions."""
        return self.namespace, self.name

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two uses the same."""
        return self.namespace, self.name, self.version


def datasets_of(
    task_id: str, given: Iterable[object], returned: object, assets_in: Iterable[str] = (), assets_out: Iterable[str] = ()
) -> tuple[tuple[DatasetUse, ...], tuple[DatasetUse, ...]]:
    """Return what a task read and what it wrote.

    What came in with its arguments was read; what its result names beyond that was written, except for what a task finds by
    itself: the champion, the answers that a night of monitoring looks at.

    Args:
        task_id: The task.
        given: Its arguments: results of earlier tasks, as JSON.
        returned: Its own result, as JSON; None before the end.
        assets_in: URIs of its inlets.
        assets_out: URIs of its outlets.
    """
    read = {use.key: use for value in given for use, _ in _uses(value)}
    for uri in assets_in:
        read.update({use.key: use for use in _of_asset(uri)})
    written: dict[tuple[str, str, str], DatasetUse] = {}
    for use, role in _uses(returned):
        if use.key in read or (not use.version and use.address in {known.address for known in read.values()}):
            continue
        was_there = role in _FOUND and not (role == "predictions" and task_id == _MAKES_PREDICTIONS)
        is_older_model = role == "version" and task_id not in _MODEL_MAKERS
        (read if was_there or is_older_model else written)[use.key] = use
    for uri in assets_out:
        version = str(returned.get("version", "")) if isinstance(returned, dict) else ""
        written.update({use.key: use for use in _of_asset(uri, version)})
    return tuple(read.values()), tuple(written.values())


def dataset_at(uri: str) -> tuple[str, str]:
    """Return namespace and name of an address, by OpenLineage's rules for files and S3."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _uses(value: object, role: str = "") -> Iterator[tuple[DatasetUse, str]]:
    """Yield every dataset that a result names, with the field that it stands in."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _uses(each, role)
    if not isinstance(value, dict):
        return
    yield from ((use, role or own) for use, own in _own_uses(value))
    for name, part in value.items():
        yield from _uses(part, name if name in _FOUND else role)


def _own_uses(value: Mapping[str, Any]) -> Iterator[tuple[DatasetUse, str]]:
    for name, uri in value.items():
        if not (name == "uri" or name.endswith("_uri")) or name in _PAGES or not isinstance(uri, str) or not uri:
            continue
        kind = name.removesuffix("uri").removesuffix("_")
        yield DatasetUse(*dataset_at(uri), version=_version(value, kind), rows=_rows(value, kind)), kind
    model = value.get("model")
    if not isinstance(model, str):
        return
    for name in ("version", "release_version", "champion_version"):
        # A table has a version too, and is no model.
        if value.get(name) and (name != "version" or "decision_id" in value):
            yield DatasetUse(NAMESPACE, f"{model}.model", str(value[name])), name


def _version(value: Mapping[str, Any], kind: str) -> str:
    names = (f"{kind}_version", f"{kind}_digest") if kind else ("version", "table_version", "digest")
    found = next((value[name] for name in names if value.get(name) is not None), "")
    return str(found)


def _rows(value: Mapping[str, Any], kind: str) -> int | None:
    rows = value.get("rows")
    return rows if not kind and isinstance(rows, int) else None


def _of_asset(uri: str, version: str = "") -> Iterator[DatasetUse]:
    """Yield the champion and the decisions; the other assets are tables and files, which results name by their addresses."""
    model, _, kind = uri.partition("://")[2].partition("/")
    if kind in (_CHAMPION, "decisions"):
        yield DatasetUse(NAMESPACE, f"{model}.{kind}", version if kind == _CHAMPION else "")
