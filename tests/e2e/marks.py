"""Strings planted in documents, and the search for them in whatever lies around."""

import base64
import hashlib
import json
import secrets
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

LENGTH = 14  # letters of what all marks of one kind begin with: no other text has them by chance


class Marks:
    """Different texts with one beginning, so that a search for the beginning finds whichever of them is there."""

    def __init__(self) -> None:
        self.beginning = "".join(secrets.choice(string.ascii_lowercase) for _ in range(LENGTH))
        self.made: list[str] = []

    def new(self) -> str:
        """A mark that was not there before; what follows its beginning is written in many ways."""
        self.made.append(f"{self.beginning} {len(self.made):03d} Käse & «Söhne»")
        return self.made[-1]

    def word(self) -> str:
        """A mark that is one word of letters and digits."""
        self.made.append(f"{self.beginning}{len(self.made):03d}")
        return self.made[-1]


def spellings(text: str) -> dict[str, bytes]:
    """How a text of letters may stand somewhere, whatever comes before and after it."""
    data = text.encode()
    return {
        "utf-8": data,
        "utf-16 little-endian": text.encode("utf-16-le"),
        "utf-16 big-endian": text.encode("utf-16-be"),
        "hex": data.hex().encode(),
        "hex in capitals": data.hex().upper().encode(),
    } | {f"base64 at {shift}": _base64_within(data, shift) for shift in range(3)}


def _base64_within(data: bytes, shift: int) -> bytes:
    """What base64 surely contains when `data` begins `shift` bytes after a multiple of three."""
    encoded = base64.b64encode(bytes(shift) + data)
    first, last = -(-shift * 8 // 6), (shift + len(data)) * 8 // 6
    return encoded[first:last]


def fingerprints(data: bytes) -> dict[str, bytes]:
    """How the SHA-256 of the data may stand somewhere."""
    digest = hashlib.sha256(data).digest()
    return {
        "raw digest": digest,
        "digest in hex": digest.hex().encode(),
        "digest in capital hex": digest.hex().upper().encode(),
        "digest in base64": base64.b64encode(digest).rstrip(b"="),
        "digest in base64url": base64.urlsafe_b64encode(digest).rstrip(b"="),
        "digest in base64 of its hex": _base64_within(digest.hex().encode(), 0),
    }


def value_fingerprints(values: Iterable[object]) -> Iterator[bytes]:
    """The SHA-256 of each value, as text and as JSON, in each of its spellings."""
    for value in values:
        for text in {str(value), json.dumps(value), json.dumps(value, ensure_ascii=False)}:
            yield from fingerprints(text.encode()).values()


def found_in(places: Mapping[str, bytes], needles: Iterable[bytes]) -> list[str]:
    """The places that hold one of the needles, and which."""
    wanted = set(needles)
    return [f"{place}: {needle!r}" for place, content in places.items() for needle in wanted if needle in content]


def text_found_in(places: Mapping[str, bytes], text: str) -> list[str]:
    """The places that hold the text in any spelling; `text` is in small letters."""
    hits = found_in(places, spellings(text).values())
    return hits + [
        f"{place}: {text} in capitals" for place, content in places.items() if text.encode() in content.lower()
    ]


def dump(url: str) -> dict[str, bytes]:
    """Every row of every table of a database, of extensions and queues too, as raw bytes of each value."""
    tables: dict[str, bytes] = {}
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            " AND n.nspname NOT LIKE 'pg\\_toast%'"
        ).fetchall()
        for schema, table in names:
            command = sql.SQL("COPY {}.{} TO STDOUT (FORMAT BINARY)").format(
                sql.Identifier(schema), sql.Identifier(table)
            )
            with connection.cursor() as cursor, cursor.copy(command) as copy:
                tables[f"{connection.info.dbname}: {schema}.{table}"] = b"".join(copy)
    return tables


def files_below(folder: Path, *, apart_from: Iterable[str] = ()) -> dict[str, bytes]:
    """Every file below the folder, but for those in the named folders right in it."""
    left_out = {folder / name for name in apart_from}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and left_out.isdisjoint(path.parents)
    }
