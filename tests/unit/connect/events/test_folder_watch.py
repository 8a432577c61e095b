"""Watching a folder: what is noticed, and what a look costs."""

import os
from pathlib import Path
from unittest.mock import patch

from evergreen.connect.events import folder_watch
from evergreen.connect.events.folder_watch import FolderWatch


def test_new_moved_and_removed_files_are_noticed_at_any_depth(tmp_path):
    watch = FolderWatch(str(tmp_path))
    seen = [watch.fingerprint()]

    def look():
        seen.append(watch.fingerprint())
        return seen[-1] != seen[-2]

    assert not look()
    (tmp_path / "orders" / "2026").mkdir(parents=True)
    assert look()
    (tmp_path / "orders" / "2026" / ".a.csv").write_text("1")
    assert look()
    (tmp_path / "orders" / "2026" / ".a.csv").rename(tmp_path / "orders" / "2026" / "a.csv")
    assert look()
    assert not look()
    (tmp_path / "orders" / "2026" / "a.csv").unlink()
    assert look()


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    watch = FolderWatch(str(tmp_path / "later"))
    before = watch.fingerprint()
    assert watch.fingerprint() == before
    (tmp_path / "later").mkdir()
    assert watch.fingerprint() != before


def test_a_look_at_an_unchanged_folder_reads_no_names(tmp_path):
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        for name in range(50):
            (tmp_path / str(number) / f"{name}.csv").write_text("")
    watch = FolderWatch(str(tmp_path))
    watch.fingerprint()
    real, stats = Path.stat, []
    with (
        patch.object(os, "scandir", side_effect=AssertionError("names were read")),
        patch.object(Path, "stat", lambda path, **options: stats.append(path) or real(path, **options)),
    ):
        watch.fingerprint()
    assert len(stats) == 4


def test_there_is_a_largest_number_of_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_watch, "MAX_FOLDERS", 3)
    for number in range(10):
        (tmp_path / str(number)).mkdir()
    watch = FolderWatch(str(tmp_path))
    watch.fingerprint()
    assert len(watch._known) == 3
