"""The table of a story's nights."""

from datetime import date

from rich.console import Console

from evergreen.cli.story import NightOfStory, show_story


def test_the_days_are_said_to_be_those_scored(capsys):
    night = NightOfStory(date(2013, 4, 15), 13, None, None, None, "log", "nothing")
    show_story(Console(), [night])
    head, row = capsys.readouterr().out.splitlines()
    assert head[12:].startswith("days scored  ")
    assert row[12:].startswith("13  ")
