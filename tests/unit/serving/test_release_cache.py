"""What was live stays on this machine, and is checked as at its origin."""

import pytest

from evergreen.errors import DigestMismatchError
from evergreen.files import Files
from evergreen.serving.release_cache import KnownRelease
from evergreen.serving.release_caches import ReleaseCaches
from released_models import MODEL
from served_model import ServedModel


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    model = ServedModel(tmp_path_factory.mktemp("home"))
    champion = model.release("baseline")
    return model, KnownRelease(champion=champion, online=model.publish(champion))


@pytest.fixture
def caches(tmp_path):
    return ReleaseCaches(tmp_path / "cache", Files())


class Nothing(Files):
    """An artifact store that has lost everything."""

    def read_bytes(self, uri):
        raise FileNotFoundError(uri)

    def list(self, folder_uri):
        return []


def test_what_was_read_once_is_read_without_its_origin(released, caches, tmp_path):
    _, known = released
    manifest, contents = caches.of(MODEL).bundle(known.champion)
    inputs = caches.of(MODEL).online_inputs(known.online)
    caches.remember(known)
    again = ReleaseCaches(tmp_path / "cache", Nothing())
    assert again.remembered() == {MODEL: known}
    assert again.of(MODEL).bundle(known.champion) == (manifest, contents)
    read = again.of(MODEL).online_inputs(known.online)
    assert read.as_of == inputs.as_of
    assert read.joined["weather"].equals(inputs.joined["weather"])
    assert again.features_key(known.champion) == known.online.features_key


def test_a_damaged_cache_is_read_anew_or_refused(released, caches, tmp_path):
    _, known = released
    caches.of(MODEL).bundle(known.champion)
    caches.of(MODEL).online_inputs(known.online)
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    lost = ReleaseCaches(tmp_path / "cache", Nothing())
    with pytest.raises(DigestMismatchError):
        lost.of(MODEL).bundle(known.champion)
    with pytest.raises(DigestMismatchError):
        lost.of(MODEL).online_inputs(known.online)
    assert caches.of(MODEL).bundle(known.champion)[0].model == MODEL
    assert lost.of(MODEL).bundle(known.champion)[0].model == MODEL


def test_an_unreadable_note_is_no_note(caches, tmp_path):
    assert caches.remembered() == {}
    note = tmp_path / "cache" / MODEL / "live.json"
    note.parent.mkdir(parents=True)
    note.write_text("{")
    assert caches.remembered() == {}


def test_a_cache_that_cannot_be_written_keeps_nobody_from_serving(released, tmp_path):
    _, known = released
    (tmp_path / "cache").write_text("a file where a folder should be")
    caches = ReleaseCaches(tmp_path / "cache", Files())
    assert caches.of(MODEL).bundle(known.champion)[0].model == MODEL
    assert caches.of(MODEL).online_inputs(known.online).as_of == known.online.as_of
    caches.remember(known)


def test_bytes_of_long_ago_are_removed(released, caches, tmp_path):
    model, first = released
    known = [first]
    for _ in range(4):
        champion = model.release("baseline")
        known.append(KnownRelease(champion=champion, online=model.publish(champion)))
    for one in known:
        caches.of(MODEL).bundle(one.champion)
        caches.of(MODEL).online_inputs(one.online)
        caches.remember(one)
    kept = {path.name for path in (tmp_path / "cache" / MODEL / "bundles").iterdir()}
    assert kept == {one.champion.bundle_digest for one in known[-3:]}
