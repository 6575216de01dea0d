"""What shows a checkpoint to be final, offline; and the sealed states that this rests on."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from audit_chain import canonical
from audit_chain.beacon.entries import Restart, Rotation
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.motion import Rotation as RotationText
from audit_chain.beacon.names import beacon_origin
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.transition import process_latest_seal
from audit_chain.encoding import to_base64, to_time
from audit_chain.errors import (
    Invalid,
    InvalidFinality,
    InvalidInclusionProof,
    InvalidSeal,
    InvalidSignature,
    InvalidStateProof,
    Malformed,
    MalformedBundle,
    QuorumNotReached,
    UnknownOrigin,
)
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.finality import verify_finality, verify_finalizes
from audit_chain.proof.verifier import verify
from audit_chain.testing import (
    KEYS_FROM,
    KEYS_UNTIL,
    NETWORK,
    ExampleNetwork,
    ValidatorKeys,
    ed25519_key,
    example_record,
)
from tests.core.log_cast import flipped


def finalized(count: int, *, preset: str = "consortium") -> ExampleNetwork:
    net = ExampleNetwork(preset=preset)
    while len(net.finalized) < count:
        net.seal()
    return net


NET = finalized(4)
SIZE = NET.finalized[0]
NOTE = NET.notes[SIZE]
PROOF = NET.sealed_state(NET.finalizing_size(SIZE))


def boundary(epoch: int, net: ExampleNetwork = NET) -> SealedState:
    (size,) = [size for checkpoint, size in net.boundaries.items() if checkpoint.epoch == epoch]
    return net.sealed_state(size)


# Final


def test_votes_from_a_justified_checkpoint_one_epoch_later_finalize_it() -> None:
    final = verify_finality(NET.policy, NOTE, PROOF)
    assert (final.epoch, final.checkpoint.size) == (2, SIZE)
    assert PROOF.epoch == 3
    assert PROOF.justified.root == final.checkpoint.root
    assert PROOF.finalized.root != final.checkpoint.root
    assert len(final.cosignatures.counted) == 4


def test_a_state_that_calls_a_checkpoint_final_shows_it() -> None:
    later = boundary(4)
    assert later.finalized.root == PROOF.justified.root
    assert later.justified.root != later.finalized.root
    assert verify_finality(NET.policy, NOTE, later).epoch == 2


def test_finality_is_shown_under_every_preset() -> None:
    net = finalized(1, preset="minimal")
    assert net.slots_per_epoch == 8
    proof = net.sealed_state(net.finalizing_size(net.finalized[0]))
    assert verify_finality(net.policy, net.notes[net.finalized[0]], proof).checkpoint.size == net.finalized[0]


# Not final


def test_votes_two_epochs_after_a_justified_checkpoint_do_not_finalize_it() -> None:
    """The voters of the epoch between are away, so the justified checkpoint is two epochs old."""
    net = ExampleNetwork()
    while boundary_epoch(net) < 3:
        net.seal()
    net.seal()  # with the votes on epoch 3
    voters, net.voters = net.voters, []
    while boundary_epoch(net) < 4:
        net.seal()
    net.voters = voters
    while boundary_epoch(net) < 5:
        net.seal()
    late = boundary(5, net)
    assert late.justified.epoch == 3
    with pytest.raises(InvalidFinality, match="does not finalize"):
        verify_finality(net.policy, boundary(3, net).note, late)


def boundary_epoch(net: ExampleNetwork) -> int:
    return max(checkpoint.epoch for checkpoint in net.boundaries)


def test_a_checkpoint_that_a_quorum_signed_is_not_final_for_that() -> None:
    for epoch in (3, 4, 5):
        with pytest.raises(InvalidFinality):
            verify_finality(NET.policy, boundary(epoch).note, boundary(epoch))
    with pytest.raises(InvalidFinality):
        verify_finality(NET.policy, boundary(4).note, PROOF)


def test_a_state_within_an_epoch_shows_nothing() -> None:
    net = finalized(2)
    seal = net.seal() if net._unvoted else (net.seal(), net.seal())[1]
    net.notes[seal.size] = net.final_note(seal)
    within = net.sealed_state(seal.size)
    assert not within.is_boundary
    with pytest.raises(InvalidFinality, match="no vote is cast there"):
        verify_finality(net.policy, net.notes[net.finalized[-1]], within)


def with_lines(state: SealedState, change: Callable[[Note], Note]) -> SealedState:
    return replace(state, note=change(state.note))


def with_value(state: SealedState, name: str, value: bytes | None) -> SealedState:
    return replace(state, values={**state.values, name: replace(state.values[name], value=value)})


FORGER = NoteSigner(beacon_origin(NETWORK), ed25519_key(66))

SPOILED: dict[str, tuple[type[Invalid], Callable[[SealedState], SealedState]]] = {
    "too few votes": (
        QuorumNotReached,
        lambda good: with_lines(good, lambda note: Note(note.text, note.signatures[:3])),
    ),
    "a spoiled vote": (
        InvalidSignature,
        lambda good: with_lines(
            good, lambda note: Note(note.text, (*note.signatures[:-1], flipped(note.signatures[-1])))
        ),
    ),
    "another key": (
        InvalidSignature,
        lambda good: with_lines(good, lambda note: Note(note.text, (FORGER.sign(note.text), *note.signatures[1:]))),
    ),
    "another seal": (InvalidInclusionProof, lambda good: replace(good, seal=replace(good.seal, slot=8))),
    "another state": (InvalidInclusionProof, lambda good: replace(good, seal=replace(good.seal, state=bytes(32)))),
    "no path": (InvalidInclusionProof, lambda good: replace(good, path=())),
    "another value": (
        InvalidStateProof,
        lambda good: with_value(good, "casper", canonical.encode({"finalized": {"epoch": 2, "root": "…"}})),
    ),
    "a value denied": (InvalidStateProof, lambda good: with_value(good, "casper", None)),
    "one value's proof for another's": (
        InvalidStateProof,
        lambda good: replace(good, values={"casper": good.values["network"], "network": good.values["casper"]}),
    ),
    "no network": (InvalidSeal, lambda good: replace(good, values={"casper": good.values["casper"]})),
    "no casper": (InvalidSeal, lambda good: replace(good, values={"network": good.values["network"]})),
}


@pytest.mark.parametrize(("error", "spoil"), SPOILED.values(), ids=SPOILED.keys())
def test_spoiled_finality_shows_nothing(error: type[Invalid], spoil: Callable[[SealedState], SealedState]) -> None:
    with pytest.raises(error):
        verify_finality(NET.policy, NOTE, spoil(PROOF))


def test_the_checkpoint_itself_needs_its_quorum_and_its_log() -> None:
    with pytest.raises(QuorumNotReached):
        verify_finality(NET.policy, Note(NOTE.text, NOTE.signatures[:3]), PROOF)
    with pytest.raises(InvalidSignature):
        verify_finality(NET.policy, Note(NOTE.text, (FORGER.sign(NOTE.text), *NOTE.signatures[1:])), PROOF)


def test_every_byte_of_a_finality_proof_counts() -> None:
    """A bit of each: refused or unreadable, but for the name and key ID of one line, which is then a stranger's."""
    text = canonical.encode(PROOF.to_json())
    passed_over = 0
    for position, byte in enumerate(text):
        spoiled = text[:position] + bytes([byte ^ 1 << position % 7]) + text[position + 1 :]
        try:
            state = SealedState.from_json(canonical.decode(spoiled))
            verify_finality(NET.policy, NOTE, state)
        except (Invalid, Malformed):
            continue
        assert len(NET.policy.verify_cosignatures(state.note)) == 3
        passed_over += 1
    # Names under the note, and the six characters of base64 that hold the four bytes of a key ID.
    assert passed_over <= sum(len(line.name) + 6 for line in PROOF.note.signatures)


