"""What a state map has to be, in the plainest words: a table, and a hash over all of it."""

from hashlib import sha256
from random import Random

from audit_chain.statemap.keys import section_of, state_key
from audit_chain.statemap.map import StateMap

Table = dict[str, bytes]


def root_of(table: Table) -> bytes:
    return _hash([_leaf(name, value) for name, value in table.items()], 0)


def section_root(table: Table, section: str) -> bytes:
    return _hash([_leaf(name, value) for name, value in table.items() if section_of(name) == section], 16)


def _leaf(name: str, value: bytes) -> tuple[int, bytes]:
    key = sha256(section_of(name).encode()).digest()[:2] + sha256(name.encode()).digest()[2:]
    assert key == state_key(name)
    return int.from_bytes(key, "big"), sha256(b"\x02" + key + sha256(value).digest()).digest()


def _hash(leaves: list[tuple[int, bytes]], depth: int) -> bytes:
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0][1]
    left = [leaf for leaf in leaves if not leaf[0] >> (255 - depth) & 1]
    right = [leaf for leaf in leaves if leaf[0] >> (255 - depth) & 1]
    return sha256(b"\x03" + _hash(left, depth + 1) + _hash(right, depth + 1)).digest()


def change(state: StateMap, table: Table, seed: int, *, names: int, changes: int, removals: float) -> None:
    """Makes the same pending changes in both."""
    random = Random(seed)
    for _ in range(changes):
        name = f"{random.choice('abc')}/{random.randrange(names)}"
        if random.random() < removals:
            state.remove(name)
            table.pop(name, None)
        else:
            table[name] = random.randbytes(random.randrange(4))
            state.put(name, table[name])


def assert_same(state: StateMap, table: Table) -> None:
    """The map holds the table, knows its roots, and proves some of it."""
    assert state.root() == root_of(table)
    assert state.names("") == sorted(table)
    assert state.names("b/1") == sorted(name for name in table if name.startswith("b/1"))
    assert state.get_many([*table, "nobody"]) == table
    assert state.subroots() == {section: section_root(table, section) for section in map(section_of, table)}
    for name in [*sorted(table)[:3], "a/none", "nobody"]:
        state.prove(name).verify(name, table.get(name), root_of(table))
