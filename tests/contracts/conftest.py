"""Every contract is kept on a local folder and on S3, and on both databases."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceph_gateway import CephGateway, make_buckets, missing_programs
from free_ports import free_port
from object_store import BUCKET, Store


@pytest.fixture(scope="module")
def s3_credentials():
    """Credentials that servers of our own take, and nothing of this machine's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "AWS_CA_BUNDLE",
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
        ):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", CephGateway.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", CephGateway.secret_key)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
def s3_endpoint(s3_credentials):
    """A moto server of our own on a free loopback port."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _await(endpoint, server)
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT"), timeout=10).close()
        yield endpoint
    finally:
        server.terminate()
        server.wait(10)


def _await(endpoint, server):
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server did not answer within 30 seconds")


@pytest.fixture(scope="session")
def ceph_gateway():
    """Ceph's gateway, which companies run: a second opinion on what S3 means."""
    if missing := missing_programs():
        pytest.skip(f"{', '.join(missing)}: not installed here (apt install radosgw ceph-mon ceph-osd); CI has them")
    with CephGateway() as gateway:
        make_buckets(gateway.url, [BUCKET], gateway.access_key, gateway.secret_key)
        yield gateway


@pytest.fixture(scope="module")
def ceph_endpoint(ceph_gateway, s3_credentials):
    return ceph_gateway.url


@pytest.fixture(scope="module")
def aws(s3_credentials):
    """SageMaker as moto plays it, in this process, with what moto leaves out."""
    from moto_server import moto_server
    from sagemaker_world import fill_in

    with pytest.MonkeyPatch.context() as patch, moto_server() as url:
        fill_in(patch)
        yield url


@pytest.fixture(params=["local", "moto", "ceph"])
def store(request, tmp_path):
    if request.param == "local":
        return Store(str(tmp_path))
    endpoint = request.getfixturevalue("s3_endpoint" if request.param == "moto" else "ceph_endpoint")
    return Store(f"s3://{BUCKET}/{uuid.uuid4().hex}", endpoint)


def _binaries() -> str | None:
    beside = shutil.which("initdb")
    found = [*sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True), *([os.path.dirname(beside)] if beside else [])]
    return found[0] if found else None


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A server of our own on the loopback address, gone afterwards."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server programs are not installed here (apt install postgresql); CI has them")
    # The server refuses to run as root, and its user must be able to walk to the folder: pytest's own is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="evergreen-postgresql-"))
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_server:
        shutil.chown(folder, "postgres")
    port = free_port()
    data = str(folder / "data")
    run = {"check": True, "capture_output": True, "cwd": folder, "timeout": 60}
    try:
        subprocess.run(
            [*as_server, f"{binaries}/initdb", "-D", data, "-U", "evergreen", "--auth=trust", "--no-sync", "-E", "UTF8"], **run
        )
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run(
            [*as_server, f"{binaries}/pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"], **run
        )
        yield f"postgresql+psycopg://evergreen@127.0.0.1:{port}/postgres"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            subprocess.run([*as_server, f"{binaries}/pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder, ignore_errors=True)
