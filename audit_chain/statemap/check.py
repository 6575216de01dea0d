"""Checks a stored map against itself: every page and root, of every version, derived again from the values.

The recorded roots are the measure. Where a value and the pages over it disagree, the one that leads to the root is
right, and the other is named. Whether a root is the right one is for the log to say that carries it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from audit_chain.errors import CorruptState, MalformedStateName
from audit_chain.statemap.hashing import value_hash
from audit_chain.statemap.keys import state_key
from audit_chain.statemap.pages import InnerPage, Leaf, LeafPage, Page, decode, make_leaf
from audit_chain.statemap.store import MAX_VERSION, StateStore, StateVersion, ValueRow
from audit_chain.statemap.tree import NOTHING, PageTree, Top

BATCH: Final = 200_000
"""Values that are applied at a time."""

Visit = Callable[[str, int, bytes | None], None]
"""Is shown name, version and value of every row of values, those of one name by version; None for a removal."""


class Findings(Protocol):
    """Where the check tells what it found; `data_pool.findings.Findings` is one."""

    def count(self, table: str, rows: int = 1) -> None:
        """Notes that so many rows were checked."""

    def add(self, where: str, what: str, *, expected: object = "", got: object = "") -> None:
        """Notes a row that is not as it was written."""


def check_state(store: StateStore, findings: Findings, visit: Visit | None = None) -> None:
    """Adds to `findings` what is wrong with the map, within one transaction that sees nobody else's changes."""
    check = _StateCheck(store, findings, visit or (lambda _name, _version, _value: None))
    above = -1
    for version in store.versions():
        check.version(above, version)
        above = version.version
    check.nothing_else(above)


