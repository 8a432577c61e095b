import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

from evergreen.definitions.data import Label
from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, RegistryError
from evergreen.files import Files
from evergreen.predictors.bundle import MAX_MANIFEST_BYTES, load_predictor, read_profile, write_bundle
from evergreen.predictors.calibration import SigmoidCalibration
from evergreen.predictors.encoder import Encoder
from evergreen.predictors.logistic import prepare_logistic
from evergreen.predictors.manifest import MODEL_FILES, BundleFile, BundleManifest
from evergreen.predictors.onnx_export import export_onnx
from evergreen.predictors.predictor import onnx_parity
from evergreen.reference_profile import ReferenceProfile
from evergreen.statistics.column_profile import profile_category, profile_numeric
from released_models import a_layout

FRAME = pd.DataFrame({"wind": [1.0, np.nan, 30.0] * 40, "carrier": ["AA", "EV", None] * 40})
LABEL = np.tile([0.0, 0.0, 1.0], 40)


def make_contents(algorithm, encoder):
    matrix = encoder.transform(FRAME)
    if algorithm == "logistic_regression":
        return {"model.json": prepare_logistic(encoder, matrix).to_bytes()}
    data = xgboost.DMatrix(matrix, LABEL, feature_types=["q", "c"], enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "base_score": 0.5, "nthread": 1, "max_depth": 2}, data, 5)
    return {"model.ubj": bytes(booster.save_raw("ubj")), "model.onnx": export_onnx(booster)}


def make_profile():
    days = np.arange(len(FRAME)) // 6 + np.datetime64("2013-01-01")
    return ReferenceProfile(
        rows=len(FRAME),
        days=20,
        features={"wind": profile_numeric(FRAME["wind"], days), "carrier": profile_category(FRAME["carrier"], days)},
        probability=None,
        positive_share=1 / 3,
        answer_share=None,
        rows_by_weekday=(6.0,) * 7,
    )


def make_bundle(root, algorithm="xgboost", profile=b"{}"):
    encoder = Encoder.fit(FRAME, ("wind",), ("carrier",))
    contents = {
        **make_contents(algorithm, encoder),
        "features.py": b"raise SystemExit('run by a loader')\n",
        "profile.json": profile,
    }
    manifest = BundleManifest(
        model="flights",
        algorithm=algorithm,
        numeric=("wind",),
        categorical=("carrier",),
        encoder=encoder,
        calibration=SigmoidCalibration(slope=1.0, intercept=0.0),
        threshold=0.25,
        label=Label(table="arrivals", column="arr_delay", above=15),
        hyper_parameters={"rounds": 5},
        seed=1,
        trained_from=datetime(2013, 1, 1, tzinfo=UTC),
        trained_through=datetime(2013, 3, 1, tzinfo=UTC),
        training_rows=120,
        positive_share=1 / 3,
        training_digest="a" * 32,
        features_digest="b" * 32,
        features_source_digest="c" * 32,
        feature_layout=a_layout(),
        lock_digest="d" * 32,
        files={name: BundleFile.of(data) for name, data in contents.items()},
    )
    uri, digest = write_bundle(Files(), str(root), manifest, contents)
    return Path(uri), digest, manifest, contents


@pytest.fixture
def nothing_is_parsed(monkeypatch):
    """Fail when an engine or a model is so much as opened."""

    def refuse(*_, **__):
        raise AssertionError("a damaged bundle was parsed")

    monkeypatch.setattr("evergreen.predictors.bundle._open_model", refuse)
    monkeypatch.setattr("xgboost.Booster.load_model", refuse)
    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)


def forge(folder, change):
    """Edit the manifest and name the folder's digest anew, as somebody with write access and an accomplice would."""
    path = folder / "manifest.json"
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value, sort_keys=True, indent=1) + "\n")
    return digest_bytes(path.read_bytes())


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression"])
def test_a_bundle_comes_back_as_it_was(tmp_path, algorithm):
    folder, digest, manifest, _ = make_bundle(tmp_path, algorithm)
    assert folder.name == digest == manifest.digest
    predictor = load_predictor(Files(), str(folder), digest)
    assert predictor.manifest == manifest
    probability = predictor.probability(FRAME)
    assert predictor.decide(probability).tolist() == (probability >= 0.25).tolist()
    assert onnx_parity(predictor, FRAME) == 0


