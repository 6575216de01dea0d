"""Checks a pool's state map against its log: every seal's state, derived again from the entries before it.

The log's signed checkpoints vouch for the entries, the entries for the states that the seals name, and those for every
row of the map.
"""

from collections.abc import Sequence
from contextlib import suppress

from audit_chain.errors import LogError, MalformedEntry
from audit_chain.log.store import LogStore
from audit_chain.records.entry import SealEntry, parse_entry
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

    def __init__(self, log: LogStore, findings: Findings) -> None:
        self._log = log
        self._findings = findings
        self._tree = _Tree()
        self._changes: dict[str, bytes] = {}
        self._sealed: dict[int, bytes] = {}
        """By size of the tree, the state that its seal names."""
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
            process_entry(self._changes.__setitem__, index, entry, lambda earlier: find_record(self._log, earlier))

    def finish(self, state: StateStore, *, final: int) -> None:
        """What the log says of the map, whose versions from the tree of size `final` on are kept."""
        self._check_seals()
        check_state(state, self._findings)
        versions = {version.version: version.root for version in state.versions()}
        oldest = min(versions, default=0)
        for size, root in versions.items():
            if size not in self._sealed:
                self._findings.add(f"state_version {size}", "is that of no seal", checkpoint=self._checkpoint(size))
            elif root != self._sealed[size]:
                expected, got = self._sealed[size].hex(), root.hex()
                what = "is not the state that the seal names"
                self._findings.add(f"state_version {size}", what, expected=expected, got=got, checkpoint=size)
        needed = [size for size in self._sealed if size >= (oldest or final) or size == final]
        for size in sorted(set(needed) - set(versions)):
            self._findings.add(f"state_version {size}", "is missing", checkpoint=size)

    def _visit_seal(self, index: int, seal: SealEntry) -> None:
        root = self._tree.grow(self._changes)
        self._changes = {}
        self._sealed[index + 1] = seal.state
        if root != seal.state and self._unlike is None:
            self._unlike = index, root, seal.state

    def _check_seals(self) -> None:
        if self._unlike is None or any(problem.where.startswith("log_") for problem in self._findings.problems):
            return  # From entries that are not as they were signed, no state follows.
        index, derived, named = self._unlike
        what = "names another state than its entries give"
        checkpoint = self._checkpoint(index)
        self._findings.add(f"log_entry {index}", what, expected=derived.hex(), got=named.hex(), checkpoint=checkpoint)

    def _checkpoint(self, index: int) -> int | None:
        seal = self._log.seal_covering(index)
        return seal.size if seal else None


class _Tree:
    """The tree over all names so far, without their values."""

    def __init__(self) -> None:
        self._top = NOTHING
        self._pages: dict[str, bytes] = {}

    def grow(self, changes: dict[str, bytes]) -> bytes:
        """The root after these changes."""
        tree = PageTree(self._top, self._read)
        leaves = ((state_key(name), value_hash(value)) for name, value in changes.items())
        tree.apply({key: make_leaf(key, hashed) for key, hashed in leaves})
        for path, data in tree.changed_pages().items():
            if data is None:
                del self._pages[path]
            else:
                self._pages[path] = data
        self._top = tree.top()
        return self._top[0]

    def _read(self, paths: Sequence[str]) -> dict[str, bytes]:
        return {path: self._pages[path] for path in paths if path in self._pages}
