"""A DAG that fails speaks once, and once more when it works again."""

import json
import shutil
from pathlib import Path


def said(home: Path) -> list[dict]:
    path = home / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def test_a_night_without_landing_files_speaks_once_and_says_when_it_is_over(night):
    kept = night.landing.parent.with_name("kept")
    shutil.move(night.landing.parent, kept)
    for _ in range(2):
        assert not night.run("scoring", "2013-02-15").succeeded
    [line] = said(night.settings.home)
    assert (line["model"], line["incident"], line["level"]) == ("flight_delays", "run:scoring", "critical")
    assert line["subject"] == "[critical] flight_delays: scoring failed in ingest"
    shutil.move(kept, night.landing.parent)
    assert night.run("scoring", "2013-02-15").succeeded
    assert night.run("scoring", "2013-02-15").succeeded
    assert [line["level"] for line in said(night.settings.home)] == ["critical", "recovered"]
