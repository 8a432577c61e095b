import asyncio
import hmac
import json
from datetime import UTC, date, datetime

import pytest

from evergreen.errors import AccessError, SettingsError
from evergreen.serving.access import key_ring as key_ring_module
from evergreen.serving.access.guard import Guard, require
from evergreen.serving.access.key_file import add_key, revoke_key
from evergreen.serving.access.key_ring import KeyRing
from evergreen.serving.access.keys import new_key
from evergreen.serving.access.rates import KeyRates
from evergreen.serving.app import GatewayApp
from evergreen.serving.http import Headers
from evergreen.serving.refusals import refusal

FAR, NOW = date(2099, 1, 1), datetime(2026, 11, 21, 12, tzinfo=UTC)


class Keys:
    """A file of keys and the ring that follows it."""

    def __init__(self, folder):
        self.path = folder / "keys.json"
        self.rates = KeyRates(folder / "rates")
        self.sent = {}
        self.add("all", models=("*",), may=("predict", "read"))

    def add(self, name, *, models=("flights",), may=("predict",), rate=None, expires=FAR):
        key, entry = new_key(name, models=models, may=may, requests_per_minute=rate, expires=expires)
        add_key(self.path, entry)
        self.sent[name] = key.encode()
        return entry

    def ring(self):
        return KeyRing(self.path, self.rates)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


def refused(call, *arguments):
    with pytest.raises(AccessError) as error:
        call(*arguments)
    return error.value.status, error.value.reason


# ---- who is let in


def test_no_key_another_key_and_a_spoilt_key_are_401(keys):
    guard = Guard(keys.ring())
    good = keys.sent["all"]
    assert guard.admit(good).entry.name == "all"
    assert refused(guard.admit, b"") == (401, "no_key")
    for number in range(len(good)):
        spoilt = good[:number] + bytes([good[number] ^ 1]) + good[number + 1 :]
        assert refused(guard.admit, spoilt) == (401, "unknown_key")
    for key in (b"evg_", b"x", good[:-1], good + b"0", good * 100, "evg_ünfug".encode(), b"\x00" * 80):
        assert refused(guard.admit, key) == (401, "unknown_key")


def test_the_refusal_of_an_unknown_key_repeats_nothing_of_it(keys):
    with pytest.raises(AccessError) as error:
        Guard(keys.ring()).admit(b"evg_00000000_" + b"c0ffee" * 10)
    assert "c0ffee" not in str(error.value)


def test_every_comparison_takes_the_constant_road(keys, monkeypatch):
    compared, constant_time = [], hmac.compare_digest

    def compare(left, right):
        compared.append((len(left), len(right)))
        return constant_time(left, right)

    monkeypatch.setattr(key_ring_module.hmac, "compare_digest", compare)
    ring = keys.ring()
    for key in (keys.sent["all"], keys.sent["all"][:-1], b"evg_00000000_x"):
        ring.find(key)
    assert compared == [(32, 32)] * 3


def test_an_expired_and_a_revoked_key_are_401_and_say_why_only_to_their_holder(keys):
    old = keys.add("old", expires=date(2020, 1, 1))
    gone = keys.add("gone")
    revoke_key(keys.path, gone.id, NOW)
    guard = Guard(keys.ring())
    assert refused(guard.admit, keys.sent["old"]) == (401, "expired_key")
    assert refused(guard.admit, keys.sent["gone"]) == (401, "revoked_key")
    for entry in (old, gone):
        assert refused(guard.admit, f"evg_{entry.id}_{'0' * 64}".encode()) == (401, "unknown_key")


def test_too_often_is_429_with_the_time_to_wait(keys):
    keys.add("slow", rate=2)
    guard = Guard(keys.ring())
    guard.admit(keys.sent["slow"])
    with pytest.raises(AccessError) as error:
        guard.admit(keys.sent["slow"])
    assert (error.value.status, error.value.reason) == (429, "rate")
    assert 20 <= error.value.retry_after_seconds <= 30
    guard.admit(keys.sent["all"])  # another key waits for nobody


