import random
import time
from dataclasses import replace
from hashlib import sha256, shake_256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.errors import DuplicateField, InvalidOpening, MalformedDisclosure, MalformedField
from audit_chain.merkle.hashing import leaf_hash, node_hash
from audit_chain.merkle.memory_log import MemoryLog
from audit_chain.records import disclosure
from audit_chain.records.opening import Path, RecordOpening
from audit_chain.records.tree import RecordKey, cipher_key, commit, merkletools
from audit_chain.testing import INVOICE, record_key

KEY = record_key(1)
RECORD = commit(INVOICE, KEY)


def test_the_commitment_of_the_specification() -> None:
    record = commit({"kind": "order", "number": "4500-8812"}, KEY)
    assert record.size == 8
    assert record.root.hex() == "36728dfc3ab779e35ef04eea6fd8cf7d8ffbe19a6413f0a0ed82d389f9e1a314"
    assert record.disclosures["number"] == "WyIxVm1TMUxsRVBPd2M2X25NVjFxdFpRIiwibnVtYmVyIiwiNDUwMC04ODEyIl0"
    assert cipher_key(KEY).hex() == "432b3ce3e972dd4a1196c691010b94dac4441cf88ae7c3503c2015ef12d74023"


def test_the_same_fields_and_key_give_the_same_commitment_in_any_order() -> None:
    again = commit(dict(reversed(INVOICE.items())), KEY)
    assert (again.root, again.disclosures, again.positions) == (RECORD.root, RECORD.disclosures, RECORD.positions)


def test_another_key_gives_another_root() -> None:
    assert commit(INVOICE, record_key(2)).root != RECORD.root


def test_every_secret_comes_from_one_call_on_the_record_key() -> None:
    stream = shake_256(b"tallystick/v1/record-key" + KEY).digest(32 + 16 * RECORD.size)
    assert cipher_key(KEY) == stream[:32]
    salts = [stream[start : start + 16] for start in range(32, len(stream), 16)]
    shown = [disclosure.parse(text) for text in RECORD.disclosures.values()]
    assert [one.name for one in shown] == sorted(INVOICE)
    assert [one.salt for one in shown] == salts[: len(INVOICE)]
    leaves = [leaf_hash(text.encode()) for text in RECORD.disclosures.values()]
    leaves += [leaf_hash(salt) for salt in salts[len(INVOICE) :]]
    assert MemoryLog(sorted(leaves)).root() == RECORD.root


@pytest.mark.parametrize(("fields", "size"), [(1, 8), (8, 8), (9, 16), (20, 24), (1000, 1000), (1001, 1008)])
def test_decoys_fill_the_leaves_up_to_a_multiple_of_eight(fields: int, size: int) -> None:
    assert commit({f"field {number}": number for number in range(fields)}, KEY).size == size


@pytest.mark.parametrize("count", [*range(1, 34), 63, 64, 65, 127, 1000])
def test_merkletools_gives_rfc_9162s_root_and_paths(count: int) -> None:
    """Also for sizes that no record has: an odd node is lifted, as RFC 9162's split at a power of two has it."""
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]
    tree = merkletools.MerkleTools()
    tree.hash_function = lambda children: sha256(b"\x01" + children)
    tree.add_leaf([leaf.hex() for leaf in leaves])
    tree.make_tree()
    log = MemoryLog(leaves)
    assert tree.get_merkle_root() == log.root().hex()
    for index in range(count):
        path = [side for sibling in tree.get_proof(index) for side in sibling.values()]
        assert path == [value.hex() for value in log.inclusion_proof(index)]


@given(st.sets(st.sampled_from(sorted(INVOICE))))
def test_any_choice_of_fields_opens_to_exactly_those(names: set[str]) -> None:
    opening = RECORD.open(names)
    assert dict(opening.verify(RECORD.root)) == {name: INVOICE[name] for name in names}
    assert opening.hidden == RECORD.size - len(names)


def test_a_name_given_twice_is_opened_once() -> None:
    assert len(RECORD.open(["number", "number"]).disclosures) == 1


def test_a_field_that_the_record_lacks_cannot_be_opened() -> None:
    with pytest.raises(MalformedField, match="no such field"):
        RECORD.open(["number", "iban"])


def test_a_record_has_at_least_one_field() -> None:
    with pytest.raises(MalformedField, match="number of fields"):
        commit({}, KEY)


def test_a_record_key_has_32_bytes() -> None:
    with pytest.raises(MalformedField, match="record key"):
        commit(INVOICE, RecordKey(KEY[:-1]))


def opening() -> RecordOpening:
    return RECORD.open(["number", "payable_amount", "buyer.name"])


def with_path(position: int, path: Path) -> RecordOpening:
    paths = list(opening().paths)
    paths[position] = path
    return replace(opening(), paths=tuple(paths))


