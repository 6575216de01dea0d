"""Proofs of misbehaviour: each kind holds, and nothing that is changed, or no lie, does."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from audit_chain import canonical
from audit_chain.beacon.entries import Slashing
from audit_chain.beacon.misbehaviour import (
    MAX_PROOF_SIZE,
    ConflictingHeads,
    ConflictingVotes,
    Misbehaviour,
    Offence,
    OffenceKind,
    Prefix,
    build_double_vote,
    build_fork,
    build_inconsistent_heads,
    build_surround_vote,
    find_conflicting_votes,
    parse_misbehaviour,
    verify_misbehaviour,
)
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.state import get_effective_weight, get_pool, get_validator
from audit_chain.beacon.transition import StateDirectory
from audit_chain.encoding import from_time
from audit_chain.errors import InvalidMisbehaviour, InvalidSlashing, MalformedEntry
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.testing import (
    KEYS_UNTIL,
    NETWORK,
    START,
    SUPPLIER,
    ed25519_key,
    record_key,
)
from tests.core.lie_cast import (
    LIAR,
    MAKERS,
    OFFENDERS,
    beacon_fork,
    boundary,
    cosigned_by,
    double_vote,
    every_kind,
    forked,
    grown,
    honest,
    inconsistent_heads,
    liars_key,
    pool_fork,
    signed_by,
    stalled,
    surround_vote,
    two_trees,
)


def directory() -> StateDirectory:
    return StateDirectory(honest().state)


@cache
def proof_of(kind: OffenceKind) -> str:
    return MAKERS[kind]().encode().decode()


def verify(proof: Misbehaviour) -> Offence:
    return verify_misbehaviour(proof.encode().decode(), directory())


@every_kind
def test_each_kind_of_lie_is_proven_by_its_own_signatures(kind: OffenceKind) -> None:
    assert verify_misbehaviour(proof_of(kind), directory()) == Offence(kind, OFFENDERS[kind])


@every_kind
def test_a_proof_fits_into_an_entry_of_the_log(kind: OffenceKind) -> None:
    assert len(proof_of(kind).encode()) < MAX_PROOF_SIZE / 4
    assert len(Slashing(proof_of(kind), None).encode()) < 2**16


@every_kind
def test_no_byte_of_a_proof_can_be_changed(kind: OffenceKind) -> None:
    """Each byte, by its lowest bit, so that letters, digits and base64 become others of their kind."""
    data = proof_of(kind).encode()
    known = directory()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises((MalformedEntry, InvalidSlashing)):
            verify_misbehaviour(changed.decode("utf-8", "surrogateescape"), known)


@every_kind
@pytest.mark.parametrize("bit", range(1, 8))
def test_no_bit_of_a_proof_can_be_flipped(kind: OffenceKind, bit: int) -> None:
    data = proof_of(kind).encode()
    known = directory()
    for place in range(bit, len(data), 23):
        changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
        with pytest.raises((MalformedEntry, InvalidSlashing)):
            verify_misbehaviour(changed.decode("utf-8", "surrogateescape"), known)


@every_kind
@pytest.mark.parametrize("spoil", ["more", "less", "spaced", "other-version", "other-type", "other-network"])
def test_a_proof_has_one_spelling(kind: OffenceKind, spoil: str) -> None:
    text = proof_of(kind)
    value = canonical.decode(text.encode())
    spoiled = {
        "more": {**value, "note": "for free"},
        "less": {name: item for name, item in value.items() if name != "v"},
        "other-version": {**value, "v": 2},
        "other-type": {**value, "type": "tallystick-proof-bundle"},
        "other-network": {**value, "network": "elsewhere.example"},
    }
    proof = f"{text} " if spoil == "spaced" else canonical.encode(spoiled[spoil]).decode()
    expected = InvalidMisbehaviour if spoil == "other-network" else MalformedEntry
    with pytest.raises(expected):
        verify_misbehaviour(proof, directory())


@pytest.mark.parametrize(
    "text", ["", "{}", "null", "[]", '{"kind":null}', '{"kind":["double-vote"]}', "\ud800", "a" * 60_001]
)
def test_what_is_no_proof_is_malformed(text: str) -> None:
    with pytest.raises(MalformedEntry):
        parse_misbehaviour(text)


# Votes


def test_two_votes_that_follow_each_other_are_no_offence() -> None:
    votes = boundary(honest(), 3), boundary(honest(), 4)
    assert find_conflicting_votes(*votes, key=liars_key()) is None
    for build in (build_double_vote, build_surround_vote):
        with pytest.raises(InvalidMisbehaviour, match="agree"):
            verify(build(*votes, key=liars_key()))


def test_one_vote_shown_twice_is_no_offence() -> None:
    vote = boundary(honest(), 3)
    with pytest.raises(InvalidMisbehaviour, match="agree"):
        verify(build_double_vote(vote, vote, key=liars_key()))


def test_a_vote_on_a_fork_for_another_epoch_is_no_double_vote() -> None:
    with pytest.raises(InvalidMisbehaviour, match="agree"):
        verify(build_double_vote(boundary(honest(), 3), boundary(forked(), 4), key=liars_key()))


def test_the_surrounding_vote_comes_first() -> None:
    proof = surround_vote()
    with pytest.raises(InvalidMisbehaviour, match="agree"):
        verify(replace(proof, votes=proof.votes[::-1]))


def test_whoever_caught_two_votes_learns_which_lie_they_are() -> None:
    key = liars_key()
    double = find_conflicting_votes(boundary(honest(), 3), boundary(forked(), 3), key=key)
    surrounding, surrounded = boundary(stalled(), 5), boundary(honest(), 4)
    assert double == double_vote()
    for votes in ((surrounding, surrounded), (surrounded, surrounding)):
        assert find_conflicting_votes(*votes, key=key) == surround_vote()


def with_lines(proof: ConflictingVotes, change: Callable[[Note], Note]) -> ConflictingVotes:
    first, second = proof.votes
    return replace(proof, votes=(first, SealedState(change(second.note), second.seal, second.path, second.values)))


def test_votes_of_two_validators_are_no_offence() -> None:
    other = honest().validators[1].ed25519
    proof = with_lines(
        double_vote(), lambda note: Note(note.text, (note.signatures[0], other.cosign(note.text, START)))
    )
    with pytest.raises(InvalidMisbehaviour, match="two"):
        verify(proof)


@pytest.mark.parametrize("lines", [slice(0, 1), slice(1, 2)])
def test_a_vote_needs_the_line_of_the_log_and_of_the_voter(lines: slice) -> None:
    with pytest.raises(InvalidMisbehaviour):
        verify(with_lines(double_vote(), lambda note: Note(note.text, note.signatures[lines])))


def test_a_vote_on_a_tree_that_the_log_has_not_signed_is_no_vote() -> None:
    forger = NoteSigner(f"{NETWORK}/beacon", ed25519_key(666))
    with pytest.raises(InvalidMisbehaviour, match="not a key"):
        verify(with_lines(double_vote(), lambda note: Note(note.text, (forger.sign(note.text), note.signatures[1]))))


def test_a_stranger_is_no_offender() -> None:
    stranger = CosignerEd25519(f"{NETWORK}/validator/stranger", ed25519_key(666))
    with pytest.raises(InvalidSlashing, match="no such validator"):
        verify(
            with_lines(
                double_vote(), lambda note: Note(note.text, (note.signatures[0], stranger.cosign(note.text, START)))
            )
        )


def test_a_cosignature_outside_the_key_s_validity_is_no_vote() -> None:
    liar, late = honest().validators[0].ed25519, from_time(KEYS_UNTIL) + 1
    with pytest.raises(InvalidMisbehaviour, match="validity"):
        verify(
            with_lines(double_vote(), lambda note: Note(note.text, (note.signatures[0], liar.cosign(note.text, late))))
        )


def test_a_vote_by_ml_dsa_counts_like_one_by_ed25519() -> None:
    liar = honest().validators[0].mldsa44
    proof = with_lines(double_vote(), lambda note: Note(note.text, (note.signatures[0], liar.cosign(note.text, START))))
    assert verify(proof) == Offence(OffenceKind.DOUBLE_VOTE, LIAR)


def test_a_cosignature_within_an_epoch_is_no_vote() -> None:
    network, signer = honest(), honest().validators[0].ed25519
    states = []
    for chain in (honest(), forked()):
        seals = sorted(chain.boundaries.values())
        size = seals[4] - 1
        while True:  # the seal before a boundary is of the last slot of the epoch before
            entry = chain.store.read_entries(size - 1, size)[0]
            if b'"type":"seal"' in entry:
                break
            size -= 1
        text = LogCheckpoint(f"{NETWORK}/beacon", size, chain.log.root(size)).text()
        chain.notes[size] = Note(text, (network.beacon_signer.sign(text), signer.cosign(text, START)))
        states.append(chain.sealed_state(size))
    with pytest.raises(InvalidMisbehaviour, match="first block of an epoch"):
        verify(build_double_vote(*states, key=liars_key()))


def test_a_state_that_the_seal_does_not_hold_refutes_the_vote() -> None:
    proof = surround_vote()
    first, second = proof.votes
    swapped = SealedState(first.note, first.seal, first.path, second.values)
    with pytest.raises(InvalidMisbehaviour, match="state proof"):
        verify(replace(proof, votes=(swapped, second)))


def test_a_vote_shows_two_values_and_no_more() -> None:
    proof = double_vote()
    first, second = proof.votes
    more = {**first.values, "log": next(iter(first.values.values()))}
    with pytest.raises(InvalidMisbehaviour, match="two values"):
        verify(replace(proof, votes=(SealedState(first.note, first.seal, first.path, more), second)))


# Heads


@pytest.mark.parametrize("make", [inconsistent_heads, pool_fork, beacon_fork])
@pytest.mark.parametrize("sizes", [(21, 21), (16, 27), (20, 27), (26, 27)])
def test_two_histories_are_an_offence_whatever_their_sizes(
    make: Callable[..., ConflictingHeads], sizes: tuple[int, int]
) -> None:
    assert verify(make(sizes=sizes)).kind is make(sizes=sizes).kind


def test_heads_are_put_in_order_by_whoever_builds_the_proof() -> None:
    signer = honest().beacon_signer
    first, second, prefix = two_trees(signer.name, signed_by(signer), sizes=(21, 27))
    assert build_fork(second, first, key=signer.verifier_key, prefix=prefix) == beacon_fork()


@pytest.mark.parametrize("size", [1, 6, 8])
def test_two_trees_that_begin_alike_are_no_offence(size: int) -> None:
    with pytest.raises(InvalidMisbehaviour, match="extends"):
        verify(beacon_fork(sizes=(size, 27)))


def test_the_empty_tree_contradicts_none() -> None:
    signer = honest().beacon_signer
    heads = [signed_by(signer)(LogCheckpoint(signer.name, size, forked().log.root(size)).text()) for size in (0, 27)]
    with pytest.raises(InvalidMisbehaviour, match="not empty"):
        verify(build_fork(*heads, key=signer.verifier_key, prefix=Prefix(bytes(32), ())))


def test_one_head_twice_is_no_offence() -> None:
    proof = beacon_fork()
    with pytest.raises(InvalidMisbehaviour, match="one tree"):
        verify(replace(proof, heads=(proof.heads[0], proof.heads[0]), prefix=None))


def test_the_smaller_tree_comes_first() -> None:
    proof = beacon_fork()
    with pytest.raises(InvalidMisbehaviour, match="smaller"):
        verify(replace(proof, heads=proof.heads[::-1]))


def test_a_prefix_that_the_larger_tree_does_not_have_shows_nothing() -> None:
    proof = beacon_fork()
    for prefix in (None, replace(proof.prefix, root=bytes(32)), replace(proof.prefix, path=proof.prefix.path[1:])):
        with pytest.raises(InvalidMisbehaviour):
            verify(replace(proof, prefix=prefix))


def test_trees_of_one_size_need_no_prefix() -> None:
    with pytest.raises(InvalidMisbehaviour, match="no prefix"):
        verify(replace(beacon_fork(sizes=(21, 21)), prefix=beacon_fork().prefix))


def test_heads_of_two_logs_are_no_offence() -> None:
    proof = inconsistent_heads()
    other = two_trees(f"{NETWORK}/beacon", cosigned_by(honest().validators[0].ed25519), sizes=(21, 27))[1]
    with pytest.raises(InvalidMisbehaviour, match="two logs"):
        verify(replace(proof, heads=(proof.heads[0], other)))


@pytest.mark.parametrize("kind", [OffenceKind.POOL_FORK, OffenceKind.INCONSISTENT_HEADS])
def test_a_fork_of_the_beacon_is_no_other_offence(kind: OffenceKind) -> None:
    with pytest.raises(InvalidMisbehaviour):
        verify(replace(beacon_fork(), kind=kind))


def test_a_log_of_no_pool_or_beacon_is_nobody_s_fork() -> None:
    signer = honest().validators[0].ed25519
    first, second, prefix = two_trees("elsewhere.example/log", cosigned_by(signer), sizes=(21, 27))
    proof = build_inconsistent_heads(first, second, key=signer.verifier_key, prefix=prefix)
    with pytest.raises(InvalidMisbehaviour, match="no log"):
        verify(replace(proof, network=NETWORK))


def test_heads_outside_the_key_s_validity_are_no_offence() -> None:
    with pytest.raises(InvalidMisbehaviour, match="validity"):
        verify(inconsistent_heads(time=from_time(KEYS_UNTIL) + 1))


def test_heads_under_ml_dsa_are_an_offence_too_without_the_lines_that_it_does_not_sign() -> None:
    assert verify(inconsistent_heads(kind=1)) == Offence(OffenceKind.INCONSISTENT_HEADS, LIAR)
    signer = honest().validators[0].mldsa44
    texts = [head.text + "an extension line\n" for head in inconsistent_heads(kind=1).heads]
    first, second = (Note(text, (signer.cosign(text, START),)) for text in texts)
    prefix = inconsistent_heads().prefix
    built = build_inconsistent_heads(first, second, key=signer.verifier_key, prefix=prefix)
    assert verify(built) == Offence(OffenceKind.INCONSISTENT_HEADS, LIAR)
    with pytest.raises(InvalidMisbehaviour, match="extension"):
        verify(replace(built, heads=(first, second)))


# On the beacon


@pytest.mark.parametrize("kind", [OffenceKind.DOUBLE_VOTE, OffenceKind.SURROUND_VOTE, OffenceKind.INCONSISTENT_HEADS])
def test_a_validator_that_lied_weighs_less(kind: OffenceKind) -> None:
    network = grown()
    liar = get_validator(network.state, LIAR)
    before = get_effective_weight(network.state, liar), network.state.casper.balances[liar.index]
    network.append(Slashing(proof_of(kind), "market-regulator").encode())
    assert network.state.casper.validators[liar.index].slashed
    assert network.state.casper.balances[liar.index] < before[1]
    with pytest.raises(InvalidSlashing, match="has been slashed"):
        network.append(Slashing(proof_of(kind), None).encode())


def test_a_pool_that_forked_is_suspended_and_a_beacon_that_forked_is_recorded() -> None:
    network = grown()
    index = network.append(Slashing(proof_of(OffenceKind.POOL_FORK), None).encode())
    network.append(Slashing(proof_of(OffenceKind.BEACON_FORK), LIAR).encode())
    assert get_pool(network.state, SUPPLIER).suspended
    assert network.state[f"offence/pool-fork/{SUPPLIER}"]["index"] == index
    assert network.state["offence/beacon-fork/beacon"]["reporter"] == LIAR


def test_a_refuted_proof_costs_nobody_anything() -> None:
    network = grown()
    balances = list(network.state.casper.balances)
    proof = double_vote()
    agreeing = replace(proof, votes=(proof.votes[0], proof.votes[0])).encode().decode()
    with pytest.raises(InvalidSlashing):
        network.append(Slashing(agreeing, None).encode())
    assert network.state.casper.balances == balances
    assert network.state.map.names("offence/") == []


def test_an_example_pool_can_be_caught_by_its_own_log() -> None:
    network = grown()
    pool = network.pool
    pool.add({"kind": "order"}, key=record_key(1))
    first = pool.seal(network.clock)
    text = LogCheckpoint(pool.signer.name, 2, bytes(32)).text()
    proof = build_fork(first, Note(text, (pool.signer.sign(text),)), key=pool.signer.verifier_key)
    offence = verify_misbehaviour(proof.encode().decode(), StateDirectory(network.state))
    assert offence == Offence(OffenceKind.POOL_FORK, SUPPLIER)