@pytest.mark.parametrize(
    ("models", "may", "model", "right", "opens"),
    [
        (("flights",), ("predict",), "flights", "predict", True),
        (("flights",), ("predict",), "shop", "predict", False),
        (("flights",), ("predict",), "flights", "read", False),
        (("flights", "shop"), ("read",), "shop", "read", True),
        (("flights",), ("read",), "", "read", False),
        (("*",), ("read",), "", "read", True),
        (("*",), ("read",), "anything", "predict", False),
        (("*",), ("predict",), "anything", "predict", True),
        (("flights",), ("predict",), "flights ", "predict", False),
        (("flights",), ("predict",), "*", "predict", False),
    ],
)
def test_a_key_opens_what_its_entry_says_and_nothing_else(keys, models, may, model, right, opens):
    keys.add("one", models=models, may=may)
    held = Guard(keys.ring()).admit(keys.sent["one"])
    if opens:
        require(held, model, right)
    else:
        assert refused(require, held, model, right) == (403, "scope")


def test_an_open_gateway_wants_nothing():
    guard = Guard()
    assert guard.admit(b"") is None
    assert guard.sees_all(b"")
    require(None, "flights", "predict")


# ---- the file changes


def test_the_ring_follows_the_file(keys):
    ring = keys.ring()
    late = keys.add("late")
    assert ring.find(keys.sent["late"]) is None
    ring.refresh()
    assert ring.find(keys.sent["late"]) is not None
    revoke_key(keys.path, late.id, NOW)
    ring.refresh()
    assert refused(Guard(ring).admit, keys.sent["late"]) == (401, "revoked_key")


@pytest.mark.parametrize("breakage", ["garbage", "gone", "writable"])
def test_a_broken_file_keeps_the_last_good_keys_and_says_so(keys, breakage):
    ring = keys.ring()
    good = keys.path.read_bytes()
    if breakage == "garbage":
        keys.path.write_text('{"keys": [')
    elif breakage == "gone":
        keys.path.unlink()
    else:
        keys.path.chmod(0o666)
    ring.refresh()
    assert ring.problem is not None
    assert "cannot be used" in ring.problem.what
    assert ring.find(keys.sent["all"]) is not None
    assert ring.find(b"evg_00000000_" + b"0" * 64) is None
    keys.path.write_bytes(good)
    keys.path.chmod(0o600)
    ring.refresh()
    assert ring.problem is None


def test_a_file_without_keys_lets_nobody_in(keys):
    ring = keys.ring()
    keys.path.write_text('{"keys": []}')
    ring.refresh()
    assert len(ring) == 0
    assert refused(Guard(ring).admit, keys.sent["all"]) == (401, "unknown_key")


def test_without_a_usable_file_there_is_no_ring(tmp_path):
    with pytest.raises(SettingsError):
        KeyRing(tmp_path / "none.json", KeyRates(tmp_path))


# ---- where a key is looked for


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"authorization", b"Bearer evg_1")], b"evg_1"),
        ([(b"authorization", b"bearer  evg_1 ")], b"evg_1"),
        ([(b"x-api-key", b"evg_2")], b"evg_2"),
        ([(b"authorization", b"Bearer evg_1"), (b"x-api-key", b"evg_2")], b"evg_2"),
        ([(b"x-api-key", b"evg_2"), (b"authorization", b"Basic dTpw")], b"evg_2"),
        ([(b"x-api-key", b"evg_2"), (b"authorization", b"Bearer another")], b"evg_2"),
        ([(b"authorization", b"Basic dTpw")], b""),
        ([(b"authorization", b"evg_1")], b""),
        ([(b"cookie", b"key=evg_1")], b""),
    ],
)
def test_where_the_key_is_looked_for(headers, key):
    assert Headers(headers).key == key


# ---- the application asks at every address


