import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.errors import CorruptLog, MalformedEntry, MalformedTile
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore
from audit_chain.log.tiles import (
    ENTRIES,
    MAX_ENTRY_SIZE,
    TILE_WIDTH,
    TileIndex,
    TileKey,
    TileNodes,
    encode_entry_bundle,
    grow,
    parse_entry_bundle,
    parse_tile,
    parse_tile_path,
    tile_at,
    tile_path,
)
from audit_chain.merkle import prover
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog
from audit_chain.merkle.proof import verify_consistency, verify_inclusion
from tests.core.log_cast import ed25519, near_text

MANY = [leaf_hash(b"%d" % number) for number in range(70_000)]
EMPTY: dict[TileKey, bytes] = {}


def nothing(_keys: list[TileKey]) -> dict[TileKey, bytes]:
    return EMPTY


# Paths


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TileIndex(0, 1234067), "tile/0/x001/x234/067"),
        (TileIndex(0, 0), "tile/0/000"),
        (TileIndex(0, 999, 1), "tile/0/999.p/1"),
        (TileIndex(2, 1000, 255), "tile/2/x001/000.p/255"),
        (TileIndex(ENTRIES, 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_a_tile_has_one_path(tile, path):
    assert tile_path(tile) == path
    assert parse_tile_path(path) == tile


@given(
    st.text(alphabet="tile/entris0123456789x.p-", max_size=30)
    | near_text("tile/0/x001/x234/067.p/12")
    | near_text("tile/entries/x001/067")
)
def test_any_text_is_the_one_path_of_a_tile_or_malformed(path):
    try:
        tile = parse_tile_path(path)
    except MalformedTile:
        return
    assert tile_path(tile) == path


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/../000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/data/000",
        "tile/8/000",
        "tile/0/" + "x999/" * 6 + "999",
    ],
)
def test_another_spelling_of_a_path_is_refused(path):
    with pytest.raises(MalformedTile):
        parse_tile_path(path)


def test_a_tile_says_how_large_the_log_must_be():
    assert TileIndex(0, 0, 1).end == 1
    assert TileIndex(ENTRIES, 273, 112).end == 70_000
    assert TileIndex(1, 1, 17).end == 69_888
    assert TileIndex(2, 0, 1).end == 65_536


def test_a_tree_of_70000_has_the_published_tiles():
    widths = [tile_at(level, index, size=70_000).width for level, index in [(0, 272), (0, 273), (1, 0), (1, 1), (2, 0)]]
    assert widths == [256, 112, 256, 17, 1]
    assert tile_at(ENTRIES, 273, size=70_000) == TileIndex(ENTRIES, 273, 112)
    for level, index in [(0, 274), (1, 2), (2, 1), (3, 0)]:
        with pytest.raises(MalformedTile):
            tile_at(level, index, size=70_000)


# Contents


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_entries_come_back_from_their_bundle(entries):
    assert parse_entry_bundle(encode_entry_bundle(entries), width=len(entries)) == entries


@given(st.binary(max_size=60), st.integers(0, 5))
def test_any_bytes_are_the_one_form_of_a_bundle_or_malformed(data, width):
    try:
        entries = parse_entry_bundle(data, width=width)
    except MalformedTile:
        return
    assert encode_entry_bundle(entries) == data
    assert len(entries) == width


def test_the_longest_entry_fits_and_a_longer_one_does_not():
    longest = bytes(MAX_ENTRY_SIZE)
    assert parse_entry_bundle(encode_entry_bundle([longest]), width=1) == [longest]
    with pytest.raises(MalformedEntry):
        encode_entry_bundle([longest + b"\0"])


def test_a_tile_of_another_length_is_refused():
    assert parse_tile(bytes(64), width=2) == [bytes(32), bytes(32)]
    for data in (b"", bytes(63), bytes(96)):
        with pytest.raises(MalformedTile):
            parse_tile(data, width=2)


# Growth


def tiles_by_definition(log: MemoryLog) -> dict[TileKey, bytes]:
    """Every tile of the log's tree, from the definition in C2SP tlog-tiles, "Merkle Tree"."""
    tiles: dict[TileKey, bytes] = {}
    hashes, level = [log.leaf_hash(index) for index in range(len(log))], 0
    while hashes:
        for start in range(0, len(hashes), TILE_WIDTH):
            tiles[level, start // TILE_WIDTH] = b"".join(hashes[start : start + TILE_WIDTH])
        complete = range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH)
        hashes = [MemoryLog(hashes[start : start + TILE_WIDTH]).root() for start in complete]
        level += 1
    return tiles


@given(st.lists(st.integers(0, 700) | st.sampled_from([1, 255, 256, 257]), min_size=1, max_size=6))
def test_tiles_grown_step_by_step_are_those_of_the_definition(steps):
    tiles: dict[TileKey, bytes] = {}
    size = 0
    for step in steps:
        grown = grow(size, MANY[size : size + step], lambda keys: {key: tiles[key] for key in keys if key in tiles})
        for key, content in grown.items():
            assert content.startswith(tiles.get(key, b""))
        tiles.update(grown)
        size += step
    assert tiles == tiles_by_definition(MemoryLog(MANY[:size]))


def test_growth_over_three_levels_gives_the_tiles_of_the_definition():
    first = grow(0, MANY[:65_000], nothing)
    second = grow(65_000, MANY[65_000:], lambda keys: {key: first[key] for key in keys})
    assert {**first, **second} == tiles_by_definition(MemoryLog(MANY))


