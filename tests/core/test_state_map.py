"""The state map: its root follows from what it holds, and its proofs show what is there and what is not."""

import re
from contextlib import suppress
from hashlib import sha256
from math import log2
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_chain.errors import (
    CorruptState,
    InvalidStateProof,
    MalformedStateName,
    MalformedStateProof,
    OldVersion,
    UnknownVersion,
)
from audit_chain.statemap import hashing, pages
from audit_chain.statemap.hashing import EMPTY, leaf_hash, node_hash, value_hash
from audit_chain.statemap.keys import section_of, state_key
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.proof import HEADER, OtherLeaf, StateProof
from audit_chain.statemap.store import MemoryStateStore, prune, roll_back
from tests.core.state_model import Table, assert_same, root_of, section_root

PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec" / "state-map.md"

# Few sections and many shared beginnings; some hundred names part a page, and removals join it again.
NAMES = st.builds(lambda section, n: f"{section}/{n}", st.sampled_from(["pool", "p", "validator"]), st.integers(0, 150))
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=3)), max_size=120)


def filled(names: int, *, section: str = "record") -> tuple[StateMap, Table]:
    table = {f"{section}/{n}": str(n).encode() for n in range(names)}
    state = StateMap(MemoryStateStore())
    for name, value in table.items():
        state.put(name, value)
    state.commit(0)
    return state, table


@pytest.fixture(scope="module")
def large() -> tuple[StateMap, Table]:
    return filled(100_000)


def test_an_empty_map_has_the_empty_root_and_no_version() -> None:
    state = StateMap(MemoryStateStore())
    assert (state.root(), state.version, state.subroots(), state.names("")) == (EMPTY, None, {}, [])
    assert state.get("pool/a") is None
    state.prove("pool/a").verify("pool/a", None, EMPTY)


def test_one_name_is_its_leaf_and_two_are_a_node() -> None:
    state = StateMap(MemoryStateStore())
    state.put("pool/a", b"1")
    one = leaf_hash(state_key("pool/a"), value_hash(b"1"))
    assert state.root() == one == state.subroots()["pool"]
    assert one == sha256(b"\x02" + state_key("pool/a") + sha256(b"1").digest()).digest()

    state.put("epoch", b"2")
    two = leaf_hash(state_key("epoch"), value_hash(b"2"))
    keys = state_key("pool/a"), state_key("epoch")
    assert [key[0] >> 7 for key in keys] == [0, 1]
    assert state.root() == node_hash(one, two)


def test_the_names_of_a_section_stand_below_its_own_root() -> None:
    assert state_key("pool/a")[:2] == sha256(b"pool").digest()[:2] == state_key("pool")[:2]
    assert state_key("pool/a")[2:] == sha256(b"pool/a").digest()[2:]
    assert (section_of("pool/a/b"), section_of("epoch")) == ("pool", "epoch")

    table = {f"{section}/{n}": b"x" for section in ("pool", "validator", "lien") for n in range(60)}
    state = StateMap(MemoryStateStore())
    for name in table:
        state.put(name, table[name])
    state.commit(1)
    before = state.subroots()
    state.put("lien/7", b"y")
    table["lien/7"] = b"y"
    assert {section for section in before if before[section] != state.subroots()[section]} == {"lien"}
    assert state.subroots() == {section: section_root(table, section) for section in before}