def test_parity_of_no_rows_is_not_taken_for_agreement(tmp_path):
    folder, digest, _, _ = make_bundle(tmp_path)
    assert np.isnan(onnx_parity(load_predictor(Files(), str(folder), digest), FRAME.iloc[:0]))


def test_decide_takes_the_threshold_itself_for_a_yes(tmp_path):
    folder, digest, _, _ = make_bundle(tmp_path)
    decided = load_predictor(Files(), str(folder), digest).decide(np.array([0.25, np.nextafter(0.25, 0), np.nan]))
    assert decided.tolist() == [True, False, False]


def test_writing_twice_writes_once(tmp_path):
    folder, *_ = make_bundle(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert make_bundle(tmp_path)[0] == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("lost", ["manifest.json", "model.ubj", "model.onnx", "features.py", "profile.json"])
def test_a_half_written_bundle_is_completed(tmp_path, lost):
    folder, digest, _, _ = make_bundle(tmp_path)
    (folder / lost).unlink()
    make_bundle(tmp_path)
    assert load_predictor(Files(), str(folder), digest).probability(FRAME).shape == (120,)


@pytest.mark.parametrize("name", ["model.ubj", "model.onnx", "features.py", "profile.json", "manifest.json"])
@pytest.mark.parametrize("edit", ["flip", "append", "cut", "empty", "delete"])
@pytest.mark.usefixtures("nothing_is_parsed")
def test_one_changed_byte_is_refused(tmp_path, name, edit):
    folder, digest, _, _ = make_bundle(tmp_path)
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    edited = {
        "flip": bytes(data),
        "append": path.read_bytes() + b" ",
        "cut": path.read_bytes()[:-1],
        "empty": b"",
        "delete": None,
    }
    path.unlink()
    if edited[edit] is not None:
        path.write_bytes(edited[edit])
    with pytest.raises(DigestMismatchError):
        load_predictor(Files(), str(folder), digest)


@pytest.mark.parametrize("extra", ["model.pkl", "__init__.py", "deeper/model.ubj", ".hidden"])
@pytest.mark.usefixtures("nothing_is_parsed")
def test_an_extra_file_is_refused(tmp_path, extra):
    folder, digest, _, _ = make_bundle(tmp_path)
    (folder / extra).parent.mkdir(exist_ok=True)
    (folder / extra).write_bytes(b"x")
    with pytest.raises(DigestMismatchError, match="extra file"):
        load_predictor(Files(), str(folder), digest)


@pytest.mark.usefixtures("nothing_is_parsed")
def test_another_bundle_under_the_same_address_is_refused(tmp_path):
    folder, _, _, _ = make_bundle(tmp_path)
    _, other, _, _ = make_bundle(tmp_path, "logistic_regression")
    with pytest.raises(DigestMismatchError, match=other):
        load_predictor(Files(), str(folder), other)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "deeper/model.ubj", "model.pkl", "..", "", "MODEL.ubj"])
@pytest.mark.usefixtures("nothing_is_parsed")
def test_a_manifest_that_points_elsewhere_is_refused_even_with_its_own_digest(tmp_path, name):
    (tmp_path / "x").write_bytes(b"outside")
    folder, _, _, _ = make_bundle(tmp_path)
    digest = forge(folder, lambda value: value["files"].update({name: value["files"].pop("model.ubj")}))
    with pytest.raises(DigestMismatchError):
        load_predictor(Files(), str(folder), digest)


@pytest.mark.parametrize("size", [10**15, 2**63, -1, 0])
@pytest.mark.usefixtures("nothing_is_parsed")
def test_a_declared_size_that_is_not_the_file_s_is_refused_before_reading(tmp_path, size, monkeypatch):
    folder, _, _, _ = make_bundle(tmp_path)
    digest = forge(folder, lambda value: value["files"]["model.ubj"].update(size_bytes=size))
    read, really = [], Files.read_bytes
    monkeypatch.setattr(Files, "read_bytes", lambda self, uri: read.append(Path(uri).name) or really(self, uri))
    with pytest.raises(DigestMismatchError):
        load_predictor(Files(), str(folder), digest)
    assert read == ["manifest.json"]


