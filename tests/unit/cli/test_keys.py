import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evergreen.cli import main
from evergreen.serving.access.key_file import read_keys
from evergreen.serving.access.key_ring import KeyRing
from evergreen.serving.access.rates import KeyRates

KEY = re.compile(r"^evg_[0-9a-f]{8}_[0-9a-f]{64}$", re.MULTILINE)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    monkeypatch.setenv("EVERGREEN_GATEWAY_KEYS_FILE", str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def run(*arguments: str) -> str:
    found = CliRunner().invoke(main.app, ["key", *arguments])
    assert found.exit_code == 0, found.output
    return found.stdout


def refuse(*arguments: str) -> str:
    found = CliRunner().invoke(main.app, ["key", *arguments])
    assert found.exit_code != 0
    return " ".join(found.output.replace("│", "").split())


def test_a_new_key_is_printed_alone_and_once_and_opens_the_gateway(path: Path) -> None:
    printed = run("new", "shop", "--models", "flight_delays", "--rate", "60", "--days", "10")
    assert KEY.fullmatch(printed.strip())
    held = KeyRing(path, KeyRates(path.parent / "rates")).find(printed.strip().encode())
    assert held is not None
    assert (held.entry.name, held.entry.models, held.entry.may) == ("shop", ("flight_delays",), ("predict",))
    assert held.entry.requests_per_minute == 60
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = printed.strip().rpartition("_")[2]
    assert secret not in path.read_text()
    assert secret not in run("list")


def test_a_key_for_a_scraper_may_read_only_and_without_a_limit(path: Path) -> None:
    run("new", "prometheus", "--models", "*", "--read", "--no-predict", "--rate", "0")
    (entry,) = read_keys(path)
    assert (entry.models, entry.may, entry.requests_per_minute) == (("*",), ("read",), None)


def test_the_list_says_who_may_what_and_what_has_ended(path: Path) -> None:
    run("new", "shop", "--models", "flight_delays")
    run("new", "old", "--models", "*")
    (shop, old) = read_keys(path)
    run("revoke", old.id)
    lines = run("list").splitlines()
    assert f"{shop.id}  good     shop: may predict flight_delays, 600 requests a minute" in lines[0]
    assert lines[1].startswith(f"{old.id}  revoked  old")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "x", "--models", "fligth_delays"), "Did you mean flight_delays?"),
        (("new", "x", "--models", "../../etc/passwd"), "there is no model"),
        (("new", "x", "--models", "*", "--models", "flight_delays"), "stands alone"),
        (("new", "x", "--models", "*", "--no-predict"), "must open something"),
        (("new", "x"), "Missing option"),
        (("revoke", "00000000"), "cannot be used"),
    ],
)
def test_what_is_refused_makes_no_file(path: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refuse(*arguments)
    assert not path.exists()


def test_without_the_setting_it_says_which(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERGREEN_GATEWAY_KEYS_FILE")
    assert "EVERGREEN_GATEWAY_KEYS_FILE" in refuse("list")
