"""Online inputs as files: Arrow tables and, written last, a manifest that names each by its SHA-256.

They lie in a folder named by the digest of the manifest. The same inputs give the same bytes, and whoever reads them knows from
the registry which digest to expect.
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import pyarrow as pa
from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, ErasedError
from evergreen.files import join_uri
from evergreen.online_inputs import OnlineInputs
from evergreen.results import Result, canonical_bytes
from evergreen.tables.addresses import online_uri
from evergreen.tables.erased import refuse_if_erased

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evergreen.files import Files
    from evergreen.settings import Settings

__all__ = ["OnlineInputs", "read_online_inputs", "write_online_inputs"]

MANIFEST_NAME = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 2**20
MAX_BYTES = 2 * 2**30
"""Most bytes of one publication: a gateway keeps all of it in memory."""


class _File(Result):
    """One file, and the frame or table it holds."""

    holds: str
    name: Annotated[str, StringConstraints(pattern=r"^(entities|joined)-[0-9]+\.arrow$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: int = Field(ge=0)


class _Manifest(Result):
    """Everything about a publication but its rows."""

    format: Literal[1] = 1
    as_of: AwareDatetime
    features_key: str
    row_types: tuple[tuple[str, str], ...]
    """Pairs, because canonical JSON knows no order of keys."""
    entities: tuple[_File, ...]
    joined: tuple[_File, ...]

    @property
    def files(self) -> tuple[_File, ...]:
        """Every file it names."""
        return (*self.entities, *self.joined)


def write_online_inputs(model: str, inputs: OnlineInputs, settings: Settings, files: Files) -> tuple[str, str]:
    """Write online inputs, their manifest last; what is already there and sound is left alone.

    Args:
        model: Name of the model.
        inputs: What to keep; their `digest` is not looked at.
        settings: Where artifacts are.
        files: Where files are.

    Returns:
        The folder's address and the digest of the manifest.
    """
    contents = dict(_contents("entities", inputs.entities)) | dict(_contents("joined", inputs.joined))
    manifest = _Manifest(
        as_of=inputs.as_of.astimezone(UTC),
        features_key=inputs.features_key,
        row_types=tuple(inputs.row_types.items()),
        entities=_described("entities", inputs.entities, contents),
        joined=_described("joined", inputs.joined, contents),
    )
    data = canonical_bytes(manifest)
    digest = digest_bytes(data)
    uri = join_uri(online_uri(settings, model), digest)
    try:
        read_online_inputs(uri, digest, files)
    except (DigestMismatchError, ErasedError):
        for name, content in contents.items():
            files.write_bytes(join_uri(uri, name), content)
        files.write_bytes(join_uri(uri, MANIFEST_NAME), data)
    return uri, digest


def read_online_inputs(uri: str, digest: str, files: Files) -> OnlineInputs:
    """Read online inputs whose every byte is the one that was published.

    Args:
        uri: Their folder.
        digest: The digest of their manifest, from the registry, never from beside the files.
        files: Where files are.

    Raises:
        DigestMismatchError: A byte, a file or the manifest is missing or is not what it was; nothing has been parsed.
        ErasedError: A row of it was erased, and all of it with it.
        StoreUnavailableError: The store did not answer.
    """
    manifest = _read_manifest(uri, digest, files)
    if sum(described.size_bytes for described in manifest.files) > MAX_BYTES:
        _refuse(uri, "more bytes than a gateway keeps", f"at most {MAX_BYTES} bytes")
    return OnlineInputs(
        as_of=manifest.as_of,
        features_key=manifest.features_key,
        digest=digest,
        row_types=dict(manifest.row_types),
        entities={described.holds: _read_table(uri, described, files) for described in manifest.entities},
        joined={described.holds: _read_table(uri, described, files) for described in manifest.joined},
    )


def _contents(kind: str, tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, bytes]]:
    for number, table in enumerate(tables.values()):
        yield _file_name(kind, number), _to_bytes(table)


def _described(kind: str, tables: Mapping[str, pa.Table], contents: Mapping[str, bytes]) -> tuple[_File, ...]:
    described = []
    for number, holds in enumerate(tables):
        name = _file_name(kind, number)
        data = contents[name]
        described.append(_File(holds=holds, name=name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)))
    return tuple(described)


def _file_name(kind: str, number: int) -> str:
    """A name of our own: that of an entity frame is any text."""
    return f"{kind}-{number}.arrow"


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def _read_table(uri: str, described: _File, files: Files) -> pa.Table:
    data = _read(join_uri(uri, described.name), files)
    if len(data) != described.size_bytes or hashlib.sha256(data).hexdigest() != described.sha256:
        _refuse(join_uri(uri, described.name), "other bytes", f"SHA-256 {described.sha256}")
    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        return reader.read_all()


def _read_manifest(uri: str, digest: str, files: Files) -> _Manifest:
    address = join_uri(uri, MANIFEST_NAME)
    data = _read(address, files)
    if len(data) > MAX_MANIFEST_BYTES or digest_bytes(data) != digest:
        _refuse(address, f"digest {digest_bytes(data)}", f"digest {digest}")
    try:
        return _Manifest.model_validate_json(data)
    except ValidationError as error:
        _refuse(address, f"a manifest that cannot be read: {str(error)[:300]}", "a manifest of format 1")


def _read(uri: str, files: Files) -> bytes:
    try:
        return files.read_bytes(uri)
    except FileNotFoundError:
        folder, _, name = uri.rpartition("/")
        refuse_if_erased("a publication of online inputs", folder, name, files)
        _refuse(uri, "no such file", "every file of the publication")


def _refuse(uri: str, found: str, allowed: str) -> NoReturn:
    raise DigestMismatchError(
        "online inputs are not the ones that were published",
        found=f"{uri}: {found}",
        allowed=allowed,
        remedy="run the scoring DAG again with force: it writes and publishes them anew",
    )
