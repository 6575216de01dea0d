"""The map: reads and changes names, knows its root at any time, and proves what it has committed.

    state = StateMap(store)
    state.put("pool/northwind-parts", crosslink)
    state.root()            # what the root will be
    state.commit(1024)      # keeps it, as version 1024
    state.prove("pool/northwind-parts").verify("pool/northwind-parts", crosslink, state.root())

A map is for one transaction, or for several that all end well: after one that was rolled back, open another map.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from audit_chain.errors import CorruptState, MalformedStateName, OldVersion, UnknownVersion
from audit_chain.statemap.hashing import EMPTY, key_bit, subtree_hash, value_hash
from audit_chain.statemap.keys import SECTION_SIZE, check_name, section_key, section_of, state_key
from audit_chain.statemap.pages import (
    DIGIT_BITS,
    FANOUT,
    MAX_LEAVES,
    InnerPage,
    Leaf,
    LeafPage,
    Page,
    decode,
    digit,
    group_by_digit,
    make_leaf,
)
from audit_chain.statemap.proof import OtherLeaf, StateProof
from audit_chain.statemap.store import MAX_VERSION, StateStore, StateVersion

CACHED_PAGES: Final = 2048
"""So many pages of the committed version are remembered between two commits; each takes some kilobytes at most."""

READ_AHEAD: Final = 14
"""Digits of a path whose pages are read at once: enough for a path in a map of 2**40 names."""

FEW_KEYS: Final = 4
"""So many paths are read at once; more of them are read level by level, since they share their upper pages."""

_SECTION_DIGITS: Final = SECTION_SIZE * 8 // DIGIT_BITS
_DIGITS: Final = "0123456789abcdef"
_PREFIX: Final = re.compile(r"[ -~]*", re.ASCII)

_Changes = dict[bytes, Leaf | None]
"""What becomes of keys: another leaf, or none."""


class StateMap:
    """A map at its latest version, with changes that are not committed yet; or an older version, to read."""

    __slots__ = ("_ahead", "_base", "_changed", "_clean", "_is_latest", "_pending", "_store", "_unapplied")

    def __init__(self, store: StateStore, *, version: int | None = None) -> None:
        """The map at the version in force at that one, or at the latest.

        UnknownVersion where it lies above the latest or is no longer kept. Only the latest can be changed.
        """
        latest = store.latest()
        self._store = store
        self._base = latest if version is None else _in_force(store, latest, version)
        self._is_latest = self._base == latest
        self._clean: dict[str, Page] = {}
        """Pages of the committed version, checked against its root."""
        self._changed: dict[str, Page | None] = {}
        """Pages as the pending changes make them; None for one that goes."""
        self._pending: dict[str, bytes | None] = {}
        self._unapplied: set[str] = set()
        """Pending names that the changed pages do not reckon with yet."""
        self._ahead: Mapping[str, bytes | None] = {}

    @property
    def version(self) -> int | None:
        """Of the last commit; None before the first."""
        return self._base.version if self._base else None

    def get(self, name: str) -> bytes | None:
        """The name's value, pending changes included."""
        return self.get_many([name]).get(name)

    def get_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """The values of those of the names that are there, in one read, pending changes included."""
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            check_name(name)
        committed = [name for name in wanted if name not in self._pending]
        found = dict(self._store.read_values(committed, self._base.version)) if self._base and committed else {}
        for name in wanted:
            value = self._pending.get(name)
            if value is not None:
                found[name] = value
        return found

    def names(self, prefix: str) -> list[str]:
        """The names that begin with the prefix, sorted, pending changes included."""
        if not _PREFIX.fullmatch(prefix):
            raise MalformedStateName("no name begins so", expected="printable ASCII characters")
        committed = self._store.names(prefix, self._base.version) if self._base else []
        changes = [name for name in self._pending if name.startswith(prefix)]
        if not changes:
            return committed
        kept = set(committed)
        kept.difference_update(changes)
        kept.update(name for name in changes if self._pending[name] is not None)
        return sorted(kept)

    def put(self, name: str, value: bytes) -> None:
        """Gives the name this value."""
        self._change(name, value)

    def remove(self, name: str) -> None:
        """Takes the name out; one that is not there stays so."""
        self._change(name, None)

    def root(self) -> bytes:
        """The root, pending changes included. CorruptState where a page that it needs is not what was committed."""
        self._apply_pending()
        return self._top()[0]

    def subroots(self) -> dict[str, bytes]:
        """The root of each section's subtree, 16 levels below the map's, pending changes included."""
        self._apply_pending()
        sections = set(self._store.sections(self._base.version)) if self._base else set()
        sections.update(section_of(name) for name, value in self._pending.items() if value is not None)
        keys = {section: section_key(section) for section in sorted(sections)}
        self._load_paths(keys.values(), self._changed, digits=_SECTION_DIGITS)
        roots = {section: self._section_root(key) for section, key in keys.items()}
        return {section: root for section, root in roots.items() if root != EMPTY}

    def commit(self, version: int) -> bytes:
        """The root of the pending changes, which are kept as that version.

        OldVersion where it is not above the latest, where the map is an older one, or where somebody else committed
        since it was opened.
        """
        latest, base = self._store.latest(), self._base
        if not self._is_latest or latest != base:
            raise OldVersion("not the latest version", expected=latest and latest.version, got=self.version)
        if not (base.version if base else -1) < version <= MAX_VERSION:
            raise OldVersion("versions only grow", expected=f"above {self.version}", got=version)
        self._apply_pending()
        root, size = self._top()
        committed = StateVersion(version, root, size)
        self._store.write(committed, self._changed_pages(), self._changed_values())
        self._base = committed
        for path, page in self._changed.items():
            if page is None:
                self._clean.pop(path, None)
            else:
                self._clean[path] = page
        self.discard()
        return root

    def discard(self) -> None:
        """Forgets pending changes."""
        self._pending.clear()
        self._changed.clear()
        self._unapplied.clear()
        if len(self._clean) > CACHED_PAGES:
            self._clean.clear()

    def prove(self, name: str) -> StateProof:
        """What the committed version says of the name, without pending changes.

        CorruptState where a page on the way is not what was committed.
        """
        key = state_key(name)
        if len(self._clean) > CACHED_PAGES and not self._changed:
            self._clean.clear()
        self._load_paths([key], {})
        siblings: list[bytes] = []
        leaf = self._find(key, siblings)
        siblings.reverse()
        if leaf is None:
            return StateProof(None, tuple(siblings))
        other, hashed_value = leaf
        if other == key:
            return StateProof(hashed_value, tuple(siblings))
        return StateProof(None, tuple(siblings), OtherLeaf(other, hashed_value))

    # Changes

    def _change(self, name: str, value: bytes | None) -> None:
        if not self._is_latest:
            raise OldVersion("an older version cannot be changed", got=self.version)
        check_name(name)
        self._pending[name] = value
        self._unapplied.add(name)

    def _apply_pending(self) -> None:
        """Brings the changed pages up to date, so that they have the root that a commit would have."""
        if not self._unapplied:
            return
        changes: _Changes = {}
        for name in self._unapplied:
            key, value = state_key(name), self._pending[name]
            changes[key] = None if value is None else make_leaf(key, value_hash(value))
        self._load_paths(changes, self._changed)
        self._apply("", self._known(""), changes)
        self._unapplied.clear()

    def _apply(self, path: str, page: Page | None, changes: _Changes) -> Page | None:
        """The page at that path after the changes, all of which lie below it; None where it has become empty."""
        changed = self._in_inner(path, page, changes) if isinstance(page, InnerPage) else _leaves_after(page, changes)
        if changed is None:
            return page  # Nothing is another than before.
        new = self._made(path, changed) if isinstance(changed, dict) else changed
        self._changed[path] = new
        return new

    def _in_inner(self, path: str, page: InnerPage, changes: _Changes) -> InnerPage | dict[bytes, Leaf] | None:
        """The page after the changes, or the leaves that are left of it where they are few; None for no difference."""
        subtrees: dict[int, tuple[bytes, int]] = {}
        for place, group in group_by_digit(changes, len(path)).items():
            below = path + _DIGITS[place]
            before = self._known(below) if page.subtree(place)[1] else None
            after = self._apply(below, before, group)
            if after is not before:
                subtrees[place] = (after.hash, after.count) if after else (EMPTY, 0)
        if not subtrees:
            return None
        new = page.with_subtrees(subtrees)
        return self._merged(path, new) if new.count <= MAX_LEAVES else new

    def _merged(self, path: str, page: InnerPage) -> dict[bytes, Leaf]:
        """The leaves of all pages below this one, which go."""
        below = {path + _DIGITS[place]: page.subtree(place) for place in page.digits()}
        self._load({one: subtree for one, subtree in below.items() if one not in self._changed})
        leaves: dict[bytes, Leaf] = {}
        for one in below:
            part = self._known(one)
            if not isinstance(part, LeafPage):
                raise CorruptState(f"page {one!r} has another number of leaves than the page above it says")
            leaves.update(part.leaves)
            self._changed[one] = None
        return leaves

    def _made(self, path: str, leaves: dict[bytes, Leaf]) -> Page | None:
        """A new page of these leaves, and the pages that it needs below it."""
        if not leaves:
            return None
        if len(leaves) <= MAX_LEAVES:
            return LeafPage(DIGIT_BITS * len(path), leaves)
        subtrees: dict[int, tuple[bytes, int]] = {}
        for place, group in group_by_digit(leaves, len(path)).items():
            below = path + _DIGITS[place]
            self._changed[below] = page = self._made(below, group)
            if page is not None:
                subtrees[place] = page.hash, page.count
        return InnerPage.of(subtrees)

    def _changed_pages(self) -> dict[str, bytes | None]:
        """What a commit has to write: pages that are others than in the committed version."""
        pages: dict[str, bytes | None] = {}
        for path, page in self._changed.items():
            before = self._clean.get(path)
            if page is None and before is not None:
                pages[path] = None
            elif page is not None and (before is None or before.hash != page.hash):
                pages[path] = page.encode()
        return pages

    def _changed_values(self) -> dict[str, bytes | None]:
        return {
            name: value
            for name, value in self._pending.items()
            if self._committed_hash(state_key(name)) != (None if value is None else value_hash(value))
        }

    def _committed_hash(self, key: bytes) -> bytes | None:
        """Hash of the key's value in the committed version, whose pages on the way are loaded."""
        place, digits = 0, key.hex()
        page = self._clean.get("")
        while isinstance(page, InnerPage):
            is_there = page.subtree(digit(key, place))[1] > 0
            place += 1
            page = self._clean[digits[:place]] if is_there else None
        leaf = page.leaves.get(key) if page is not None else None
        return leaf[0] if leaf else None

    # Reading

    def _committed_top(self) -> tuple[bytes, int]:
        return (self._base.root, self._base.size) if self._base else (EMPTY, 0)

    def _top(self) -> tuple[bytes, int]:
        """Root and number of names, as far as pending changes are applied."""
        if "" not in self._changed:
            return self._committed_top()
        page = self._changed[""]
        return (page.hash, page.count) if page else (EMPTY, 0)

    def _known(self, path: str) -> Page | None:
        """The page, with pending changes; it has been loaded if it is there."""
        return self._changed[path] if path in self._changed else self._clean.get(path)

    def _load_paths(self, keys: Collection[bytes], changed: Mapping[str, Page | None], digits: int = 2 * 32) -> None:
        """Loads the committed pages on the way to these keys, up to so many digits, where no changed page is over them.

        A key may be the beginning of one, of at least that many digits.
        """
        top = self._committed_top()
        if len(keys) <= FEW_KEYS and top[1] and "" not in self._clean:
            self._read_ahead(keys, min(digits, READ_AHEAD))
        level: dict[str, Collection[bytes]] = {"": keys}
        subtrees = {"": top}
        for place in range(digits):
            self._load({path: subtrees[path] for path in level if subtrees[path][1] and path not in changed})
            below: dict[str, Collection[bytes]] = {}
            for path, group in level.items():
                page = changed[path] if path in changed else self._clean.get(path)
                if not isinstance(page, InnerPage):
                    continue
                for number, part in group_by_digit(dict.fromkeys(group), place).items():
                    subtree = page.subtree(number)
                    if subtree[1]:
                        one = path + _DIGITS[number]
                        below[one], subtrees[one] = part, subtree
            if not below:
                break
            level = below
        self._ahead = {}

    def _read_ahead(self, keys: Iterable[bytes], digits: int) -> None:
        paths = list(dict.fromkeys(key.hex()[:place] for key in keys for place in range(digits)))
        found = self._store.read_pages(paths, self._base.version if self._base else -1)
        self._ahead = {path: found.get(path) for path in paths}

    def _load(self, subtrees: Mapping[str, tuple[bytes, int]]) -> None:
        """Loads these committed pages, each of which has to have that hash and number of leaves."""
        missing = [path for path in subtrees if path not in self._clean]
        if not missing:
            return
        version = self._base.version if self._base else -1
        unread = [path for path in missing if path not in self._ahead]
        found = self._store.read_pages(unread, version) if unread else {}
        for path in missing:
            data = found.get(path) or self._ahead.get(path)
            if data is None:
                raise CorruptState(f"page {path!r} is missing at version {version}")
            page = decode(path, data)
            expected, count = subtrees[path]
            if page.hash != expected or page.count != count:
                raise CorruptState(
                    f"page {path!r} is not the one committed at version {version}",
                    expected=f"{count} leaves, {expected.hex()}",
                    got=f"{page.count} leaves, {page.hash.hex()}",
                )
            self._clean[path] = page

    def _find(self, key: bytes, siblings: list[bytes]) -> tuple[bytes, bytes] | None:
        """Key and value hash of the leaf at the end of the key's path; notes the subtrees beside it, highest first."""
        path, page = "", self._clean.get("")
        while isinstance(page, InnerPage):
            node = 1
            for depth in range(DIGIT_BITS * len(path), DIGIT_BITS * len(path) + DIGIT_BITS):
                node = 2 * node + key_bit(key, depth)
                siblings.append(page.hashes[node ^ 1])
                if page.counts[node] == 0:
                    return None
                if page.counts[node] == 1:
                    return self._only_leaf(path, page, node)
            path += _DIGITS[node - FANOUT]
            page = self._clean[path]
        return _find_in_leaves(page, key, siblings) if page is not None else None

    def _only_leaf(self, path: str, page: InnerPage, node: int) -> tuple[bytes, bytes]:
        """The one leaf below that node of the page."""
        while node < FANOUT:
            node = 2 * node if page.counts[2 * node] else 2 * node + 1
        below = path + _DIGITS[node - FANOUT]
        self._load({below: page.subtree(node - FANOUT)})
        leaves = self._clean[below]
        if not isinstance(leaves, LeafPage):
            raise CorruptState(f"page {below!r} has another number of leaves than the page above it says")
        ((key, (hashed_value, _)),) = leaves.leaves.items()
        return key, hashed_value

    def _section_root(self, key: bytes) -> bytes:
        path, page = "", self._known("")
        while isinstance(page, InnerPage):
            place = digit(key, len(path))
            subtree, count = page.subtree(place)
            if len(path) == _SECTION_DIGITS - 1:
                return subtree
            path += _DIGITS[place]
            page = self._known(path) if count else None
        return page.subtree_hash(key) if page is not None else EMPTY


