import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evergreen.cli.main import app
from evergreen.settings import PROJECT_ROOT

FEATURES = "def row_features(rows, entities):\n    return rows[['hour']]\n"


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the flights' definition and the plainest feature code."""
    folder = tmp_path / "models" / "flight_delays"
    folder.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "include/models/flight_delays/model.yaml", folder)
    (folder / "features.py").write_text(FEATURES)
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(folder.parent))
    return folder


def check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    return result.exit_code, result.output


def test_a_sound_definition_passes_and_says_its_question(definitions: Path) -> None:
    code, output = check("--quick")
    assert code == 0, output
    assert "✓ flight_delays: Will a flight leaving New York" in output


def test_every_mistake_is_said_at_once_with_its_line_and_a_way_out(definitions: Path) -> None:
    path = definitions / "model.yaml"
    text = path.read_text().replace("predict_before:", "predict_befor:").replace("holdout: 21d", "holdout: 21 days")
    path.write_text(text)
    code, output = check("--quick")
    assert code == 1
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "predict_befor:" in line)
    assert f"model.yaml:{line}:3 data.predict_befor" in output
    assert "did you mean `predict_before`?" in output
    assert "gate.holdout" in output


def test_an_unknown_expectation_is_a_mistake_unless_quick(definitions: Path) -> None:
    path = definitions / "model.yaml"
    path.write_text(path.read_text().replace("ExpectColumnMedianToBeBetween", "ExpectColumnMedianToBeBetwixt"))
    assert check("--quick")[0] == 0
    code, output = check()
    assert code == 1
    assert "ExpectColumnMedianToBeBetwixt" in output


def test_an_unknown_model_is_wrong_usage(definitions: Path) -> None:
    code, output = check("flights_delay")
    assert code == 2
    assert "flight_delays" in output


def test_a_folder_without_definitions_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(tmp_path))
    code, output = check()
    assert code == 1
    assert "there is no model definition" in output