@given(st.lists(CHANGES, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_version_is_the_table_at_that_time(history: list[list[tuple[str, bytes | None]]]) -> None:
    store, table = MemoryStateStore(), Table()
    state, tables = StateMap(store), list[Table]()
    for version, changes in enumerate(history):
        for name, value in changes:
            if value is None:
                state.remove(name)
                table.pop(name, None)
            else:
                state.put(name, value)
                table[name] = value
        assert state.root() == root_of(table) == state.commit(version)
        tables.append(dict(table))
    for version, then in enumerate(tables):
        old = StateMap(store, version=version)
        assert (old.version, old.root(), old.names("")) == (version, root_of(then), sorted(then))
        assert old.get_many(table) == {name: then[name] for name in table if name in then}
        assert old.subroots() == {section: section_root(then, section) for section in map(section_of, then)}
        for name in ("pool/1", "p/2", "validator/3", *list(then)[:2]):
            old.prove(name).verify(name, then.get(name), root_of(then))


@given(CHANGES, CHANGES, st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_root_tells_nothing_of_the_way(
    one: list[tuple[str, bytes | None]], other: list[tuple[str, bytes | None]], random: object
) -> None:
    table = {name: value for name, value in [*other, *one] if value is not None}
    shuffled = sorted(table, key=lambda name: sha256(name.encode() + str(random).encode()).digest())
    straight, detour = StateMap(MemoryStateStore()), StateMap(MemoryStateStore())
    for name in shuffled:
        straight.put(name, table[name])
    for number, (name, _) in enumerate([*one, *other]):
        detour.put(name, b"to be replaced")
        if number % 10 == 9:
            detour.commit(number)
    for name, _ in one + other:
        if name in table:
            detour.put(name, table[name])
        else:
            detour.remove(name)
    assert straight.root() == detour.root()
    straight.commit(10_000)
    detour.commit(10_000)
    # Down to the pages, so that another node's can be compared with ours row by row.
    assert in_force(straight) == in_force(detour)


def in_force(state: StateMap) -> dict[str, bytes | None]:
    store = state._store
    prune(store, 10_000)
    return {path: data for path, _, data in store.page_rows(-1, 10_000)}


def test_pending_changes_are_seen_and_can_be_forgotten() -> None:
    state, table = filled(3)
    state.put("record/1", b"new")
    state.put("lien/1", b"")
    state.remove("record/2")
    state.remove("record/never")
    assert state.get_many(["record/0", "record/1", "record/2", "lien/1"]) == {
        "record/0": b"0",
        "record/1": b"new",
        "lien/1": b"",
    }
    assert state.names("") == ["lien/1", "record/0", "record/1"]
    assert state.names("rec") == ["record/0", "record/1"]
    assert set(state.subroots()) == {"lien", "record"}
    assert state.root() != root_of(table)
    state.prove("record/1").verify("record/1", b"1", root_of(table))
    state.discard()
    assert state.root() == root_of(table)
    assert state.get("record/1") == b"1"


def test_a_value_that_comes_back_before_the_commit_leaves_no_row() -> None:
    state, table = filled(50)
    state.put("record/1", b"other")
    state.root()
    state.put("record/1", table["record/1"])
    state.remove("nobody")
    state.commit(1)
    assert state.root() == root_of(table)
    assert list(state._store.page_rows(0, 1)) == list(state._store.value_rows(0, 1)) == []


def test_only_the_latest_version_can_be_changed() -> None:
    store = MemoryStateStore()
    state = StateMap(store)
    state.put("a", b"1")
    state.commit(5)
    state.put("a", b"2")
    state.commit(9)
    old, between = StateMap(store, version=5), StateMap(store, version=7)
    assert (old.version, between.version, between.get("a")) == (5, 5, b"1")
    for refused in (lambda: old.put("a", b"3"), lambda: old.remove("a"), lambda: old.commit(10)):
        with pytest.raises(OldVersion):
            refused()
    for version in (4, 10):
        with pytest.raises(UnknownVersion):
            StateMap(store, version=version)
    for version in (9, 0, -1, 2**63):
        with pytest.raises(OldVersion):
            state.commit(version)


def test_who_did_not_see_the_latest_commit_cannot_commit() -> None:
    store = MemoryStateStore()
    first, second = StateMap(store), StateMap(store)
    first.put("a", b"1")
    first.commit(1)
    second.put("a", b"2")
    with pytest.raises(OldVersion):
        second.commit(2)


def test_pruned_versions_are_gone_and_the_others_stay() -> None:
    store, tables = MemoryStateStore(), list[Table]()
    state, table = StateMap(store), Table()
    for version in range(0, 20, 2):
        for n in range(version, version + 40):
            state.put(f"a/{n}", b"%d" % version)
            table[f"a/{n}"] = b"%d" % version
        state.remove(f"a/{version}")
        del table[f"a/{version}"]
        state.commit(version)
        tables.append(dict(table))
    prune(store, 7)
    assert [one.version for one in store.versions()] == [6, 8, 10, 12, 14, 16, 18]
    with pytest.raises(UnknownVersion):
        StateMap(store, version=5)
    for version in range(6, 20, 2):
        assert_same(StateMap(store, version=version), tables[version // 2])
    prune(store, 100)
    assert [one.version for one in store.versions()] == [18]
    assert_same(StateMap(store), tables[-1])
    assert len(list(store.value_rows(-1, 100))) == len(tables[-1])


def test_a_copy_goes_its_own_way() -> None:
    state, table = filled(100)
    store = state._store
    assert isinstance(store, MemoryStateStore)
    other = StateMap(store.copy())
    other.put("record/1", b"other")
    other.commit(1)
    assert StateMap(store).root() == root_of(table)
    assert StateMap(store).version == 0
    assert other.root() == root_of(table | {"record/1": b"other"})


def test_a_map_goes_back_to_before_a_fork() -> None:
    state, table = filled(100)
    store = state._store
    state.remove("record/1")
    state.put("record/2", b"forked")
    state.commit(1)
    roll_back(store, 0)
    assert_same(StateMap(store), table)
    again = StateMap(store)
    again.put("record/2", b"honest")
    assert again.commit(1) == root_of(table | {"record/2": b"honest"})


def test_a_pruned_version_is_nothing_to_go_back_to() -> None:
    state, _ = filled(10)
    state.commit(5)
    prune(state._store, 5)
    with pytest.raises(UnknownVersion):
        roll_back(state._store, 4)


@pytest.mark.parametrize("name", ["", "/a", "ä", "a\n", "a\0b", "x" * 256])
def test_some_texts_are_no_names(name: str) -> None:
    state = StateMap(MemoryStateStore())
    calls = (
        lambda: state.put(name, b""),
        lambda: state.remove(name),
        lambda: state.get(name),
        lambda: state.prove(name),
        lambda: section_of(name),
        lambda: StateProof(None, ()).verify(name, None, EMPTY),
    )
    for call in calls:
        with pytest.raises(MalformedStateName):
            call()


def test_a_name_of_255_characters_is_one() -> None:
    state = StateMap(MemoryStateStore())
    state.put("x" * 255, b"")
    assert state.names("x") == ["x" * 255]


# Proofs


@pytest.fixture(params=["value", "other leaf", "empty place"])
def proven(request: pytest.FixtureRequest) -> tuple[str, bytes | None, StateProof, bytes]:
    """A name, its value, the proof and the root, for each kind of proof."""
    state, table = filled(40)
    root = root_of(table)
    if request.param == "value":
        return "record/7", b"7", state.prove("record/7"), root
    for n in range(1_000):
        name = f"record/none-{n}"
        proof = state.prove(name)
        if (proof.other is None) == (request.param == "empty place"):
            return name, None, proof, root
    pytest.fail("no such place")


def test_a_proof_shows_what_is_there_and_what_is_not(proven: tuple[str, bytes | None, StateProof, bytes]) -> None:
    name, value, proof, root = proven
    proof.verify(name, value, root)
    assert proof.value_hash == (None if value is None else sha256(value).digest())
    assert StateProof.parse(proof.render()) == proof
    wrong = [
        (name, b"other", root),
        (name, b"8" if value is None else None, root),
        ("record/none", value, root),
        (name, value, EMPTY),
    ]
    for claim in wrong:
        with pytest.raises(InvalidStateProof):
            proof.verify(*claim)


def test_every_flipped_bit_of_a_proof_is_noticed(proven: tuple[str, bytes | None, StateProof, bytes]) -> None:
    name, value, proof, root = proven
    rendered = proof.render()
    for bit in range(8 * len(rendered)):
        spoilt = bytearray(rendered)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises((InvalidStateProof, MalformedStateProof)):
            StateProof.parse(bytes(spoilt)).verify(name, value, root)


def test_a_proof_has_one_spelling(proven: tuple[str, bytes | None, StateProof, bytes]) -> None:
    _, _, proof, _ = proven
    good = proof.render().decode()
    lines = good.splitlines()
    spoilt = [
        "",
        HEADER,
        good[:-1],
        good + "\n",
        good.replace("\n", "\r\n"),
        good.replace("=\n", "\n"),
        "\n".join([lines[0], lines[1], "-", *lines[2:], ""]),
        "\n".join([*lines[:2], *["AAAA"], *lines[2:], ""]),
        "\n".join([lines[0], lines[1] + " ", *lines[2:], ""]),
        "\n".join([*lines, *[f"{'A' * 43}="], ""]),
        "\n".join([*lines[:3], *["-"] * 256, ""]),
        "\n".join([*lines, *["-"] * 1000, ""]),
        good.replace(HEADER, "tallystick/state-proof@v2"),
        good.replace("value", "values").replace("absent", "absence"),
    ]
    for text in spoilt:
        with pytest.raises(MalformedStateProof):
            StateProof.parse(text.encode())
    with pytest.raises(MalformedStateProof):
        StateProof.parse(b"\xff" + good.encode())


@given(st.binary(max_size=200) | st.text(st.sampled_from("valueabsnt \n-A=" + HEADER), max_size=90).map(str.encode))
def test_strange_bytes_are_malformed_and_nothing_else(data: bytes) -> None:
    for text in (data, HEADER.encode() + b"\n" + data):
        with suppress(MalformedStateProof):
            assert StateProof.parse(text).render() == text


def test_a_leaf_that_stands_elsewhere_shows_no_absence() -> None:
    state, table = filled(40)
    there = state.prove("record/7")
    key = state_key("record/7")
    assert there.value_hash is not None
    own = StateProof(None, there.siblings, OtherLeaf(key, there.value_hash))
    with pytest.raises(InvalidStateProof, match="own"):
        own.verify("record/7", None, root_of(table))
    far = next(f"record/{n}" for n in range(40) if state_key(f"record/{n}")[2] >> 7 != key[2] >> 7)
    with pytest.raises(InvalidStateProof, match="elsewhere"):
        own.verify(far, None, root_of(table))
    with pytest.raises(InvalidStateProof, match="longer than a path"):
        StateProof(None, (EMPTY,) * 257).verify("record/7", None, root_of(table))


def test_a_proof_is_small_in_a_large_map(large: tuple[StateMap, Table]) -> None:
    state, table = large
    sizes = []
    for n in range(0, 100_000, 997):
        for name in (f"record/{n}", f"record/none-{n}"):
            proof = state.prove(name)
            proof.verify(name, table.get(name), state.root())
            sizes.append(len(proof.render()))
    assert max(sizes) <= 1_600  # ten times as many names take three or four lines of 45 bytes more


class CountedHash:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, data: bytes) -> object:
        self.count += 1
        return sha256(data)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> CountedHash:
    """Counts the hashes of the tree."""
    counter = CountedHash()
    modules: list[ModuleType] = [hashing, pages]
    for module in modules:
        monkeypatch.setattr(module, "sha256", counter)
    return counter


@pytest.mark.parametrize("changes", [1, 10, 100, 1_000])
def test_changes_cost_hashes_by_the_logarithm(
    large: tuple[StateMap, Table], counted: CountedHash, changes: int
) -> None:
    state = StateMap(large[0]._store)
    for n in range(changes):
        state.put(f"record/{n * 97}", b"changed")
    state.root()
    assert 0 < counted.count <= 15 * changes * log2(100_000)

    before = counted.count
    for _ in range(3):
        state.root()
    assert counted.count == before


def test_a_changed_page_is_noticed_and_named() -> None:
    state, _ = filled(2_000)
    store = state._store
    (path,) = [path for path, _, _ in store.page_rows(-1, 0) if state_key("record/7").hex().startswith(path)][-1:]
    assert isinstance(store, MemoryStateStore)
    number, data, older = store._pages[path]
    assert data is not None
    for spoilt in (data[:-1] + bytes([data[-1] ^ 1]), data[:-64], data[1:], b"", None):
        store._pages[path] = (number, spoilt, older)
        for use in (lambda: StateMap(store).prove("record/7"), lambda: change_one(StateMap(store))):
            with pytest.raises(CorruptState, match=repr(path)):
                use()
    store._pages[path] = (number, data, older)
    change_one(StateMap(store))


def change_one(state: StateMap) -> None:
    state.put("record/7", b"changed")
    state.commit(1)


def test_a_page_with_false_counts_is_noticed() -> None:
    state, _ = filled(2_000)
    store = state._store
    assert isinstance(store, MemoryStateStore)
    number, data, older = store._pages[""]
    assert data is not None
    place = next(n for n in range(16) if int.from_bytes(data[1 + 36 * n + 32 : 37 + 36 * n]) == 2_000)
    start = 1 + 36 * place + 32
    store._pages[""] = (number, data[:start] + (1_999).to_bytes(4, "big") + data[start + 4 :], older)
    with pytest.raises(CorruptState, match="1999 leaves"):
        StateMap(store).prove("record/7")


# The page


def test_the_page_on_the_state_map_shows_one() -> None:
    listing, present, absent = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names, sections, root = listing.split("\n\n")
    state = StateMap(MemoryStateStore())
    for line in names.splitlines():
        name, value, key = line.split()
        assert state_key(name).hex()[:8] + "…" == key
        state.put(name, value.encode())
    state.commit(0)
    assert [line.split() for line in sections.splitlines()] == [
        [section, shown.hex()[:8] + "…"] for section, shown in state.subroots().items()
    ]
    assert root.split() == ["root", state.root().hex()]
    assert (present.encode(), absent.encode()) == (
        state.prove("lien/7").render(),
        state.prove("evidence/none").render(),
    )
