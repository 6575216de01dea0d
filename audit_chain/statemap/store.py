"""Where a map keeps its pages and values, by version.

Every method runs inside a transaction that the caller began and ends: either all that was written in it stays, or
none. A stop at any point leaves the state of the last transaction that ended well. Who writes keeps other writers out,
as by the lock of the log that the state follows; two that write the same version at once get the store's own error.

Rows are never replaced. A version's row is in force at that version and all later ones, up to the next row of the same
page or name; a row without data says that from there on the page or name is gone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from audit_chain.errors import OldVersion, UnknownVersion

MAX_VERSION: Final = 2**63 - 1

PageRow = tuple[str, int, bytes | None]
"""Path of a page, version, what it holds."""

ValueRow = tuple[str, int, bytes | None]
"""Name, version, value."""


@dataclass(frozen=True, slots=True)
class StateVersion:
    """A committed version: the root of its tree and the number of its names."""

    version: int
    root: bytes
    size: int


class StateStore(Protocol):
    """What a map asks of its storage."""

    def latest(self) -> StateVersion | None:
        """The greatest version; None before the first."""

    def in_force(self, version: int) -> StateVersion | None:
        """The greatest version up to that one."""

    def versions(self) -> list[StateVersion]:
        """All versions, smallest first."""

    def read_pages(self, paths: Sequence[str], version: int) -> Mapping[str, bytes]:
        """What those pages hold at that version, in one read; pages that are not there are left out."""

    def read_values(self, names: Sequence[str], version: int) -> Mapping[str, bytes]:
        """The values of those names at that version, in one read; names that are not there are left out."""

    def names(self, prefix: str, version: int) -> list[str]:
        """The names at that version that begin with the prefix, sorted."""

    def sections(self, version: int) -> list[str]:
        """The sections at that version, sorted; it may name some that have lost all their names."""

    def write(
        self, version: StateVersion, pages: Mapping[str, bytes | None], values: Mapping[str, bytes | None]
    ) -> None:
        """Keeps a version, which is greater than all before it, with the pages and values that it changes."""

    def forget_before(self, version: int) -> None:
        """Drops all that is not in force at that version, which the store has, or at a later one."""

    def forget_after(self, version: int) -> None:
        """Drops all greater versions."""

    def page_rows(self, above: int, upto: int) -> Iterator[PageRow]:
        """All rows of pages with a version in (above, upto], those of one page by version. No other call meanwhile."""

    def value_rows(self, above: int, upto: int) -> Iterator[ValueRow]:
        """All rows of values with a version in (above, upto], those of one name by version. No other call meanwhile."""


def prune(store: StateStore, keep_from: int) -> None:
    """Forgets the versions before `keep_from`, but for the one in force at it.

    All from there on stays readable and provable.
    """
    oldest = store.in_force(keep_from)
    if oldest is not None:
        store.forget_before(oldest.version)


def roll_back(store: StateStore, version: int) -> None:
    """Forgets every version above that one.

    UnknownVersion where the version in force at it is no longer kept: what is left would be no whole state.
    """
    if store.latest() is not None and store.in_force(version) is None:
        raise UnknownVersion("no version to go back to", got=version)
    store.forget_after(version)


_Row = tuple[int, bytes | None, "_Row | None"]
"""Version, data, and the row before it. Rows are shared by copies, so they never change."""


class MemoryStateStore:
    """A StateStore in memory, for tests, simulators and maps that need not outlive their process.

    It has one user and no rollback: an error in the middle of a change leaves what was written before it.
    """

    def __init__(self) -> None:
        self._versions: list[StateVersion] = []
        self._pages: dict[str, _Row] = {}
        self._values: dict[str, _Row] = {}

    def copy(self) -> "MemoryStateStore":
        """Another store with the same content; it costs a table of references."""
        other = MemoryStateStore()
        other._versions = self._versions.copy()
        other._pages = self._pages.copy()
        other._values = self._values.copy()
        return other

    def __deepcopy__(self, memo: object) -> "MemoryStateStore":
        return self.copy()

    def latest(self) -> StateVersion | None:
        return self._versions[-1] if self._versions else None

    def in_force(self, version: int) -> StateVersion | None:
        return next((one for one in reversed(self._versions) if one.version <= version), None)

    def versions(self) -> list[StateVersion]:
        return self._versions.copy()

    def read_pages(self, paths: Sequence[str], version: int) -> dict[str, bytes]:
        return _read(self._pages, paths, version)

    def read_values(self, names: Sequence[str], version: int) -> dict[str, bytes]:
        return _read(self._values, names, version)

    def names(self, prefix: str, version: int) -> list[str]:
        return sorted(_read(self._values, [name for name in self._values if name.startswith(prefix)], version))

    def sections(self, version: int) -> list[str]:
        return sorted({name.partition("/")[0] for name in self._values})

    def write(
        self, version: StateVersion, pages: Mapping[str, bytes | None], values: Mapping[str, bytes | None]
    ) -> None:
        if self._versions and version.version <= self._versions[-1].version:
            raise OldVersion("versions only grow", expected=f"above {self._versions[-1].version}", got=version.version)
        self._versions.append(version)
        for rows, changes in ((self._pages, pages), (self._values, values)):
            for key, data in changes.items():
                rows[key] = (version.version, data, rows.get(key))

    def forget_before(self, version: int) -> None:
        self._versions = [one for one in self._versions if one.version >= version]
        self._pages = _kept(self._pages, lambda row: _without_older(row, version))
        self._values = _kept(self._values, lambda row: _without_older(row, version))

    def forget_after(self, version: int) -> None:
        self._versions = [one for one in self._versions if one.version <= version]
        self._pages = _kept(self._pages, lambda row: _at(row, version))
        self._values = _kept(self._values, lambda row: _at(row, version))

    def page_rows(self, above: int, upto: int) -> Iterator[PageRow]:
        return _rows(self._pages, above, upto)

    def value_rows(self, above: int, upto: int) -> Iterator[ValueRow]:
        return _rows(self._values, above, upto)


def _at(row: _Row | None, version: int) -> _Row | None:
    """The row in force at that version."""
    while row is not None and row[0] > version:
        row = row[2]
    return row


def _read(rows: Mapping[str, _Row], keys: Iterable[str], version: int) -> dict[str, bytes]:
    found = {}
    for key in keys:
        row = rows.get(key)
        while row is not None and row[0] > version:
            row = row[2]
        if row is not None and row[1] is not None:
            found[key] = row[1]
    return found


def _kept(rows: Mapping[str, _Row], keep: Callable[[_Row], _Row | None]) -> dict[str, _Row]:
    return {key: kept for key, row in rows.items() if (kept := keep(row)) is not None}


def _without_older(row: _Row, version: int) -> _Row | None:
    newer: list[_Row] = []
    last: _Row | None = row
    while last is not None and last[0] > version:
        newer.append(last)
        last = last[2]
    kept: _Row | None = None if last is None or last[1] is None else (last[0], last[1], None)
    for number, data, _ in reversed(newer):
        kept = (number, data, kept)
    return kept


def _rows(rows: Mapping[str, _Row], above: int, upto: int) -> Iterator[tuple[str, int, bytes | None]]:
    for key in sorted(rows):
        found: list[tuple[str, int, bytes | None]] = []
        row: _Row | None = rows[key]
        while row is not None and row[0] > above:
            if row[0] <= upto:
                found.append((key, row[0], row[1]))
            row = row[2]
        yield from reversed(found)
