from pathlib import Path

import pytest

from evergreen.settings import Settings
from unit.stages.validate.small_shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(Settings(home=tmp_path))
    made.deliver_shops({"north": 1.0, "south": 2.0, "west": 3.0})
    return made
