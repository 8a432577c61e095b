"""Where a database is that is not ours: one of two addresses, and never a password in a definition."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evergreen.definitions.problems import Mistake
from evergreen.definitions.words import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.definitions.problems import Path


class SqlAddress(Section):
    """Base of what is asked of a database or written to it."""

    url: str | None = None
    """SQLAlchemy URL, without a password: put that in the environment or use `connection`."""
    connection: str | None = None
    """Airflow connection id."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a missing or doubled address, and a password."""
        yield from exactly_one(self, "url", "connection")
        if self.url and re.search(r"://[^/@:]*:.+@|[?&](password|passwd|pwd|sslpassword)=", self.url):
            yield Mistake(
                ("url",),
                "a password in a definition",
                "user and password before the @",
                "an address without a password",
                hint="keep it in an Airflow connection and name that in `connection`",
            )


def exactly_one(section: Section, first: str, second: str) -> Iterator[Mistake]:
    """Yield the mistake of giving both or neither of two fields that stand for each other."""
    given = [name for name in (first, second) if getattr(section, name) is not None]
    if len(given) != 1:
        found = f"both `{first}` and `{second}`" if given else f"neither `{first}` nor `{second}`"
        at: Path = (second,) if given else ()
        yield Mistake(
            at, f"`{first}` and `{second}` stand for each other", found, "exactly one of them", rests_on=((first,), (second,))
        )
