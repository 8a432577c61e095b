import socket

import pytest

from evergreen.errors import SettingsError, StackError
from evergreen.serving.server import _listen, _require_keys_beyond_loopback
from evergreen.settings import Settings


def bound(host):
    try:
        return _listen(host, 0)
    except StackError:
        pytest.skip(f"this machine has no {host}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_on_loopback_no_key_is_needed(tmp_path, host):
    with bound(host) as listener:
        _require_keys_beyond_loopback(listener, Settings(home=tmp_path))
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_elsewhere_it_is(tmp_path, host):
    listener = bound(host)
    with pytest.raises(SettingsError, match="open to the network"):
        _require_keys_beyond_loopback(listener, Settings(home=tmp_path))
    assert listener.fileno() == -1  # it is closed again


@pytest.mark.parametrize("said", [{"gateway_open": True}, {"gateway_keys_file": "/somewhere/keys.json"}])
def test_unless_somebody_has_said_so(tmp_path, said):
    with bound("0.0.0.0") as listener:
        _require_keys_beyond_loopback(listener, Settings(home=tmp_path, **said))
        assert listener.type == socket.SOCK_STREAM
