"""The map: reads and changes names, knows its root at any time, and proves what it has committed.

    state = StateMap(store)
    state.put("pool/northwind-parts", crosslink)
    state.root()            # what the root will be
    state.commit(1024)      # keeps it, as version 1024
    state.prove("pool/northwind-parts").verify("pool/northwind-parts", crosslink, state.root())

A map is for one transaction, or for several that all end well: after one that was rolled back, open another map.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from audit_chain.errors import MalformedStateName, OldVersion, UnknownVersion
from audit_chain.statemap.hashing import EMPTY, value_hash
from audit_chain.statemap.keys import check_name, section_key, section_of, state_key
from audit_chain.statemap.pages import make_leaf
from audit_chain.statemap.proof import OtherLeaf, StateProof
from audit_chain.statemap.store import MAX_VERSION, StateStore, StateVersion
from audit_chain.statemap.tree import NOTHING, PageTree

_PREFIX: Final = re.compile(r"[ -~]*", re.ASCII)


class StateMap:
    """A map at its latest version, with changes that are not committed yet; or an older version, to read."""

    __slots__ = ("_base", "_is_latest", "_pending", "_store", "_tree", "_unapplied")

    def __init__(self, store: StateStore, *, version: int | None = None) -> None:
        """The map at the version in force at that one, or at the latest.

        UnknownVersion where it lies above the latest or is no longer kept. Only the latest can be changed.
        """
        latest = store.latest()
        self._store = store
        self._base = latest if version is None else _in_force(store, latest, version)
        self._is_latest = self._base == latest
        self._tree = PageTree((self._base.root, self._base.size) if self._base else NOTHING, self._read_pages)
        self._pending: dict[str, bytes | None] = {}
        self._unapplied: set[str] = set()
        """Pending names that the tree does not reckon with yet."""

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
            raise MalformedStateName("no name begins so", expected="printable ASCII characters", got="others")
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
        return self._tree.top()[0]

    def subroots(self) -> dict[str, bytes]:
        """The root of each section's subtree, 16 levels below the map's, pending changes included."""
        self._apply_pending()
        found = set(self._store.sections(self._base.version)) if self._base else set()
        found.update(section_of(name) for name, value in self._pending.items() if value is not None)
        sections = sorted(found)
        roots = self._tree.section_roots([section_key(section) for section in sections])
        return {section: root for section, root in zip(sections, roots, strict=True) if root != EMPTY}

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
        root, size = self._tree.top()
        committed = StateVersion(version, root, size)
        self._store.write(committed, self._tree.changed_pages(), self._changed_values())
        self._base = committed
        self._tree.commit()
        self._pending.clear()
        return root

    def discard(self) -> None:
        """Forgets pending changes."""
        self._pending.clear()
        self._unapplied.clear()
        self._tree.discard()

    def prove(self, name: str) -> StateProof:
        """What the committed version says of the name, without pending changes.

        CorruptState where a page on the way is not what was committed.
        """
        key = state_key(name)
        leaf, siblings = self._tree.find(key)
        if leaf is None:
            return StateProof(None, tuple(siblings))
        other, hashed_value = leaf
        if other == key:
            return StateProof(hashed_value, tuple(siblings))
        return StateProof(None, tuple(siblings), OtherLeaf(other, hashed_value))

    def _change(self, name: str, value: bytes | None) -> None:
        if not self._is_latest:
            raise OldVersion("an older version cannot be changed", got=self.version)
        check_name(name)
        self._pending[name] = value
        self._unapplied.add(name)

    def _apply_pending(self) -> None:
        if not self._unapplied:
            return
        changes = {}
        for name in self._unapplied:
            key, value = state_key(name), self._pending[name]
            changes[key] = None if value is None else make_leaf(key, value_hash(value))
        self._tree.apply(changes)
        self._unapplied.clear()

    def _changed_values(self) -> dict[str, bytes | None]:
        """The pending changes but for those that leave a name as it is committed."""
        committed = self._tree.committed_hash
        return {
            name: value
            for name, value in self._pending.items()
            if committed(state_key(name)) != (None if value is None else value_hash(value))
        }

    def _read_pages(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return self._store.read_pages(paths, self._base.version) if self._base else {}


def _in_force(store: StateStore, latest: StateVersion | None, version: int) -> StateVersion:
    if latest is None or version > latest.version:
        raise UnknownVersion("no such version yet", expected=latest and f"up to {latest.version}", got=version)
    found = store.in_force(version)
    if found is None:
        raise UnknownVersion("that version is no longer kept", got=version)
    return found