def test_growth_reads_once_and_only_partial_tiles_that_grow():
    tiles = grow(0, MANY[:66_000], nothing)
    reads = []

    def read(keys: list[TileKey]) -> dict[TileKey, bytes]:
        reads.append(keys)
        return {key: tiles[key] for key in keys}

    assert set(grow(66_000, MANY[66_000:66_001], read)) == {(0, 257)}
    assert set(grow(66_000, MANY[66_000:66_500], read)) == {(0, 257), (0, 258), (0, 259), (1, 1)}
    assert reads == [[(0, 257)], [(0, 257), (1, 1)]]


@pytest.mark.parametrize("content", [b"", bytes(32 * 9), bytes(32 * 11), bytes(32 * 10 + 1)])
def test_growth_stops_at_an_edge_of_the_wrong_width(content):
    with pytest.raises(CorruptLog):
        grow(10, MANY[10:12], lambda keys: {(0, 0): content})


# Proofs over tiles


def test_proofs_over_tiles_are_those_of_the_whole_tree_and_read_at_most_two_tiles_a_level():
    tiles = grow(0, MANY, nothing)
    log = MemoryLog(MANY)
    reads = []

    def read(keys: list[TileKey]) -> dict[TileKey, bytes]:
        reads.append(keys)
        return {key: tiles[key] for key in keys if key in tiles}

    size = len(MANY)
    nodes = TileNodes(read, size)
    assert prover.root_hash(size, nodes) == log.root()
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        proof = prover.inclusion_proof(index, size, nodes)
        verify_inclusion(leaf_hash=MANY[index], index=index, size=size, proof=proof, root=log.root())
    for old in (1, 255, 256, 257, 40_000, 65_536, 69_999):
        proof = prover.consistency_proof(old, size, nodes)
        verify_consistency(old_size=old, old_root=log.root(old), new_size=size, new_root=log.root(), proof=proof)
    levels = 3
    assert len(reads) == 1 + 9 + 7
    assert max(map(len, reads)) <= 2 * levels


def test_an_older_tree_is_proved_from_tiles_that_have_grown_since():
    tiles = grow(0, MANY[:1000], nothing)
    log = MemoryLog(MANY)
    for size in (1, 255, 256, 700, 999):
        nodes = TileNodes(lambda keys: tiles, size)
        assert prover.root_hash(size, nodes) == log.root(size)
        assert prover.inclusion_proof(size - 1, size, nodes) == log.inclusion_proof(size - 1, size)


def test_a_tile_that_is_missing_or_too_narrow_is_named():
    tiles = grow(0, MANY[:600], nothing)
    for spoilt in ({}, {**tiles, (0, 2): tiles[0, 2][:-32]}):
        with pytest.raises(CorruptLog, match="tile 0/2"):
            prover.inclusion_proof(
                599, 600, TileNodes(lambda keys, spoilt=spoilt: {**tiles, (0, 2): spoilt.get((0, 2), b"")}, 600)
            )


# Another implementation's log


@pytest.fixture(scope="module")
def tessera(corpora: Path) -> Path:
    return corpora / "transparency" / "tessera-tlog-tiles"


@pytest.mark.parametrize("size", range(16))
def test_a_tessera_log_verifies_and_ours_grows_the_same_tiles(tessera, size):
    keys = json.loads((tessera / "KEYS.json").read_bytes())
    leaves = [leaf.encode() for leaf in keys["leaves"]]
    note = Note.parse((tessera / "log" / f"checkpoint.{size}").read_bytes())
    verified_signatures(note, [VerifierKey.parse(keys["public"])])
    published = LogCheckpoint.parse(note.text)
    assert published.size == size

    grown: dict[TileKey, bytes] = {}
    for index in range(size):
        grown.update(grow(index, [leaf_hash(leaves[index])], lambda keys: {key: grown[key] for key in keys}))
    assert prover.root_hash(size, TileNodes(lambda keys: grown, size)) == published.root
    if size:
        bundle = (tessera / "log" / tile_path(tile_at(ENTRIES, 0, size=size))).read_bytes()
        assert parse_entry_bundle(bundle, width=size) == leaves[:size]
        assert encode_entry_bundle(leaves[:size]) == bundle
        assert grown[0, 0] == (tessera / "log" / tile_path(tile_at(0, 0, size=size))).read_bytes()


def test_a_tessera_log_is_consistent_from_every_size_to_every_later_one(tessera):
    points = [
        LogCheckpoint.parse(Note.parse((tessera / "log" / f"checkpoint.{size}").read_bytes()).text)
        for size in range(16)
    ]
    content = (tessera / "log" / "tile" / "0" / "000.p" / "15").read_bytes()
    nodes = TileNodes(lambda keys: {(0, 0): content}, 15)
    for new in points[1:]:
        for old in points[1 : new.size + 1]:
            verify_consistency(
                old_size=old.size,
                old_root=old.root,
                new_size=new.size,
                new_root=new.root,
                proof=prover.consistency_proof(old.size, new.size, nodes),
            )


def test_a_third_party_reads_our_log_from_its_tiles_alone():
    store = MemoryLogStore()
    log = SealedLog(store, NoteSigner("ours.example/log", ed25519(1)))
    log.append([b"entry %d" % number for number in range(300)])
    seal = log.seal("2026-11-22T12:00:00Z")
    entries = []
    for index in range(2):
        tile = tile_at(ENTRIES, index, size=seal.size)
        start = index * TILE_WIDTH
        bundle = encode_entry_bundle(store.read_entries(start, start + tile.width))
        entries += parse_entry_bundle(bundle, width=tile.width)
    assert MemoryLog(map(leaf_hash, entries)).root() == LogCheckpoint.parse(Note.parse(seal.note).text).root
