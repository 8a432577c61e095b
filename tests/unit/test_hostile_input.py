"""Names, paths and values that want to be more than that: other files, statements, templates, markup."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from evergreen.definitions.data import Table
from evergreen.definitions.scoring import SqlTarget
from evergreen.definitions.words import Name
from evergreen.files import Files
from evergreen.reports.page import render_page
from evergreen.serving.docs_page import docs_page
from evergreen.tables.landing import find_days
from evergreen.tables.sql_predictions import write_predictions

HOSTILE = (
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\x00b",
    "name\n",
    "{{ ti }}",
    "{% for x in y %}",
    "'; DROP TABLE evergreen_decisions; --",
    "<script>alert(1)</script>",
    "*",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_no_name_of_a_model(name):
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize("name", [*HOSTILE, 'a"; DROP TABLE b', "a.b.c", "a b", "a.b; --"])
def test_it_is_no_table_of_a_database(name):
    with pytest.raises(ValidationError):
        SqlTarget.model_validate({"table": name, "url": "sqlite:///x.db"})


@pytest.mark.parametrize(
    "pattern",
    [
        "../{day}.csv",
        "orders/../../{day}.csv",
        "/etc/{day}.csv",
        "file:///etc/{day}.csv",
        "s3://other/{day}.csv",
        "orders/{day}/..",
        "{{ ti }}/{day}.csv",
        "{day.__class__}.csv",
    ],
)
def test_it_is_no_place_in_the_landing_folder(pattern):
    with pytest.raises(ValidationError):
        Table.model_validate({"files": pattern, "key": ["id"], "event_time": "at"})


def test_a_star_stays_within_one_name(tmp_path):
    for path in (
        "orders/2013-01-01-a.csv",
        "orders/deep/2013-01-01-b.csv",
        "orders/.2013-01-01-c.csv",
        "others/2013-01-01-d.csv",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("id\n1\n")
    days = find_days(Files().list(str(tmp_path)), str(tmp_path), "orders/{day}*.csv")
    assert [info.uri for info in days[date(2013, 1, 1)].files] == [str(tmp_path / "orders/2013-01-01-a.csv")]


def test_a_link_that_leads_out_of_a_folder_is_no_file_of_it(tmp_path):
    landing, outside = tmp_path / "landing", tmp_path / "outside"
    landing.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text("id\nsecret\n")
    (landing / "real.csv").write_text("id\n1\n")
    (landing / "within.csv").symlink_to(landing / "real.csv")
    (landing / "2013-01-01.csv").symlink_to(outside / "secret.csv")
    (landing / "folder").symlink_to(outside, target_is_directory=True)
    assert [info.uri for info in Files().list(str(landing))] == [str(landing / "real.csv"), str(landing / "within.csv")]
    (tmp_path / "door").symlink_to(landing, target_is_directory=True)  # the folder itself may be one
    assert len(Files().list(str(tmp_path / "door"))) == 2


def test_values_reach_a_database_as_values(tmp_path):
    from sqlalchemy import create_engine, text

    now = datetime(2013, 4, 1, 7, tzinfo=UTC)
    keys = [value.replace("\x00", "") for value in HOSTILE]
    answers = pa.table(
        {
            "_key": keys,
            "_event_time": pa.array([now] * len(keys), pa.timestamp("us", "UTC")),
            "probability": [0.5] * len(keys),
            "decision": [True] * len(keys),
            "release_version": ["1"] * len(keys),
            "bundle_digest": ["d"] * len(keys),
            "as_of": pa.array([now] * len(keys), pa.timestamp("us", "UTC")),
        }
    )
    url = f"sqlite:///{tmp_path / 'x.db'}"
    for _ in range(2):
        write_predictions(SqlTarget(table="answers", url=url), "m", date(2013, 4, 1), answers, None)
    with create_engine(url).connect() as connection:
        assert sorted(connection.execute(text("SELECT key FROM answers")).scalars()) == sorted(keys)


def test_values_reach_a_page_as_text():
    markup, template = "<script>alert(1)</script>", "{{ 7 * 7 }}"
    page = render_page("base.html", title=f"{markup} {template}")
    assert markup not in page
    assert template in page
    assert "49" not in page


def test_names_and_examples_reach_the_gateways_page_as_text():
    markup = "</textarea><script>alert(1)</script>"
    schema = SimpleNamespace(row_types={markup: "string"}, optional_types={markup: "string"}, required_values=(), max_rows=1)
    release = SimpleNamespace(
        model="m",
        title=markup,
        champion=SimpleNamespace(version=markup, bundle_digest=markup),
        features_as_of=markup,
        scorer=SimpleNamespace(threshold=0.5),
        serving=SimpleNamespace(review=None),
        schema=schema,
        examples=({markup: "{{ 7 * 7 }}{0}{secret}'; rm -rf /"},),
    )
    page = docs_page([release], markup)
    assert "<script>alert" not in page
    assert page.count("</textarea>") == 1
    assert "{{ 7 * 7 }}{0}{secret}" in page
