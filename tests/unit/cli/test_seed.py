from datetime import date
from pathlib import Path

import pytest

from evergreen.cli.seed import seed_landing
from evergreen.definitions import ModelDefinition, load_definition
from evergreen.errors import RequestError
from evergreen.settings import Settings

SEED = """
from datetime import timedelta
import pyarrow as pa

def landing_files(first, through):
    day = first
    while day <= through:
        yield f"rows/{day}.parquet", pa.table({"id": [day.toordinal()]})
        day += timedelta(days=1)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def definition(tmp_path: Path) -> ModelDefinition:
    found = load_definition(Settings().definitions_dir / "flight_delays").model_copy()
    object.__setattr__(found, "_folder", tmp_path)
    (tmp_path / "seed.py").write_text(SEED)
    return found


def test_writes_each_day_up_to_and_with_the_last(definition: ModelDefinition, settings: Settings) -> None:
    assert seed_landing(definition, settings, through=date(2013, 1, 3)) == (3, 0)
    files = sorted(path.name for path in Path(settings.landing_uri, "flight_delays", "rows").iterdir())
    assert files == ["2013-01-01.parquet", "2013-01-02.parquet", "2013-01-03.parquet"]


def test_leaves_equal_files_alone_and_mends_changed_ones(definition: ModelDefinition, settings: Settings) -> None:
    seed_landing(definition, settings, through=date(2013, 1, 2))
    folder = Path(settings.landing_uri, "flight_delays", "rows")
    (folder / "2013-01-01.parquet").write_bytes(b"broken")
    before = (folder / "2013-01-02.parquet").stat().st_mtime_ns
    assert seed_landing(definition, settings, through=date(2013, 1, 2)) == (1, 1)
    assert (folder / "2013-01-02.parquet").stat().st_mtime_ns == before


@pytest.mark.parametrize("day", [date(2012, 12, 31), date(2014, 1, 1)])
def test_refuses_a_day_outside_the_history(definition: ModelDefinition, settings: Settings, day: date) -> None:
    with pytest.raises(RequestError, match="no example data"):
        seed_landing(definition, settings, through=day)


def test_says_so_when_a_model_has_no_seed(definition: ModelDefinition, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "seed.py").unlink()
    with pytest.raises(RequestError, match="ships no example data"):
        seed_landing(definition, settings)


def test_a_missing_seed_is_said_before_anything_about_days(
    definition: ModelDefinition, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "seed.py").unlink()
    endless = definition.model_copy(update={"data": definition.data.model_copy(update={"last_day": None})})
    with pytest.raises(RequestError, match="ships no example data"):
        seed_landing(endless, settings)


def test_without_a_last_day_a_day_is_asked_for(definition: ModelDefinition, settings: Settings) -> None:
    endless = definition.model_copy(update={"data": definition.data.model_copy(update={"last_day": None})})
    with pytest.raises(RequestError, match="how far"):
        seed_landing(endless, settings)
