"""The pages of one version, and what changes make of them: leaves by key, without names and values."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from audit_chain.errors import CorruptState
from audit_chain.statemap.hashing import EMPTY, key_bit, subtree_hash
from audit_chain.statemap.keys import KEY_SIZE, SECTION_SIZE
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
)

CACHED_PAGES: Final = 2048
"""So many pages of the committed version are remembered from one use to the next; each takes some kilobytes at most."""

READ_AHEAD: Final = 14
"""Digits of a path whose pages are read at once: enough for a path in a map of 2**40 names."""

FEW_KEYS: Final = 4
"""So many paths are read at once; more of them are read level by level, since they share their upper pages."""

_DIGITS: Final = "0123456789abcdef"
_KEY_DIGITS: Final = KEY_SIZE * 8 // DIGIT_BITS
_SECTION_DIGITS: Final = SECTION_SIZE * 8 // DIGIT_BITS

Top = tuple[bytes, int]
"""Hash of a subtree and its number of leaves."""

Changes = Mapping[bytes, Leaf | None]
"""What becomes of keys: another leaf, or none."""

ReadPages = Callable[[Sequence[str]], Mapping[str, bytes]]
"""What those pages hold in the committed version; others are left out."""

NOTHING: Final[Top] = (EMPTY, 0)


class PageTree:
    """A committed version's pages, each checked against the root when it is read, and pending changes to them."""

    __slots__ = ("_ahead", "_changed", "_clean", "_committed", "_read")

    def __init__(self, committed: Top, read: ReadPages) -> None:
        self._committed = committed
        self._read = read
        self._clean: dict[str, Page] = {}
        """Pages of the committed version that were read and checked."""
        self._changed: dict[str, Page | None] = {}
        """Pages as the pending changes make them; None for one that goes."""
        self._ahead: Mapping[str, bytes | None] = {}

    def top(self) -> Top:
        """Root and number of leaves, with the pending changes."""
        if "" not in self._changed:
            return self._committed
        page = self._changed[""]
        return (page.hash, page.count) if page else NOTHING

    def apply(self, changes: Changes) -> None:
        """Makes these changes; CorruptState where a page that they need is not what was committed."""
        self._load_paths(changes, self._changed)
        self._apply("", self._known(""), changes)

    def changed_pages(self) -> dict[str, bytes | None]:
        """What has to be written: pages that are others than in the committed version, None for one that goes."""
        pages: dict[str, bytes | None] = {}
        for path, page in self._changed.items():
            before = self._clean.get(path)
            if page is None and before is not None:
                pages[path] = None
            elif page is not None and (before is None or before.hash != page.hash):
                pages[path] = page.encode()
        return pages

    def commit(self) -> None:
        """Takes the pending changes for committed: they have been written."""
        self._committed = self.top()
        for path, page in self._changed.items():
            if page is None:
                self._clean.pop(path, None)
            else:
                self._clean[path] = page
        self.discard()

    def discard(self) -> None:
        """Forgets the pending changes."""
        self._changed.clear()
        self._forget_some()

    def copy(self) -> "PageTree":
        """Another tree of the same version with the same pending changes."""
        other = PageTree(self._committed, self._read)
        other._clean, other._changed = self._clean.copy(), self._changed.copy()
        return other

    def committed_hash(self, key: bytes) -> bytes | None:
        """Hash of the key's value in the committed version; the key is among the pending changes."""
        place, digits = 0, key.hex()
        page = self._clean.get("")
        while isinstance(page, InnerPage):
            is_there = page.subtree(digit(key, place))[1] > 0
            place += 1
            page = self._clean[digits[:place]] if is_there else None
        leaf = page.leaves.get(key) if page is not None else None
        return leaf[0] if leaf else None

    def leaf(self, key: bytes) -> Leaf | None:
        """The key's leaf, with the pending changes."""
        return self.leaves_below(key.hex()).get(key)

    def find(self, key: bytes) -> tuple[tuple[bytes, bytes] | None, list[bytes]]:
        """Key and value hash of the leaf at the end of the key's path, if there is one, and the subtrees beside it.

        They come lowest first, and all from the committed version.
        """
        self._forget_some()
        self._load_paths([key], {})
        siblings: list[bytes] = []
        leaf = self._find(key, siblings)
        siblings.reverse()
        return leaf, siblings

    def section_roots(self, sections: Collection[bytes]) -> list[bytes]:
        """Hashes of the subtrees below these section keys, with the pending changes."""
        self._load_paths(sections, self._changed, digits=_SECTION_DIGITS)
        return [self._section_root(key) for key in sections]

    def leaves_below(self, path: str) -> dict[bytes, Leaf]:
        """All leaves whose keys begin with the path, with the pending changes."""
        above, page = "", self._load_known("", self.top())
        while isinstance(page, InnerPage) and above != path:
            place = int(path[len(above)], FANOUT)
            above += path[len(above)]
            page = self._load_known(above, page.subtree(place))
        if isinstance(page, InnerPage):
            leaves: dict[bytes, Leaf] = {}
            for place in page.digits():
                leaves |= self.leaves_below(path + _DIGITS[place])
            return leaves
        return {key: leaf for key, leaf in page.leaves.items() if key.hex().startswith(path)} if page else {}

    # Changes

    def _apply(self, path: str, page: Page | None, changes: Changes) -> Page | None:
        """The page at that path after the changes, all of which lie below it; None where it has become empty."""
        changed = self._in_inner(path, page, changes) if isinstance(page, InnerPage) else _leaves_after(page, changes)
        if changed is None:
            return page  # Nothing is another than before.
        new = self._made(path, changed) if isinstance(changed, dict) else changed
        self._changed[path] = new
        return new

    def _in_inner(self, path: str, page: InnerPage, changes: Changes) -> InnerPage | dict[bytes, Leaf] | None:
        """The page after the changes, or the leaves that are left of it where they are few; None for no difference."""
        subtrees: dict[int, Top] = {}
        for place, group in group_by_digit(changes, len(path)).items():
            below = path + _DIGITS[place]
            before = self._known(below) if page.subtree(place)[1] else None
            after = self._apply(below, before, group)
            if after is not before:
                subtrees[place] = (after.hash, after.count) if after else NOTHING
        if not subtrees:
            return None
        new = page.with_subtrees(subtrees)
        return self._merged(path, new) if new.count <= MAX_LEAVES else new

    def _merged(self, path: str, page: InnerPage) -> dict[bytes, Leaf]:
        """The leaves of all pages below this one, which go."""
        leaves: dict[bytes, Leaf] = {}
        below = {path + _DIGITS[place]: page.subtree(place) for place in page.digits()}
        self._load({one: subtree for one, subtree in below.items() if one not in self._changed})
        for one in below:
            leaves.update(_leaf_page(one, self._known(one)).leaves)
            self._changed[one] = None
        return leaves

    def _made(self, path: str, leaves: dict[bytes, Leaf]) -> Page | None:
        """A new page of these leaves, and the pages that it needs below it."""
        if not leaves:
            return None
        if len(leaves) <= MAX_LEAVES:
            return LeafPage(DIGIT_BITS * len(path), leaves)
        subtrees: dict[int, Top] = {}
        for place, group in group_by_digit(leaves, len(path)).items():
            below = path + _DIGITS[place]
            self._changed[below] = page = self._made(below, group)
            if page is not None:
                subtrees[place] = page.hash, page.count
        return InnerPage.of(subtrees)

    # Reading

    def _known(self, path: str) -> Page | None:
        """The page, with pending changes; it has been loaded if it is there."""
        return self._changed[path] if path in self._changed else self._clean.get(path)

    def _load_known(self, path: str, subtree: Top) -> Page | None:
        if subtree[1] and path not in self._changed:
            self._load({path: subtree})
        return self._known(path) if subtree[1] else None

    def _load_paths(
        self, keys: Collection[bytes], changed: Mapping[str, Page | None], digits: int = _KEY_DIGITS
    ) -> None:
        """Loads the committed pages on the way to these keys, up to so many digits, but for those changed already.

        A key may be the beginning of one, of at least that many digits.
        """
        if len(keys) <= FEW_KEYS and self._committed[1] and "" not in self._clean:
            paths = list(dict.fromkeys(key.hex()[:place] for key in keys for place in range(min(digits, READ_AHEAD))))
            found = self._read(paths)
            self._ahead = {path: found.get(path) for path in paths}
        level: dict[str, Collection[bytes]] = {"": keys}
        subtrees = {"": self._committed}
        for place in range(digits):
            self._load({path: subtrees[path] for path in level if subtrees[path][1] and path not in changed})
            below: dict[str, Collection[bytes]] = {}
            for path, group in level.items():
                page = changed[path] if path in changed else self._clean.get(path)
                if isinstance(page, InnerPage):
                    for number, part in group_by_digit(dict.fromkeys(group), place).items():
                        subtree = page.subtree(number)
                        if subtree[1]:
                            one = path + _DIGITS[number]
                            below[one], subtrees[one] = part, subtree
            if not below:
                break
            level = below
        self._ahead = {}

    def _load(self, subtrees: Mapping[str, Top]) -> None:
        """Loads these committed pages, each of which has to have that hash and number of leaves."""
        missing = [path for path in subtrees if path not in self._clean]
        unread = [path for path in missing if path not in self._ahead]
        found = self._read(unread) if unread else {}
        for path in missing:
            data = found.get(path) or self._ahead.get(path)
            if data is None:
                raise CorruptState(f"page {path!r} is missing")
            page, (expected, count) = decode(path, data), subtrees[path]
            if page.hash != expected or page.count != count:
                raise CorruptState(
                    f"page {path!r} is not the one that was committed",
                    expected=f"{count} leaves, {expected.hex()}",
                    got=f"{page.count} leaves, {page.hash.hex()}",
                )
            self._clean[path] = page

    def _forget_some(self) -> None:
        # Pending changes lean on the committed pages under them.
        if len(self._clean) > CACHED_PAGES and not self._changed:
            self._clean.clear()

    def _find(self, key: bytes, siblings: list[bytes]) -> tuple[bytes, bytes] | None:
        """The leaf at the end of the key's path; notes the subtrees beside the path, highest first."""
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
        ((key, (hashed_value, _)),) = _leaf_page(below, self._clean[below]).leaves.items()
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


def _leaf_page(path: str, page: Page | None) -> LeafPage:
    if not isinstance(page, LeafPage):
        raise CorruptState(f"page {path!r} has another number of leaves than the page above it says")
    return page


def _leaves_after(page: LeafPage | None, changes: Changes) -> dict[bytes, Leaf] | None:
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
