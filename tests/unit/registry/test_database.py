"""Work that loses its keys to another is done again, and seen through or given up whole."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from evergreen.errors import PromotionConflictError
from evergreen.registry import database
from evergreen.registry.database import Database

ADD = text("INSERT INTO evergreen_schema VALUES (:version)")


@pytest.fixture
def books(tmp_path):
    return Database(f"sqlite:///{tmp_path / 'evergreen.db'}")


def versions(books):
    with books.reading() as connection:
        return sorted(connection.execute(text("SELECT version FROM evergreen_schema")).scalars())


def losing(times):
    """Work whose key somebody else has written first, so many times."""
    tries = []

    def work(connection):
        tries.append(None)
        connection.execute(ADD, {"version": 1000 + len(tries)})
        if len(tries) <= times:
            connection.execute(ADD, {"version": 1000 + len(tries)})
        return len(tries)

    return work


@pytest.mark.parametrize("times", [0, 1, 5])
def test_the_work_is_done_again_until_its_keys_are_its_own(books, times):
    there = versions(books)
    assert books.write(losing(times)) == times + 1
    assert versions(books) == [*there, 1000 + times + 1]  # of the lost tries nothing is left


def test_work_that_breaks_a_rule_each_time_says_so(books, monkeypatch):
    monkeypatch.setattr(database, "MOST_ATTEMPTS", 3)
    there = versions(books)
    assert books.write(losing(2)) == 3
    with pytest.raises(IntegrityError):
        books.write(losing(3))
    assert versions(books) == [*there, 1003]


def test_a_refusal_is_not_tried_again_and_leaves_nothing(books):
    there, tries = versions(books), []

    def work(connection):
        tries.append(None)
        connection.execute(ADD, {"version": 1000})
        raise PromotionConflictError("no", found="a", allowed="b", remedy="c")

    with pytest.raises(PromotionConflictError):
        books.write(work)
    assert (len(tries), versions(books)) == (1, there)


def test_work_in_turn_sees_what_was_written_in_the_turns_before(books):
    def next_version(connection):
        last = connection.execute(text("SELECT max(version) FROM evergreen_schema")).scalar_one()
        connection.execute(ADD, {"version": last + 1})
        return last + 1

    there, start, said = versions(books), threading.Barrier(8), []

    def run():
        start.wait()
        said.append(books.write(next_version, turn="one after the other"))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [there[-1] + number for number in range(1, 9)]
