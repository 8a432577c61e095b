import json
import os
import stat
import threading
from datetime import UTC, date, datetime

import pytest

from evergreen.errors import RequestError, SettingsError
from evergreen.serving.access.key_file import add_key, read_keys, revoke_key
from evergreen.serving.access.keys import new_key

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_key(name="shop", models=("flights",), may=("predict",), rate=600, expires=date(2027, 1, 31)):
    return new_key(name, models=models, may=may, requests_per_minute=rate, expires=expires)


def write(path, **changes):
    _, entry = a_key()
    value = {"id": entry.id, "name": "shop", "sha256": entry.sha256, "models": ["flights"], "may": ["predict"]}
    value |= {"requests_per_minute": 6, "expires": "2027-01-31"} | changes
    path.write_text(json.dumps({"keys": [value]}))
    path.chmod(0o600)


def test_a_key_is_256_random_bits_and_its_entry_holds_none_of_them():
    keys = [a_key() for _ in range(200)]
    assert len({key for key, _ in keys}) == len({entry.id for _, entry in keys}) == 200
    for key, entry in keys:
        prefix, key_id, secret = key.split("_")
        assert (prefix, key_id, len(bytes.fromhex(secret))) == ("evg", entry.id, 32)
        assert secret not in repr(entry)
        assert entry.ends_at == datetime(2027, 2, 1, tzinfo=UTC)


def test_the_file_is_its_owners_alone_and_never_holds_the_key(tmp_path):
    path = tmp_path / "deep" / "keys.json"
    (first, one), (second, two) = a_key(), a_key("scraper", ("*",), ("read",), None)
    add_key(path, one)
    add_key(path, two)
    assert read_keys(path) == (one, two)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert first[4:] not in text
    assert second.rpartition("_")[2] not in text
    assert sorted(found.name for found in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_a_link_to_the_file_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    path = tmp_path / "keys.json"
    path.symlink_to(tmp_path / "real" / "keys.json")
    add_key(path, a_key()[1])
    assert path.is_symlink()
    assert len(read_keys(tmp_path / "real" / "keys.json")) == 1


def test_a_revoked_key_stays_in_the_file_with_its_moment(tmp_path):
    path = tmp_path / "keys.json"
    _, entry = a_key()
    add_key(path, entry)
    assert revoke_key(path, entry.id, NOW).revoked_at == NOW
    assert revoke_key(path, entry.id, datetime(2027, 1, 1, tzinfo=UTC)).revoked_at == NOW
    with pytest.raises(RequestError, match="no key of this id") as refused:
        revoke_key(path, "../x", NOW)
    assert entry.id in refused.value.allowed


def test_of_twenty_who_write_at_once_none_undoes_another(tmp_path):
    path = tmp_path / "keys.json"
    entries = [a_key(str(number))[1] for number in range(20)]
    threads = [threading.Thread(target=add_key, args=(path, entry)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.id for entry in read_keys(path)} == {entry.id for entry in entries}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"id": "../../x1"}, "id"),
        ({"id": "0123456z"}, "id"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"sha256": "0" * 64 + "\n"}, "sha256"),
        ({"may": ["predict", "administrate"]}, "administrate"),
        ({"may": []}, "may"),
        ({"models": []}, "models"),
        ({"models": ["*", "flights"]}, "beside"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"expires": "never"}, "expires"),
        ({"expires": None}, "expires"),
        ({"modles": ["flights"]}, "modles"),
    ],
)
def test_a_mistake_in_an_entry_makes_the_whole_file_unusable(tmp_path, changes, found):
    path = tmp_path / "keys.json"
    write(path, **changes)
    with pytest.raises(SettingsError, match="cannot be used") as refused:
        read_keys(path)
    assert found in refused.value.found


@pytest.mark.parametrize("text", ["", "{", "[]", "keys: []", '{"keys": 1}', '{"keys": [], "more": 1}'])
def test_what_is_no_file_of_keys(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsError):
        read_keys(path)


def test_an_id_may_stand_there_once(tmp_path):
    path = tmp_path / "keys.json"
    _, entry = a_key()
    add_key(path, entry)
    add_key(path, entry)
    with pytest.raises(SettingsError, match="twice"):
        read_keys(path)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path, mode):
    path = tmp_path / "keys.json"
    add_key(path, a_key()[1])
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"mode {mode:03o}") as refused:
        read_keys(path)
    assert refused.value.remedy == f"chmod 600 {path}"


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SettingsError, match=os.fspath(path)):
            read_keys(path)
