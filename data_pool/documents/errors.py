"""Why a file, or one row of it, is not taken.

    PoolError
      DocumentRefused          the file as a whole: nothing of it is taken
      FieldRefused             one value; readers turn it into a refusal with a place
      MappingRefused           a CSV mapping that no table could be read with

A refusal says what is wrong and where. It names elements, columns and fields, and describes what it got by shape; it
never repeats a value, so that it can be logged.
"""

from dataclasses import dataclass
from typing import Final

from data_pool.errors import PoolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a file: as much of it as the format can tell. Lines, columns and rows count from 1."""

    line: int | None = None
    column: int | None = None
    row: int | None = None  # of a table, the header not counted; of a JSON array, its elements
    field: str | None = None  # a path of elements, a column header or a field name

    def __str__(self) -> str:
        parts = (
            self.row and f"row {self.row}",
            self.line and f"line {self.line}",
            self.column and f"column {self.column}",
            self.field,
        )
        return ", ".join(part for part in parts if part)


NOWHERE: Final = Place()
_SHOWN: Final = 60  # characters of a name that a refusal repeats


def show_name(name: str) -> str:
    """A name from a file, short enough for a refusal and without characters that would break its line."""
    return "".join(character if character.isprintable() else "?" for character in name[:_SHOWN])


def _compose(reason: str, expected: object, got: object) -> str:
    """The reason with what was expected and what was got, as far as they are known."""
    parts = [expected is not None and f"expected {expected}", got is not None and f"got {got}"]
    details = ", ".join(part for part in parts if part)
    return f"{reason}: {details}" if details else reason


class DocumentRefused(PoolError):
    """The file as a whole is not taken; `reason` says why, `where` where (empty if nowhere in particular)."""

    def __init__(self, reason: str, *, place: Place = NOWHERE, expected: object = None, got: object = None) -> None:
        super().__init__(_compose(reason, expected, got))
        self.reason = str(self)
        self.place = place

    @property
    def where(self) -> str:
        return str(self.place)


class FieldRefused(PoolError):
    """One value is not what its field takes. The reader that meets it knows the place and turns it into a refusal."""

    def __init__(self, reason: str, *, field: str | None = None, expected: object = None, got: object = None) -> None:
        super().__init__(_compose(reason, expected, got))
        self.field = field


class MappingRefused(PoolError):
    """The mapping itself is wrong, whatever the table."""
