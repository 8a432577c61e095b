"""Places to keep things: a local folder, or S3 as a server of our own speaks it."""

from dataclasses import dataclass

from evergreen.files import Files, join_uri
from evergreen.tables.day_table import DayTable
from unit.stages.landing_case import Case, definition

BUCKET = "evergreen-contracts"


@dataclass(frozen=True)
class Store:
    """A place to keep things, empty at first."""

    root: str
    s3_endpoint_url: str = ""

    @property
    def files(self) -> Files:
        return Files(s3_endpoint_url=self.s3_endpoint_url)

    def table(self, name: str = "t") -> DayTable:
        return DayTable(join_uri(self.root, name), self.files)

    def case(self, ending: str = "parquet") -> Case:
        return Case(join_uri(self.root, "home"), definition(ending), self.s3_endpoint_url)