def _in_force(store: StateStore, latest: StateVersion | None, version: int) -> StateVersion:
    if latest is None or version > latest.version:
        raise UnknownVersion("no such version yet", expected=latest and f"up to {latest.version}", got=version)
    found = store.in_force(version)
    if found is None:
        raise UnknownVersion("that version is no longer kept", got=version)
    return found


def _leaves_after(page: LeafPage | None, changes: _Changes) -> dict[bytes, Leaf] | None:
    """The page's leaves after the changes; None where they are the same."""
    before = page.leaves if page is not None else {}
    after = before.copy()
    for key, leaf in changes.items():
        if leaf is None:
            after.pop(key, None)
        else:
            after[key] = leaf
    return None if after == before else after


def _find_in_leaves(page: LeafPage, key: bytes, siblings: list[bytes]) -> tuple[bytes, bytes] | None:
    leaves, depth = page.leaves, page.depth
    keys = sorted(leaves)
    while len(keys) > 1:
        bit = key_bit(key, depth)
        beside = [one for one in keys if key_bit(one, depth) != bit]
        keys = [one for one in keys if key_bit(one, depth) == bit]
        depth += 1
        siblings.append(subtree_hash(beside, [leaves[one][1] for one in beside], depth))
    return (keys[0], leaves[keys[0]][0]) if keys else None
