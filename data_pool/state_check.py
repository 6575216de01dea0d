"""Checks a pool's state map against its log: every seal's state, derived again from the entries before it.

The log's signed checkpoints vouch for the entries, the entries for the states that the seals name, and those for every
row of the map.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from contextlib import suppress

from audit_chain.errors import LogError, MalformedEntry
from audit_chain.log.store import LogStore
from audit_chain.records.entry import SealEntry, parse_entry
from audit_chain.records.status import RecordStatus
from audit_chain.statemap.check import check_state
from audit_chain.statemap.hashing import value_hash
from audit_chain.statemap.keys import state_key
from audit_chain.statemap.pages import make_leaf
from audit_chain.statemap.store import StateStore
from audit_chain.statemap.tree import NOTHING, PageTree
from data_pool.findings import Findings
from data_pool.state import find_record, process_entry


class StateCheck:
    """Is shown the log, entry by entry; `finish` tells what is wrong with seals and map."""

    def __init__(self, log: LogStore, state: StateStore, findings: Findings) -> None:
        self._log = log
        self._state = state
        self._findings = findings
        self._versions = {version.version: version.root for version in state.versions()}
        self._oldest = min(self._versions, default=0)
        self._tree = _Tree()
        self._changes: dict[str, bytes] = {}
        self._sealed: dict[int, bytes] = {}
        """By size of the tree, the state that its seal names."""
        self._sizes: list[int] = []
        """The sizes of the sealed trees, ascending."""
        self._pages_at: dict[str, int] = {}
        """By path, the version of each page that is in force at the oldest version kept."""
        self._replaced_in: dict[str, int] = {}
        """By name of a replaced record, the index of the entry that says so."""
        self._unlike: tuple[int, bytes, bytes] | None = None
        """The first seal that names another state than its entries give: its index, what they give, what it names."""

    def visit(self, index: int, data: bytes) -> None:
        try:
            entry = parse_entry(data)
        except MalformedEntry:
            return  # Named where entries are held against their rows.
        if isinstance(entry, SealEntry):
            self._visit_seal(index, entry)
            return
        with suppress(LogError):
            process_entry(lambda *change: self._put(index, *change), index, entry, self._find_record)

    def finish(self, *, final: int) -> None:
        """What the log says of the map, whose versions from the tree of size `final` on are kept."""
        self._check_seals()
        check_state(self._state, self._findings, self._check_value)
        self._check_pages()
        for size, root in self._versions.items():
            if size not in self._sealed:
                self._findings.add(f"state_version {size}", "is that of no seal", checkpoint=self._checkpoint(size))
            elif root != self._sealed[size]:
                expected, got = self._sealed[size].hex(), root.hex()
                what = "is not the state that the seal names"
                self._findings.add(f"state_version {size}", what, expected=expected, got=got, checkpoint=size)
        needed = [size for size in self._sealed if size >= (self._oldest or final) or size == final]
        for size in sorted(set(needed) - set(self._versions)):
            self._findings.add(f"state_version {size}", "is missing", checkpoint=size)

    def _put(self, index: int, name: str, value: bytes) -> None:
        self._changes[name] = value
        if RecordStatus.parse(value).replaced_by is not None:
            self._replaced_in[name] = index

    def _find_record(self, index: int) -> str:
        return find_record(self._log, index)

    def _visit_seal(self, index: int, seal: SealEntry) -> None:
        root, changed = self._tree.grow(self._changes)
        self._changes = {}
        size = index + 1
        self._sealed[size] = seal.state
        self._sizes.append(size)
        if size <= self._oldest:
            self._pages_at.update(dict.fromkeys(changed, size))
        if root != seal.state and self._unlike is None:
            self._unlike = index, root, seal.state

    def _check_seals(self) -> None:
        if self._unlike is None or any(problem.where.startswith("log_") for problem in self._findings.problems):
            return  # From entries that are not as they were signed, no state follows.
        index, derived, named = self._unlike
        what = "names another state than its entries give"
        checkpoint = self._checkpoint(index)
        self._findings.add(f"log_entry {index}", what, expected=derived.hex(), got=named.hex(), checkpoint=checkpoint)

    def _check_value(self, name: str, version: int, value: bytes | None) -> None:
        """A value stands since the seal over the entry that it follows from."""
        try:
            status = RecordStatus.parse(value or b"")
        except MalformedEntry:
            return  # Named where values are held against their pages.
        index = status.index if status.replaced_by is None else self._replaced_in.get(name, -1)
        sizes = self._sizes
        place = bisect_right(sizes, index)
        expected = sizes[place] if place < len(sizes) else None
        if expected != version:
            what = "is not the version that its entry is sealed in"
            self._findings.add(f"state_value {name} of version {version}", what, expected=expected, got=version)

    def _check_pages(self) -> None:
        """Pages of versions that are no longer kept stand since the last seal that changed them."""
        for path, version, _ in self._state.page_rows(-1, self._oldest):
            expected = self._pages_at.get(path)
            if expected != version:
                where = f"state_page {path or 'top'} of version {version}"
                self._findings.add(where, "is not the version that changed it", expected=expected, got=version)

    def _checkpoint(self, index: int) -> int | None:
        seal = self._log.seal_covering(index)
        return seal.size if seal else None


class _Tree:
    """The tree over all names so far, without their values."""

    def __init__(self) -> None:
        self._top = NOTHING
        self._pages: dict[str, bytes] = {}

    def grow(self, changes: dict[str, bytes]) -> tuple[bytes, Collection[str]]:
        """The root after these changes, and the paths of the pages that they change."""
        tree = PageTree(self._top, self._read)
        leaves = ((state_key(name), value_hash(value)) for name, value in changes.items())
        tree.apply({key: make_leaf(key, hashed) for key, hashed in leaves})
        changed = tree.changed_pages()
        for path, data in changed.items():
            if data is None:
                del self._pages[path]
            else:
                self._pages[path] = data
        self._top = tree.top()
        return self._top[0], changed

    def _read(self, paths: Sequence[str]) -> dict[str, bytes]:
        return {path: self._pages[path] for path in paths if path in self._pages}