@pytest.mark.usefixtures("nothing_is_parsed")
def test_a_blown_up_file_is_not_read(tmp_path, monkeypatch):
    folder, digest, _, _ = make_bundle(tmp_path)
    for name in ("manifest.json", "model.ubj"):
        original = (folder / name).read_bytes()
        with (folder / name).open("r+b") as stream:
            stream.truncate(MAX_MANIFEST_BYTES * 1000)  # sparse: takes no disk
        real = Files.read_bytes

        def guarded(self, uri, blown=name, real=real):
            assert not uri.endswith(blown)
            return real(self, uri)

        with monkeypatch.context() as patch:
            patch.setattr(Files, "read_bytes", guarded)
            with pytest.raises(DigestMismatchError):
                load_predictor(Files(), str(folder), digest)
        (folder / name).write_bytes(original)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(format=None),
        lambda value: value.pop("feature_layout"),
        lambda value: value["feature_layout"].update(history="soon"),
        lambda value: value.update(algorithm="pickle"),
        lambda value: value.update(calibration={"method": "python", "code": "1"}),
        lambda value: value.update(surprise=1),
        lambda value: value["files"].pop("features.py"),
        lambda value: value["files"].pop("profile.json"),
        lambda value: value["files"]["model.ubj"].update(sha256="0"),
    ],
)
@pytest.mark.usefixtures("nothing_is_parsed")
def test_a_manifest_of_another_shape_is_refused(tmp_path, change):
    folder, _, _, _ = make_bundle(tmp_path)
    with pytest.raises(DigestMismatchError):
        load_predictor(Files(), str(folder), forge(folder, change))


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.usefixtures("nothing_is_parsed")
def test_a_bundle_of_another_format_is_refused_with_what_to_do(tmp_path, number):
    folder, _, _, _ = make_bundle(tmp_path)
    digest = forge(folder, lambda value: value.update(format=number))
    with pytest.raises(RegistryError, match=f"another format.*\n.*format {number}\n.*format 2") as caught:
        load_predictor(Files(), str(folder), digest)
    assert "train again" in caught.value.remedy


@pytest.mark.usefixtures("nothing_is_parsed")
def test_a_manifest_that_nests_without_end_is_refused(tmp_path):
    folder, _, _, _ = make_bundle(tmp_path)
    data = b"[" * 200_000
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(DigestMismatchError):
        load_predictor(Files(), str(folder), digest_bytes(data))


def test_the_manifest_names_every_file_s_sha256_and_neither_time_of_writing_nor_place(tmp_path):
    folder, _, manifest, contents = make_bundle(tmp_path)
    assert set(contents) == {*MODEL_FILES["xgboost"], "features.py", "profile.json"}
    for name, data in contents.items():
        assert manifest.files[name].sha256 == hashlib.sha256(data).hexdigest()
    assert str(tmp_path) not in (folder / "manifest.json").read_text()


class TestProfile:
    def test_comes_back_as_it_was(self, tmp_path):
        profile = make_profile()
        folder, digest, _, _ = make_bundle(tmp_path, profile=profile.to_bytes())
        assert read_profile(Files(), str(folder), digest) == profile

    def test_one_changed_byte_is_refused(self, tmp_path):
        folder, digest, _, _ = make_bundle(tmp_path, profile=make_profile().to_bytes())
        path = folder / "profile.json"
        path.write_bytes(path.read_bytes().replace(b'"rows":120', b'"rows":121'))
        with pytest.raises(DigestMismatchError, match=r"profile\.json: other bytes"):
            read_profile(Files(), str(folder), digest)

    @pytest.mark.parametrize("data", [b"{}", b"", b"[" * 200_000, b'{"format": 2}'])
    def test_one_of_another_shape_is_refused_and_stops_no_answer(self, tmp_path, data):
        folder, digest, _, _ = make_bundle(tmp_path, profile=data)
        with pytest.raises(DigestMismatchError, match=r"profile\.json: a profile that cannot be read"):
            read_profile(Files(), str(folder), digest)
        assert load_predictor(Files(), str(folder), digest).probability(FRAME).shape == (120,)