class Answering:
    """Stands where the gateway's worker stands: every call is answered, and remembered if it came so far."""

    def __init__(self):
        self.reached = []
        self.counted = []

    def __getattr__(self, name):
        async def call(model, *_):
            self.reached.append((name, model))
            return b"{}"

        def page(*_):
            self.reached.append((name,))
            return 200, b"text/plain", b"page"

        return call if name in ("predict", "invocations") else page

    def only_model(self):
        return "flights"

    def model(self, name):
        if name != "flights":
            raise refusal(404, "there is no such model", found=name, allowed="flights", remedy="look")
        self.reached.append(("model", name))
        return 200, b"text/plain", b"page"

    def count(self, model, status):
        self.counted.append((model, status))

    def count_error(self, model, kind):
        self.counted.append((model, kind))


PATHS = (
    ("POST", "/models/flights/predict"),
    ("POST", "/models/flights/invocations"),
    ("POST", "/invocations"),
    *(("GET", path) for path in ("/", "/docs", "/openapi.json", "/metrics", "/models", "/models/flights", "/version")),
)
NOWHERE = (("GET", "/nothing"), ("GET", "/models/secret"), ("DELETE", "/docs"), ("PUT", "/models/flights/predict"))


def ask(app, method, path, key=None):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"{}"}

    headers = [] if key is None else [(b"authorization", b"Bearer " + key)]
    asyncio.run(app({"type": "http", "path": path, "method": method, "headers": headers}, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize(("method", "path"), [*PATHS, *NOWHERE])
def test_without_a_key_every_address_is_401_and_nothing_is_reached(keys, method, path):
    gateway = Answering()
    app = GatewayApp(gateway, Guard(keys.ring()))
    for key in (None, b"evg_00000000_" + b"0" * 64):
        status, headers, body = ask(app, method, path, key)
        assert status == 401
        assert headers[b"www-authenticate"].startswith(b"Bearer")
        error = json.loads(body)["error"]
        assert all(error[part] for part in ("what", "found", "allowed", "remedy"))
    assert gateway.reached == []
    assert {kind for _, kind in gateway.counted if isinstance(kind, str)} == {"no_key", "unknown_key"}


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_key_for_everything_reaches_everything(keys, method, path):
    gateway = Answering()
    assert ask(GatewayApp(gateway, Guard(keys.ring())), method, path, keys.sent["all"])[0] == 200
    assert len(gateway.reached) == 1


def test_a_narrow_key_reaches_its_model_alone(keys):
    keys.add("narrow", models=("flights",), may=("predict", "read"))
    gateway = Answering()
    app = GatewayApp(gateway, Guard(keys.ring()))
    found = {path: ask(app, method, path, keys.sent["narrow"])[0] for method, path in PATHS}
    assert {path for path, status in found.items() if status == 200} == {
        "/models/flights/predict",
        "/models/flights/invocations",
        "/invocations",
        "/models/flights",
    }
    assert set(found.values()) == {200, 403}
    # Whether there is another model it does not learn.
    assert {ask(app, "GET", f"/models/{name}", keys.sent["narrow"])[0] for name in ("secret", "nothing")} == {403}


def test_states_are_open_and_tell_what_is_wrong_to_those_who_may_know(keys):
    keys.add("narrow", may=("predict", "read"))
    told = []

    class Telling(Answering):
        def health(self, in_full):
            told.append(in_full)
            return 200, b"application/json", b"{}"

        ready = health

    app = GatewayApp(Telling(), Guard(keys.ring()))
    for path in ("/health", "/ready", "/ping"):
        for key in (None, b"nonsense", keys.sent["narrow"], keys.sent["all"]):
            assert ask(app, "GET", path, key)[0] == 200
    assert told == [False, False, False, True] * 3


def test_a_refusal_for_its_rate_says_when_to_come_again(keys):
    keys.add("slow", rate=1, may=("predict",))
    app = GatewayApp(Answering(), Guard(keys.ring()))
    assert ask(app, *PATHS[0], keys.sent["slow"])[0] == 200
    status, headers, body = ask(app, *PATHS[0], keys.sent["slow"])
    assert status == 429
    assert 1 <= int(headers[b"retry-after"]) <= 60
    assert keys.sent["slow"] not in body
