"""How much of a file is read before it is refused."""

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds that hold before anything is built in memory from the file."""

    size: int = 20 * MEBIBYTE  # bytes of a file
    elements: int = 250_000  # XML tags, about 0.4 KB of memory each
    depth: int = 64  # nested XML elements, JSON objects and arrays
    documents: int = 100_000  # rows of a table, elements of a JSON array
    columns: int = 1_000  # of a table


DEFAULT_LIMITS: Final = Limits()
