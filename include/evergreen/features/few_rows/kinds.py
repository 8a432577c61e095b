"""What a column of the recorded frame is in pandas, as far as the rules of its operations depend on it.

Values are plain Python: a missing number is NaN, anything else missing is None. pandas keeps whole numbers as integers until
one of the batch is missing and as floats from then on; the list of a `WHOLE` column does the same, all `int` or all `float`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class NotForFewRows(Exception):
    """These features, or these rows, are for pandas, and why; a signal between the modules of this package, shown to nobody."""


class Form(Enum):
    """The families of dtypes that behave alike."""

    NUMBER = auto()
    """`float64`."""
    WHOLE = auto()
    """`int64`, `int32` …; `float64` in a batch that misses one."""
    TRUTH = auto()
    """`bool`: never missing."""
    MAYBE = auto()
    """`boolean`: true, false or missing."""
    TEXT = auto()
    """`object` holding text."""
    MOMENT = auto()
    """`datetime64`: integers counted from 1970, in UTC if it has a zone, else on the wall clock."""
    SPAN = auto()
    """`timedelta64`."""
    SEALED = auto()
    """Any other: may be handed on, asked whether it is missing and joined by, no more."""
    OTHER = auto()
    """Not even that: no feature may come from it."""


@dataclass(frozen=True)
class Kind:
    """The form of a column and what else its operations depend on."""

    form: Form
    bits: int = 64
    """Of whole numbers."""
    sure: bool = False
    """Of whole numbers: they are integers in every batch."""
    unit: str = "us"
    """Of moments and spans: s, ms, us or ns."""
    zone: str | None = None
    """Of moments: name of the time zone, none for the wall clock."""
    is_text: bool = False
    """Of sealed columns: handed on as text, else as a number."""

    @property
    def is_number(self) -> bool:
        """Whether arithmetic knows it."""
        return self.form in (Form.NUMBER, Form.WHOLE)

    @property
    def is_logical(self) -> bool:
        """Whether it is true or false, or at most missing."""
        return self.form in (Form.TRUTH, Form.MAYBE)


NUMBER = Kind(Form.NUMBER)
TRUTH = Kind(Form.TRUTH)
MAYBE = Kind(Form.MAYBE)
TEXT = Kind(Form.TEXT)
SEALED_NUMBER = Kind(Form.SEALED)
SEALED_TEXT = Kind(Form.SEALED, is_text=True)
IDENTIFIER = Kind(Form.SEALED, sure=True)
"""Integers that name things: `Int64`."""
OTHER = Kind(Form.OTHER)

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units of time in a second."""


def whole(bits: int = 64, *, sure: bool = False) -> Kind:
    """Whole numbers of so many bits."""
    return Kind(Form.WHOLE, bits=bits, sure=sure)


def moment(unit: str = "us", zone: str | None = "UTC") -> Kind:
    """Moments, by default those of a request."""
    return Kind(Form.MOMENT, unit=unit, zone=zone)


def refuse(reason: str) -> NotForFewRows:
    """Return the signal to raise: leave it to pandas."""
    return NotForFewRows(reason)
