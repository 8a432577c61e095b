"""A gateway that has nothing but a model package: it answers as the one beside the registry, and refuses any other package."""

import shutil
import subprocess
import sys
import tarfile
from io import BytesIO

import pytest

from evergreen.definitions import load_definition
from evergreen.files import Files
from evergreen.model_package import pack, package_digest, read_package
from evergreen.sagemaker.packing import package_contents
from evergreen.serving.release_cache import KnownRelease, ReleaseCache
from evergreen.serving.release_loading import load_release
from evergreen.serving.release_metrics import ReleaseMetrics
from evergreen.settings import Settings
from released_models import MODEL
from served_model import ServedModel, a_row, running_gateway


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A release as a package, and what it says of a few rows where the registry is."""
    home = tmp_path_factory.mktemp("registry")
    model = ServedModel(home)
    version = model.release()
    online = model.publish(version)
    definition = load_definition(model.settings.definitions_dir / MODEL)
    release = load_release(
        KnownRelease.of(version, online), definition, ReleaseCache(home / "cache", Files()), ReleaseMetrics()
    )
    rows = [a_row(number) for number in range(20)]
    said = release.answer(release.schema.checked(rows))
    contents = package_contents(definition, version, online, Files())
    shutil.rmtree(home / "artifacts")
    return contents, rows, list(said.probability)


@pytest.fixture
def folder(packed, tmp_path):
    """The package as SageMaker unpacks it."""
    found = tmp_path / "opt" / "ml" / "model"
    with tarfile.open(fileobj=BytesIO(pack(packed[0]))) as archive:
        archive.extractall(found, filter="data")
    return found


def test_it_answers_what_sagemaker_asks(packed, folder, tmp_path):
    contents, rows, said = packed
    elsewhere = Settings(home=tmp_path / "home", definitions_dir=tmp_path / "none")
    elsewhere.home.mkdir()
    environment = {"EVERGREEN_PACKAGE_DIGEST": package_digest(contents)}
    with running_gateway(elsewhere, options=("--package", str(folder)), environment=environment) as gateway:
        assert gateway.get("/ping").status_code == 200
        answer = gateway.post({"instances": rows}, "/invocations")
        assert answer.status_code == 200
        assert [one["probability"] for one in answer.json()["predictions"]] == said
        assert gateway.post({"instances": [{"id": 1}]}, "/invocations").status_code == 422
        assert gateway.get("/ready").json()["problems"] == []
    assert not list((elsewhere.home / "gateway" / "spool").rglob("*.open")), "nobody could collect answers here"


def test_another_package_is_refused_before_anything_listens(packed, folder, tmp_path):
    (folder / "bundle" / "features.py").write_text("def row_features(rows, entities):\n    return rows\n")
    command = [sys.executable, "-c", "from evergreen.cli.main import run; run()", "serve", "--package", str(folder)]
    digest = package_digest(packed[0])
    done = subprocess.run(
        [*command, "--package-digest", digest], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "not the one that was released" in done.stderr


def test_the_same_release_gives_the_same_bytes(packed):
    contents = packed[0]
    assert pack(contents) == pack(dict(reversed(contents.items())))
    assert package_digest({**contents, "more": b""}) != package_digest(contents)


def test_a_package_is_what_its_digest_says(packed, folder):
    digest = package_digest(packed[0])
    note, found = read_package(folder, digest)
    assert (note.version.model, found) == (MODEL, digest)