SPOILED = {
    "another size": replace(opening(), size=RECORD.size + 8),
    "a smaller size": replace(opening(), size=8),
    "a path too few": replace(opening(), paths=opening().paths[:-1]),
    "a disclosure too few": replace(opening(), disclosures=opening().disclosures[1:]),
    "another index": with_path(0, replace(opening().paths[0], index=opening().paths[0].index ^ 1)),
    "an index outside": with_path(2, replace(opening().paths[2], index=RECORD.size)),
    "a short path": with_path(0, replace(opening().paths[0], hashes=opening().paths[0].hashes[:-1])),
    "a long path": with_path(0, replace(opening().paths[0], hashes=(*opening().paths[0].hashes, b"\0" * 32))),
    "a flipped bit": with_path(0, replace(opening().paths[0], hashes=(b"\0" * 32, *opening().paths[0].hashes[1:]))),
    "a short hash": with_path(0, replace(opening().paths[0], hashes=(b"\0" * 31, *opening().paths[0].hashes[1:]))),
    "another order": replace(opening(), disclosures=opening().disclosures[::-1], paths=opening().paths[::-1]),
    "another value": replace(
        opening(), disclosures=(disclosure.encode(b"\1" * 16, "number", "9"), *opening().disclosures[1:])
    ),
    "one field twice": replace(opening(), disclosures=opening().disclosures[:1] * 2, paths=opening().paths[:1] * 2),
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_opening_is_refused(spoiled: RecordOpening) -> None:
    opening().verify(RECORD.root)
    with pytest.raises(InvalidOpening):
        spoiled.verify(RECORD.root)


def test_an_opening_holds_for_its_own_root_only() -> None:
    with pytest.raises(InvalidOpening):
        opening().verify(commit(INVOICE, record_key(2)).root)


def test_a_decoy_is_no_disclosure() -> None:
    with pytest.raises(MalformedDisclosure):
        replace(opening(), disclosures=("AQEBAQEBAQEBAQEBAQEBAQ", *opening().disclosures[1:])).verify(RECORD.root)


def test_one_name_committed_to_twice_cannot_be_shown_twice() -> None:
    texts = [disclosure.encode(bytes([number]) * 16, "number", str(number)) for number in range(8)]
    tree = MemoryLog(leaf_hash(text.encode()) for text in texts)
    doubled = RecordOpening(8, tuple(texts[:2]), tuple(Path(i, tuple(tree.inclusion_proof(i))) for i in range(2)))
    with pytest.raises(DuplicateField):
        doubled.verify(tree.root())


def test_an_error_does_not_repeat_what_was_disclosed() -> None:
    shown = replace(opening(), size=8)
    with pytest.raises(InvalidOpening) as refusal:
        shown.verify(RECORD.root)
    for text in (*opening().disclosures, "2026-0173", "535500", "Atlas"):
        assert text not in str(refusal.value)


def test_the_document_that_stock_merkletools_accepts_is_refused() -> None:
    """Two hashes of one level, joined, are 64 bytes that hash like a leaf where leaves and nodes are not told apart."""
    documents = [b"invoice %d" % number for number in range(4)]
    stock = merkletools.MerkleTools()
    stock.add_leaf([sha256(document).hexdigest() for document in documents])
    stock.make_tree()
    forged = sha256(documents[0]).digest() + sha256(documents[1]).digest()
    path_of_the_node = stock.get_proof(0)[1:]
    assert len(forged) == 64
    assert stock.validate_proof(path_of_the_node, sha256(forged).hexdigest(), stock.get_merkle_root())

    texts = [disclosure.encode(bytes([number]) * 16, "number", str(number)) for number in range(4)]
    leaves = [leaf_hash(text.encode()) for text in texts]
    tree = MemoryLog(leaves)
    ours = (leaves[0] + leaves[1]).decode("latin-1")
    path = (node_hash(leaves[2], leaves[3]),)
    for size, index in ((4, 0), (2, 0), (3, 0)):
        with pytest.raises((InvalidOpening, MalformedDisclosure)):
            RecordOpening(size, (ours,), (Path(index, path),)).verify(tree.root())
    # Nor does the bare verifier take the 64 bytes, were they a disclosure: a leaf is hashed as a leaf.
    assert node_hash(leaf_hash(leaves[0] + leaves[1]), path[0]) != tree.root()


def test_stock_merkletools_binds_no_index_and_ours_does() -> None:
    leaf = RECORD.positions["number"]
    shown = RECORD.open(["number"])
    for index in set(range(RECORD.size)) - {leaf}:
        with pytest.raises(InvalidOpening):
            replace(shown, paths=(replace(shown.paths[0], index=index),)).verify(RECORD.root)


def test_positions_tell_nothing_about_names() -> None:
    """Over many keys, each place is taken by the first name about as often as by any other."""
    names = [f"field {number}" for number in range(8)]
    first = [commit(dict.fromkeys(names, 1), record_key(number)).positions[names[0]] for number in range(1, 400)]
    assert all(30 <= first.count(place) <= 75 for place in range(8))


def test_opening_a_few_of_many_fields_takes_linear_time_at_most() -> None:
    def seconds(count: int) -> float:
        fields = {f"lines.{number}.net_amount": number for number in range(count)}
        names = random.Random(1).sample(sorted(fields), 20)
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            record = commit(fields, KEY)
            record.open(names).verify(record.root)
            best = min(best, time.perf_counter() - start)
        return best

    # Sixteen times the fields; quadratic work would take 256 times as long.
    assert seconds(32_000) < 64 * seconds(2_000)
