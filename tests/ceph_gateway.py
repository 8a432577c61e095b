"""Ceph's S3 gateway on loopback: a monitor, a store that keeps all in memory, and the gateway. Ours, and gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from free_ports import free_port
from started import Started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAMS = ("ceph-mon", "ceph-osd", "ceph", "monmaptool", "radosgw", "radosgw-admin")
LIMIT_SECONDS = 120.0

CONFIGURATION = """
[global]
fsid = {fsid}
mon initial members = a
mon host = v1:127.0.0.1:{mon_port}
public network = 127.0.0.0/8
run dir = {root}
admin socket = {root}/$name.asok
log file = {root}/$name.log
pid file = {root}/$name.pid
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr2 = false
ms bind ipv4 = true
ms bind ipv6 = false
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
[mon.a]
mon data = {root}/mon
[osd.0]
osd data = {root}/osd
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{s3_port} tcp_nodelay=1
rgw thread pool size = 32
rgw enable usage log = false
rgw dynamic resharding = false
"""


def missing_programs() -> list[str]:
    """Return which of Ceph's programs are not installed here (Debian: radosgw ceph-mon ceph-osd)."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class CephGateway(Started):
    """A running gateway. Use as a context manager; `restart` kills the gateway alone, and what it keeps stays."""

    access_key, secret_key = "evergreen", "evergreen-secret"

    def __init__(self, secret_key: str = secret_key) -> None:
        self.secret_key = secret_key
        self.root = Path(tempfile.mkdtemp(prefix="evergreen-ceph-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._conf = self.root / "ceph.conf"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def close(self) -> None:
        """Stop what was started, each process by its own id."""
        for name in reversed(list(self._running)):
            self._kill(name)
        shutil.rmtree(self.root, ignore_errors=True)

    def stop(self) -> None:
        """Kill the gateway; whoever asks is refused until `start_gateway`."""
        self._kill("radosgw")

    def start_gateway(self) -> None:
        """Start the gateway and wait for its answer."""
        self._spawn("radosgw", "--name", "client.rgw")
        self._wait(self._answers, "the gateway answers")

    def _start(self) -> None:
        fsid, mon_port = str(uuid.uuid4()), free_port()
        text = CONFIGURATION.format(fsid=fsid, mon_port=mon_port, s3_port=self.port, root=self.root)
        self._conf.write_text(text, encoding="utf-8")
        for name in ("mon", "osd"):
            (self.root / name).mkdir()
        monmap = str(self.root / "monmap")
        self._run("monmaptool", "--create", "--addv", "a", f"[v1:127.0.0.1:{mon_port}]", "--fsid", fsid, monmap)
        self._run("ceph-mon", "--mkfs", "--id", "a", "--monmap", monmap)
        self._spawn("ceph-mon", "--id", "a")
        osd = str(uuid.uuid4())
        self._wait(lambda: self._ask("osd", "new", osd, "0").strip() == "0", "the monitor answers")
        self._run("ceph-osd", "--mkfs", "--id", "0", "--osd-uuid", osd)
        self._wait(self._stores, "the object store is up")
        self.start_gateway()
        keys = ("--access-key", self.access_key, "--secret-key", self.secret_key)
        self._run(
            "radosgw-admin", "--name", "client.rgw", "user", "create", "--uid", "evergreen", "--display-name", "tests", *keys
        )

    def _stores(self) -> bool:
        """Return whether the store is up. On a busy machine it sometimes asks too early, is told "wrong fsid" and gives up."""
        process = self._running.get("ceph-osd")
        if process is None or process.poll() is not None:
            self._spawn("ceph-osd", "--id", "0")
        return bool(json.loads(self._ask("osd", "stat", "--format", "json") or "{}").get("num_up_osds") == 1)

    def _ask(self, *arguments: str) -> str:
        """Ask the monitor, which refuses for a moment after its start; nothing where it does."""
        done = self._call("ceph", *arguments)
        return done.stdout if done.returncode == 0 else ""

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            ended = [name for name, process in self._running.items() if process.poll() is not None and name != "ceph-osd"]
            assert not ended, f"{ended} ended: {self._log(ended[0])}"
            assert time.monotonic() < deadline, f"not within {LIMIT_SECONDS:.0f} s: {what}"
            time.sleep(0.1)

    def _log(self, program: str) -> str:
        return (self.root / f"{program}.out").read_text(encoding="utf-8", errors="replace")[-3000:]

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        assert done.returncode == 0, f"{done.args}: {done.stderr[-2000:]}"

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, "--conf", str(self._conf), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, env=_environment(), check=False)

    def _spawn(self, program: str, *arguments: str) -> None:
        with (self.root / f"{program}.out").open("ab") as log:
            self._running[program] = subprocess.Popen(
                [program, "--foreground", "--conf", str(self._conf), *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.root,
                env=_environment(),
                start_new_session=True,
            )

    def _kill(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _environment() -> dict[str, str]:
    return {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}


def make_buckets(url: str, names: Sequence[str], access_key: str, secret_key: str) -> None:
    """Make buckets on an S3 server at a loopback address."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    for name in names:
        client.create_bucket(Bucket=name)