class _StateCheck:
    def __init__(self, store: StateStore, findings: Findings, visit: Visit) -> None:
        self._store = store
        self._findings = findings
        self._visit = visit
        self._top = NOTHING
        self._pages: dict[str, bytes] = {}
        """Pages as derived from the values of the versions that were checked."""
        self._before: dict[str, bytes | None] = {}
        """Of the pages that the version being checked changes, those before it."""

    def version(self, above: int, version: StateVersion) -> None:
        """The rows after version `above` up to that one."""
        self._findings.count("state_version")
        top_before, self._before = self._top, {}
        stored = dict(self._page_rows(above, version))
        changes: dict[bytes, Leaf | None] = {}
        for name, number, value in self._value_rows(above, version):
            self._note_value(changes, name, number, value)
            if len(changes) == BATCH:
                self._apply(changes, version.version)
                changes = {}
        self._apply(changes, version.version)
        recorded = (version.root, version.size)
        if self._top != recorded and not self._correct(stored, self._old_tree(top_before), above, version):
            (derived, size), row = self._top, f"state_version {version.version}"
            expected, got = f"{size} names, {derived.hex()}", f"{version.size} names, {version.root.hex()}"
            self._findings.add(row, "is not what its values give", expected=expected, got=got)
        self._check_pages(stored, version)

    def nothing_else(self, latest: int) -> None:
        """Rows of versions that were never committed."""
        for path, number, _ in self._store.page_rows(latest, MAX_VERSION):
            self._findings.add(_page_row(path, number), "belongs to no version")
        for name, number, _ in self._store.value_rows(latest, MAX_VERSION):
            self._findings.add(_value_row(name, number), "belongs to no version")

    def _note_value(self, changes: dict[bytes, Leaf | None], name: str, number: int, value: bytes | None) -> None:
        try:
            key = state_key(name)
        except MalformedStateName as error:
            self._findings.add(_value_row(name, number), f"has no name that a map can have ({error})")
            return
        changes[key] = None if value is None else make_leaf(key, value_hash(value))

    def _apply(self, changes: Mapping[bytes, Leaf | None], number: int | None = None) -> None:
        """Makes the changes in the derived pages; each is one, where they are the rows of that version."""
        tree = self._tree()
        tree.apply(changes)
        for key, leaf in changes.items() if number is not None else ():
            if tree.committed_hash(key) == (leaf[0] if leaf else None):
                self._findings.add(f"state_value of version {number}", f"the row of key {key.hex()} changes nothing")
        for path, data in tree.changed_pages().items():
            self._before.setdefault(path, self._pages.get(path))
            if data is None:
                del self._pages[path]
            else:
                self._pages[path] = data
        self._top = tree.top()

    def _correct(self, stored: Mapping[str, bytes | None], before: PageTree, above: int, version: StateVersion) -> bool:
        """Whether the leaves in the stored pages lead to the recorded root.

        If so the derived pages become those, and the values that disagree with them are named.
        """
        tree = self._tree()
        corrections = {
            key: leaf for key, leaf in self._leaves_by_pages(stored, before, tree).items() if tree.leaf(key) != leaf
        }
        corrected = tree.copy()
        corrected.apply(corrections)
        if corrected.top() != (version.root, version.size):
            return False
        self._blame_values(corrections, above, version)
        self._apply(corrections)
        return True

    def _leaves_by_pages(
        self, stored: Mapping[str, bytes | None], before: PageTree, now: PageTree
    ) -> dict[bytes, Leaf | None]:
        """What the pages that are others than derived say of keys."""
        derived = self._changed_pages()
        different = [path for path in {*stored, *derived} if stored.get(path, b"") != derived.get(path, b"")]
        leaves: dict[bytes, Leaf | None] = {}
        for path in different:
            if path not in stored and not isinstance(_decoded(path, derived[path]), InnerPage):
                # The tree did not change here.
                leaves.update(dict.fromkeys(now.leaves_below(path)))
                leaves.update(before.leaves_below(path))
        pages = {path: _decoded(path, stored[path]) for path in different if path in stored}
        for path, page in pages.items():
            is_whole = isinstance(page, LeafPage) or stored[path] is None
            if is_whole or (page and isinstance(_decoded(path, self._pages.get(path)), LeafPage)):
                leaves.update(dict.fromkeys(now.leaves_below(path)))
        for page in pages.values():
            if isinstance(page, LeafPage):
                leaves.update(page.leaves)
        return leaves

    def _blame_values(self, corrections: Mapping[bytes, Leaf | None], above: int, version: StateVersion) -> None:
        missing = set(corrections)
        for name, number, _ in self._store.value_rows(above, version.version):
            key = _key(name)
            if key in missing:
                missing.remove(key)
                what = "is not the value in the tree" if corrections[key] else "is not in the tree"
                self._findings.add(_value_row(name, number), what)
        for key in sorted(missing):
            what = f"holds a value for key {key.hex()}" if corrections[key] else f"holds no value for key {key.hex()}"
            self._findings.add(f"state_value of version {version.version}", f"a row is missing: the tree {what}")

    def _check_pages(self, stored: Mapping[str, bytes | None], version: StateVersion) -> None:
        derived = self._changed_pages()
        for path in sorted({*stored, *derived}):
            where = _page_row(path, version.version)
            if path not in stored:
                self._findings.add(where, "is missing")
            elif path not in derived:
                self._findings.add(where, "is not a page of this version")
            elif stored[path] != derived[path]:
                expected, got = f"{_shape(derived[path])} as derived", _shape(stored[path])
                self._findings.add(where, "is not what its values give", expected=expected, got=got)

    def _page_rows(self, above: int, version: StateVersion) -> Iterator[tuple[str, bytes | None]]:
        last: tuple[str, int] | None = None
        for path, number, data in self._store.page_rows(above, version.version):
            self._findings.count("state_page")
            self._check_number(_page_row(path, number), number, data, above, version)
            if last and last[0] == path:
                self._findings.add(_page_row(*last), "should have been replaced or pruned")
            last = (path, number)
            yield path, data

    def _value_rows(self, above: int, version: StateVersion) -> Iterator[ValueRow]:
        """The newest row of each name."""
        last: ValueRow | None = None
        for name, number, value in self._store.value_rows(above, version.version):
            self._findings.count("state_value")
            self._visit(name, number, value)
            self._check_number(_value_row(name, number), number, value, above, version)
            if last and last[0] == name:
                self._findings.add(_value_row(*last[:2]), "should have been replaced or pruned")
            elif last:
                yield last
            last = (name, number, value)
        if last:
            yield last

    def _check_number(self, where: str, number: int, data: bytes | None, above: int, version: StateVersion) -> None:
        # What was in force at the oldest version when all before it was pruned may be older than it.
        if above >= 0 and number != version.version:
            self._findings.add(where, "belongs to no version")
        elif above < 0 and data is None:
            self._findings.add(where, "removes what was not there")

    def _changed_pages(self) -> dict[str, bytes | None]:
        """The derived pages that are others than before the version."""
        return {path: self._pages.get(path) for path, was in self._before.items() if self._pages.get(path) != was}

    def _tree(self) -> PageTree:
        pages = self._pages
        return PageTree(self._top, lambda paths: {path: pages[path] for path in paths if path in pages})

    def _old_tree(self, top: Top) -> PageTree:
        """The derived pages as they were before the version."""

        def read(paths: Sequence[str]) -> dict[str, bytes]:
            found = {path: self._before.get(path, self._pages.get(path)) for path in paths}
            return {path: data for path, data in found.items() if data is not None}

        return PageTree(top, read)


def _decoded(path: str, data: bytes | None) -> Page | None:
    try:
        return None if data is None else decode(path, data)
    except CorruptState:
        return None  # Named when the pages are compared.


def _key(name: str) -> bytes | None:
    try:
        return state_key(name)
    except MalformedStateName:
        return None


def _shape(data: bytes | None) -> str:
    return "no page" if data is None else f"{len(data)} bytes"


def _page_row(path: str, version: int) -> str:
    return f"state_page {path or 'top'} of version {version}"


def _value_row(name: str, version: int) -> str:
    return f"state_value {name} of version {version}"