def test_another_network_shows_nothing() -> None:
    other = replace(PROOF, note=Note(PROOF.note.text.replace(NETWORK, "other.example"), PROOF.note.signatures))
    with pytest.raises(UnknownOrigin):
        verify_finalizes(PROOF.checkpoint, other)
    pool = Note(NOTE.text.replace("/beacon", "/pool/northwind-parts"), NOTE.signatures)
    with pytest.raises(UnknownOrigin):
        verify_finality(NET.policy, pool, PROOF)


# Sealed states


def test_a_sealed_state_reads_back_as_it_was_written() -> None:
    value = json.loads(canonical.encode(PROOF.to_json()))
    assert SealedState.from_json(value).to_json() == PROOF.to_json()


def test_a_sealed_state_shows_absence() -> None:
    state = NET.sealed_state(SIZE, ("evidence/" + "0" * 64,))
    state.verify()
    assert SealedState.from_json(state.to_json()).values["evidence/" + "0" * 64].value is None


@pytest.mark.parametrize(
    "changed",
    [
        {"checkpoint": ""},
        {"checkpoint": NOTE.text + "0\n"},
        {"seal": NET.genesis.encode().decode()},
        {"seal": "{}"},
        {"path": ["AAAA"]},
        {"path": [to_base64(bytes(32))] * 64},
        {"path": "none"},
        {"state": []},
        {"state": {"casper": {}}},
        {"state": {"casper": {"proof": "", "value": None}}},
        {"state": {"casper": {"proof": "tallystick/state-proof@v1\nabsent\n", "value": 1}}},
        {"state": {"casper": {"proof": "tallystick/state-proof@v1\nabsent\n", "value": "no JSON"}}},
        {"more": 1},
    ],
)
def test_a_sealed_state_of_another_shape_cannot_be_read(changed: dict[str, object]) -> None:
    value = json.loads(canonical.encode(PROOF.to_json())) | changed
    with pytest.raises(Malformed):
        SealedState.from_json(value)


