from pathlib import Path

import pytest

from evergreen.files import FileInfo, Files, is_s3, join_uri
from evergreen.settings import Settings


@pytest.fixture
def files():
    return Files()


def test_uris_are_joined_with_single_slashes():
    assert join_uri("s3://bucket/prefix/", "/a/", "b.json") == "s3://bucket/prefix/a/b.json"
    assert is_s3("s3://bucket")
    assert not is_s3("/srv/data")


def test_what_is_written_is_read(files, tmp_path):
    uri = str(tmp_path / "new" / "folder" / "file.bin")
    assert not files.exists(uri)
    files.write_bytes(uri, b"one")
    files.write_bytes(uri, b"two")
    assert files.exists(uri)
    assert files.read_bytes(uri) == files.read_bytes(f"file://{uri}") == b"two"


def test_a_missing_file_is_said(files, tmp_path):
    with pytest.raises(FileNotFoundError):
        files.read_bytes(str(tmp_path / "nothing"))
    assert not files.exists(str(tmp_path))


def test_a_write_that_breaks_leaves_the_old_file_and_no_litter(files, tmp_path, monkeypatch):
    uri = str(tmp_path / "file.json")
    files.write_bytes(uri, b"old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        files.write_bytes(uri, b"new")
    assert Path(uri).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


def test_a_reader_sees_the_old_bytes_until_all_of_the_new_ones_are_there(files, tmp_path, monkeypatch):
    uri = str(tmp_path / "file.json")
    files.write_bytes(uri, b"old")
    seen = []
    replace = Path.replace

    def look_and_replace(self, target):
        seen.append((files.read_bytes(uri), self.read_bytes(), [info.uri for info in files.list(str(tmp_path))]))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look_and_replace)
    files.write_bytes(uri, b"new")
    assert seen == [(b"old", b"new", [uri])]
    assert files.read_bytes(uri) == b"new"


def test_a_listing_is_sorted_deep_and_without_temporary_files(files, tmp_path):
    for name in ("b/two.txt", "a/one.txt", "a/.tmp-123", "three.txt"):
        files.write_bytes(str(tmp_path / name), name.encode())
    listed = files.list(str(tmp_path))
    assert [Path(info.uri).relative_to(tmp_path).as_posix() for info in listed] == ["a/one.txt", "b/two.txt", "three.txt"]
    assert all(isinstance(info, FileInfo) and info.modified_ns > 0 for info in listed)
    assert [info.size_bytes for info in listed] == [9, 9, 9]
    assert files.list(str(tmp_path / "nothing")) == []


def test_delta_gets_the_same_addresses(tmp_path):
    settings = Settings(home=tmp_path, s3_endpoint_url="http://127.0.0.1:9000", s3_region="eu-central-1")
    options = Files.from_settings(settings).delta_options
    assert options == {"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "AWS_ALLOW_HTTP": "true"}
    assert Files().delta_options == {"AWS_REGION": "us-east-1"}
