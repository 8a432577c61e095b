"""A small model with rows of one person wherever rows are kept, for tests of erasure."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.erasure.forgetting import Report, forget
from evergreen.erasure.selection import parse_selection
from evergreen.files import Files, is_s3, join_uri
from evergreen.online_inputs import OnlineInputs
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.settings import Settings
from evergreen.tables import addresses
from evergreen.tables.day_table import DayTable
from evergreen.tables.online_inputs import write_online_inputs
from evergreen.tables.served_table import ServedTable
from logged_answers import a_release, an_answer
from unit.stages.landing_case import Case, night, nth, rows

HASH_KEY = "a long random text of this installation"
PERSON = "zz7c1f4711-zoë-O'Neil\"; DROP TABLE x--\\%_|b"
"""Hostile wherever a value could be taken for something else; greater than all others, so that logs tell it as the largest."""
MARK = "zz7c1f4711"
"""How it begins: in no other value, and spelled in one way everywhere."""
MOMENT = pa.timestamp("us", "UTC")


class ForgottenWorld(Case):
    """A person's rows in landing files, tables, results, published inputs and pages; the registry beside them."""

    database_url: str = ""
    hash_key: str = HASH_KEY

    @property
    def settings(self) -> Settings:
        places = {f"{name}_uri": join_uri(self.root, name) for name in ("landing", "tables", "artifacts", "reports", "results")}
        home = Path(self.database_url.removeprefix("sqlite:///")).parent
        return Settings(
            home=home,
            s3_endpoint_url=self.s3_endpoint_url,
            database_url=self.database_url,
            hash_key=self.hash_key,
            **places,
        )

    def fill(self, days: int = 3, person: str = PERSON, *, slim: bool = False) -> None:
        """Deliver and ingest days; on the second the person has a row, in every table; `slim` leaves some out, for time."""
        self.land_days(0, days - 1)
        for table in ("trips", "ends"):
            self.land(f"{table}/{nth(1)}.parquet", with_person(nth(1), person))
        self.ingest(days)
        derived = (
            addresses.predictions_uri(self.settings, "taxi"),
            addresses.features_uri(self.settings, "taxi", "f" * 32),
            addresses.labels_uri(self.settings, "taxi"),
            addresses.outcomes_uri(self.settings, "taxi"),
        )
        for uri in derived[:1] if slim else derived:
            self.derive(uri, days, person)
        quarantine = DayTable(addresses.quarantine_uri(self.settings, "taxi", "trips"), self.files)
        quarantine.write_days({nth(1): with_person(nth(1), person).append_column("_row_id", pa.array(list("abcde")))})
        self.served.append(answers(person), sender="gateway", number=7)
        self.judge(person)
        self.publish(person)
        for uri in (self.settings.reports_uri, self.settings.results_uri):
            self.files.write_bytes(join_uri(uri, "taxi", "validate", "page.html"), f"<td>{person}</td>".encode())

    def derive(self, uri: str, days: int, person: str) -> None:
        keyed = {
            nth(n): pa.table({"_key": (rows(nth(n)) if n != 1 else with_person(nth(n), person)).column("id")})
            for n in range(days)
        }
        DayTable(uri, self.files).write_days(
            {day: table.append_column("v", pa.array(range(len(table)))) for day, table in keyed.items()}
        )

    def judge(self, person: str) -> None:
        stream = io.BytesIO()
        pq.write_table(pa.table({"key": [person, "other"], "challenger": [0.1, 0.2]}), stream)
        self.files.write_bytes(self.judged_uri, stream.getvalue())

    def publish(self, person: str) -> None:
        as_of = night(nth(2))
        inputs = OnlineInputs(
            as_of=as_of,
            features_key="k" * 32,
            digest="",
            row_types={"id": "string"},
            entities={"people": pa.Table.from_pandas(pa.table({"id": [person, "other"], "mean": [1.0, 2.0]}).to_pandas())},
            joined={"cars": pa.table({"car": ["a"]})},
        )
        uri, digest = write_online_inputs("taxi", inputs, self.settings, self.files)
        version = OnlineInputsVersion(
            model="taxi", features_key="k" * 32, as_of=as_of, uri=uri, digest=digest, published_at=datetime.now(UTC)
        )
        OnlineVersionStore(self.database_url).publish(version)

    @property
    def judged_uri(self) -> str:
        return join_uri(self.settings.results_uri, "taxi", "evaluate", "e" * 32, "predictions.parquet")

    @property
    def served(self) -> ServedTable:
        return ServedTable(addresses.served_uri(self.settings, "taxi"), self.files)

    def raw(self, table: str = "trips") -> DayTable:
        return DayTable(addresses.raw_uri(self.settings, "taxi", table), self.files)

    def forget(self, *words: str, yes: bool = True) -> Report:
        words = words or (f"id={PERSON}",)
        return forget(self.definition, self.settings, parse_selection(words), confirmed=yes, actor="anna@office", reason="17")

    def holding(self, text: str = MARK) -> list[str]:
        """Return the files below tables, results, artifacts and reports that hold a text, decoded where they are packed."""
        roots = (getattr(self.settings, f"{name}_uri") for name in ("tables", "results", "artifacts", "reports"))
        infos = [info for root in roots for info in self.files.list(root)]
        found = [info.uri for info in infos if holds(self.files.read_bytes(info.uri), info.uri, text)]
        if not is_s3(self.root):
            assert len(infos) >= sum(path.is_file() for path in Path(self.root, "tables").rglob("*"))
        return found


def a_world(root: str, definition, home: Path, s3_endpoint_url: str = "") -> ForgottenWorld:
    world = ForgottenWorld(root, definition, s3_endpoint_url)
    world.database_url = f"sqlite:///{home / 'evergreen.db'}"
    return world


def with_person(day, person=PERSON) -> pa.Table:
    """A day's rows, the third of which is the person's."""
    four = rows(day)
    one = rows(day, count=3).slice(2, 1).set_column(0, "id", pa.array([person]))
    return pa.concat_tables([four.slice(0, 2), one, four.slice(2)])


def answers(person: str, others: int = 3, first: int = 0) -> pa.Table:
    """Logged answers, one of them about the person."""
    logged = [an_answer(first + number) for number in range(others)]
    event = datetime(2013, 4, 2, 13, tzinfo=UTC) + timedelta(minutes=first)
    about = an_answer(first + 900, key=person, inputs={"id": person, "n": 1}, event_time_us=int(event.timestamp() * 10**6))
    return served_rows([*logged, about], {a_release().bundle_digest: a_release()})


def holds(data: bytes, uri: str, text: str) -> bool:
    """Return whether a file holds a text; Parquet and Arrow files are unpacked."""
    if uri.endswith((".parquet", ".arrow")):
        stream = pa.BufferReader(data)
        table = pq.read_table(stream) if uri.endswith(".parquet") else pa.ipc.open_file(stream).read_all()
        told = repr(table.to_pylist()) + repr(
            pq.read_metadata(pa.BufferReader(data)).to_dict() if uri.endswith(".parquet") else ""
        )
        data += told.encode()
    return text.encode() in data


__all__ = ["HASH_KEY", "MARK", "PERSON", "Files", "ForgottenWorld", "a_world", "answers", "holds", "with_person"]