def test_an_unknown_preset_cannot_be_read() -> None:
    strange = with_value(PROOF, "network", canonical.encode({"name": NETWORK, "preset": "none", "validators": 4}))
    with pytest.raises(MalformedBundle):
        _ = strange.slots_per_epoch


# What changes over the years


def keys_of(validator: ValidatorKeys, *later: KeySet) -> list[tuple[object, str, str]]:
    sets = (validator.key_set, *later)
    return [(key, keys.not_before, keys.not_after) for keys in sets for key in keys.keys]


def test_old_proofs_stay_valid_after_keys_were_rotated_and_the_log_was_restarted() -> None:
    """One policy lists all keys with their validity and both origins; nothing is signed out of its time."""
    record = example_record()
    net = record.network
    old_policy, old_bundle, old_key = net.policy, record.bundle("number"), net.beacon_signer.verifier_key
    assert verify(old_bundle, old_policy).verified

    turn = net.clock
    later: dict[str, KeySet] = {}
    for number, validator in enumerate(net.validators, start=40):
        cosigner = CosignerEd25519(validator.ed25519.name, ed25519_key(number))
        keys = KeySet((cosigner.verifier_key,), to_time(turn), KEYS_UNTIL)
        net.append(Rotation(RotationText(NETWORK, validator.name, keys).sign(validator.governance)).encode())
        later[validator.name] = keys
        net.voters[number - 40] = replace(validator, ed25519=cosigner)
    net.finalize(net.store.head().next_index)
    while net._unvoted is not None:
        net.seal()
    signer = NoteSigner(beacon_origin(NETWORK, 1), ed25519_key(101))
    process_latest_seal(net.state)
    tree = net.state.tree
    content = {"key": str(signer.verifier_key), "root": to_base64(tree.root()), "size": tree.size}
    moved = Motion("restart", 900, bytes(8), content)
    net.append(Restart(tuple(validator.ballot(moved) for validator in net.validators)).encode())
    net.beacon_signer = signer
    net.restart_log()

    # The pool's registration stands under the first origin, the new record's crosslink under the second.
    pool_validators = net.validators
    net.validators = list(net.voters)
    new = example_record(net, fields={"number": "2027-0001"}, record="019aac2c-1000-7000-8000-000000000009")
    net.validators = pool_validators
    bundle = replace(new, registration=record.registration).bundle("number")
    policy = TrustPolicy.for_network(
        [old_key, signer.verifier_key],
        [(one.name, keys_of(one, later[one.name])) for one in net.validators],  # type: ignore[misc]
    )
    assert verify(old_bundle, policy).verified
    verdict = verify(bundle, policy)
    assert verdict.verified
    assert verdict.steps[6].detail == f"{NETWORK}/beacon, {NETWORK}/beacon-1"
    # Those who know the first origin, or the first keys, only:
    for narrow, step in (
        (TrustPolicy.for_network([old_key], [(one.name, keys_of(one, later[one.name])) for one in net.validators]), 7),  # type: ignore[misc]
        (
            TrustPolicy.for_network(
                [old_key, signer.verifier_key], [(one.name, keys_of(one)) for one in net.validators]
            ),
            5,
        ),  # type: ignore[misc]
    ):
        refuted = verify(bundle, narrow).failed
        assert refuted is not None
        assert refuted.number == step
    # A new key that signs for the time before it was one does not count.
    narrow_windows = [
        (one.name, [(key, KEYS_FROM, to_time(turn - 1_000)) for key in one.key_set.keys]) for one in net.validators
    ]
    late = verify(old_bundle, TrustPolicy.for_network([old_key, signer.verifier_key], narrow_windows))
    assert late.failed is not None
    assert "outside their key's validity" in late.failed.detail
