import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from audit_chain import canonical
from audit_chain.beacon.entries import Ballot, Restart, Rotation, parse_entry
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.motion import Rotation as RotationText
from audit_chain.beacon.names import beacon_origin
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.transition import process_latest_seal
from audit_chain.canonical import JSON
from audit_chain.encoding import to_base64, to_time
from audit_chain.errors import (
    AuditChainError,
    Invalid,
    InvalidConsistencyProof,
    InvalidFinality,
    InvalidInclusionProof,
    InvalidSignature,
    InvalidStateProof,
    InvalidUpdate,
    Malformed,
    MalformedBundle,
    QuorumNotReached,
    StaleTrust,
)
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.proof.light_client import (
    RestartProof,
    TrustedCheckpoint,
    Update,
    advance,
    begin,
    missing_names,
)
from audit_chain.testing import (
    FOUNDERS_WEIGHT,
    KEYS_UNTIL,
    NETWORK,
    VALIDATORS,
    ExampleNetwork,
    ValidatorKeys,
    ed25519_key,
)
from tests.core.log_cast import flipped

UNIT = 10**9


def voting_state(net: ExampleNetwork, size: int) -> SealedState:
    """The state of the boundary of that size, with all that a light client asks for."""
    state = net.sealed_state(size, ())
    while missing := missing_names(state):
        asked = net.sealed_state(size, missing)
        state = replace(state, values={**state.values, **asked.values})
    return state


def trust(net: ExampleNetwork, size: int) -> TrustedCheckpoint:
    return begin(net.policy, voting_state(net, size), net.sealed_state(net.finalizing_size(size)))


def update(net: ExampleNetwork, trusted: TrustedCheckpoint, size: int, *restarts: RestartProof) -> Update:
    return Update(
        state=voting_state(net, size),
        finality=net.sealed_state(net.finalizing_size(size)),
        path=tuple(net.log.consistency_proof(trusted.size, size)),
        restarts=restarts,
    )


def finalized(count: int, net: ExampleNetwork | None = None) -> ExampleNetwork:
    """A network in which `count` more boundaries are final."""
    net = net or ExampleNetwork()
    wanted = len(net.finalized) + count
    while len(net.finalized) < wanted:
        net.seal()
    # The last one's votes, so that each can be shown to be final.
    for _ in range(net.slots_per_epoch):
        net.seal()
    return net


NET = finalized(3)
FIRST, SECOND, THIRD = NET.finalized[:3]
TRUSTED = trust(NET, FIRST)
UPDATE = update(NET, TRUSTED, SECOND)


# Beginning


def test_the_first_checkpoint_is_taken_on_the_word_of_the_policy() -> None:
    assert (TRUSTED.network, TRUSTED.size, TRUSTED.epoch) == (NETWORK, FIRST, 2)
    assert TRUSTED.log_key == NET.beacon_signer.verifier_key
    assert [validator.name for validator in TRUSTED.validators] == list(VALIDATORS)
    assert {validator.weight for validator in TRUSTED.validators} == {FOUNDERS_WEIGHT * UNIT}
    assert TRUSTED.period >= 1024


def test_nothing_begins_on_the_word_of_strangers() -> None:
    strangers = ExampleNetwork(validators=["a-bank"]).policy
    with pytest.raises(QuorumNotReached):
        begin(strangers, UPDATE.state, UPDATE.finality)


def test_a_checkpoint_that_is_not_final_is_no_beginning() -> None:
    latest = max(NET.boundaries.values())
    with pytest.raises(InvalidFinality):
        begin(NET.policy, voting_state(NET, latest), NET.sealed_state(latest))


@pytest.mark.parametrize(
    "name", ["casper", "log", "registry/0", "registry/1", "balance/0", "seat/3", "validator/meridian-bank"]
)
def test_a_state_that_hides_who_votes_is_refused(name: str) -> None:
    state = voting_state(NET, FIRST)
    hidden = replace(state, values={other: value for other, value in state.values.items() if other != name})
    with pytest.raises(InvalidUpdate, match=name):
        begin(NET.policy, hidden, NET.sealed_state(NET.finalizing_size(FIRST)))


def test_a_trusted_checkpoint_is_kept_as_a_file() -> None:
    assert TrustedCheckpoint.parse(TRUSTED.encode()) == TRUSTED


@pytest.mark.parametrize(
    "changed", [{"v": 2}, {"size": 0}, {"root": ""}, {"time": "now"}, {"log": ""}, {"more": 1}, {"validators": [1]}]
)
def test_a_file_of_another_shape_is_not_trusted(changed: dict[str, object]) -> None:
    with pytest.raises(MalformedBundle):
        TrustedCheckpoint.parse(canonical.encode(json.loads(TRUSTED.encode()) | changed))


# Going on


def test_the_next_final_checkpoint_is_followed_and_the_one_after() -> None:
    second = advance(TRUSTED, UPDATE)
    assert (second.size, second.epoch) == (SECOND, 3)
    third = advance(second, update(NET, second, THIRD))
    assert (third.size, third.epoch) == (THIRD, 4)


def test_a_checkpoint_may_be_passed_over() -> None:
    assert advance(TRUSTED, update(NET, TRUSTED, THIRD)) == trust(NET, THIRD)


def without(note: Note, count: int) -> Note:
    return Note(note.text, note.signatures[: len(note.signatures) - count])


def other_values(state: SealedState, name: str, value: bytes) -> SealedState:
    return replace(state, values={**state.values, name: replace(state.values[name], value=value)})


OTHER_LOG = NoteSigner(NET.beacon_signer.name, ed25519_key(66))

SPOILED: dict[str, tuple[type[Invalid], Callable[[Update], Update]]] = {
    "too little weight under the checkpoint": (
        InvalidUpdate,
        lambda good: replace(good, state=replace(good.state, note=without(good.state.note, 2))),
    ),
    "too little weight under what finalizes it": (
        InvalidUpdate,
        lambda good: replace(good, finality=replace(good.finality, note=without(good.finality.note, 2))),
    ),
    "a spoiled vote": (
        InvalidSignature,
        lambda good: replace(
            good,
            state=replace(
                good.state,
                note=Note(
                    good.state.note.text, (*good.state.note.signatures[:-1], flipped(good.state.note.signatures[-1]))
                ),
            ),
        ),
    ),
    "another key of the log": (
        InvalidSignature,
        lambda good: replace(
            good,
            state=replace(
                good.state,
                note=Note(
                    good.state.note.text, (OTHER_LOG.sign(good.state.note.text), *good.state.note.signatures[1:])
                ),
            ),
        ),
    ),
    "no proof that the log grew": (InvalidConsistencyProof, lambda good: replace(good, path=())),
    "a false proof that the log grew": (
        InvalidConsistencyProof,
        lambda good: replace(good, path=(bytes(32), *good.path[1:])),
    ),
    "a state that finalizes another": (
        InvalidFinality,
        lambda good: replace(good, finality=NET.sealed_state(NET.finalizing_size(FIRST))),
    ),
    "the trusted checkpoint again": (InvalidUpdate, lambda _: update(NET, TRUSTED, FIRST)),
    "another network value": (
        InvalidStateProof,
        lambda good: replace(
            good, state=other_values(good.state, "balance/0", canonical.encode([[UNIT, UNIT]] + [[0, 0]] * 3))
        ),
    ),
    "a registry cut short": (
        InvalidUpdate,
        lambda good: replace(
            good, state=replace(good.state, values={**good.state.values, "registry/0": good.state.values["registry/1"]})
        ),
    ),
}


@pytest.mark.parametrize(("error", "spoil"), SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_update_is_refused(error: type[Invalid], spoil: Callable[[Update], Update]) -> None:
    with pytest.raises(Invalid) as raised:
        advance(TRUSTED, spoil(UPDATE))
    assert isinstance(raised.value, (error, InvalidStateProof))


def test_every_bit_of_what_finalizes_a_checkpoint_counts() -> None:
    """One bit of each byte of the text: refused, unreadable, or a stranger's line that is passed over."""
    text = canonical.encode(UPDATE.finality.to_json())
    for position, byte in enumerate(text):
        spoiled = text[:position] + bytes([byte ^ 1]) + text[position + 1 :]
        try:
            finality = SealedState.from_json(canonical.decode(spoiled))
            advance(TRUSTED, replace(UPDATE, finality=finality))
        except (Invalid, Malformed):
            continue
        known = {
            (key.name, key.key_id)
            for validator in TRUSTED.validators
            for keys in validator.key_sets
            for key in keys.keys
        }
        lines = {(line.name, line.key_id) for line in finality.note.signatures}
        assert len(lines & known) == 3


# Too old


def test_what_is_trusted_ages_by_the_clock() -> None:
    assert advance(TRUSTED, UPDATE, now=TRUSTED.time + 100, max_age=100).size == SECOND
    with pytest.raises(StaleTrust):
        advance(TRUSTED, UPDATE, now=TRUSTED.time + 101, max_age=100)


def test_what_is_trusted_ages_by_epochs() -> None:
    assert advance(replace(TRUSTED, period=1), UPDATE).epoch == TRUSTED.epoch + 1
    with pytest.raises(StaleTrust):
        advance(replace(TRUSTED, period=1), update(NET, TRUSTED, THIRD))


# Others vote


def test_validators_who_join_are_followed() -> None:
    net = finalized(1)
    trusted = trust(net, net.finalized[0])
    newcomer = ValidatorKeys.numbered("harbour-office", 9)
    registration = newcomer.registration()
    joining = Motion("join", 900, b"\1" * 8, registration.to_json())
    for validator in net.validators[:3]:
        net.append(Ballot(validator.ballot(joining)).encode())
    while len(trust(net, net.finalized[-1]).validators) < 5:
        finalized(1, net)
    latest = trust(net, net.finalized[-1])
    followed = advance(trusted, update(net, trusted, latest.size))
    # The moment is that of the weight which was known before.
    assert replace(followed, time=latest.time) == latest
    assert "harbour-office" in [validator.name for validator in latest.validators]


def test_new_keys_are_followed_where_old_ones_voted_for_the_state_that_names_them() -> None:
    net = finalized(1)
    trusted = trust(net, net.finalized[0])
    old = list(net.voters)
    for number, validator in enumerate(old, start=40):
        cosigner = CosignerEd25519(validator.ed25519.name, ed25519_key(number))
        keys = KeySet((cosigner.verifier_key,), to_time(net.clock), KEYS_UNTIL)
        net.append(Rotation(RotationText(NETWORK, validator.name, keys).sign(validator.governance)).encode())
        net.voters[number - 40] = dataclasses.replace(validator, ed25519=cosigner)
    rotated, net.voters = net.voters, old
    finalized(1, net)
    between = advance(trusted, update(net, trusted, net.finalized[-1]))
    net.voters = rotated
    finalized(2, net)
    last = net.finalized[-1]
    assert advance(between, update(net, between, last)).size == last
    with pytest.raises(InvalidUpdate, match="too little"):
        advance(trusted, update(net, trusted, last))


# Restarts


def restart(net: ExampleNetwork, *, votes: int = 3) -> bytes:
    """The entry after which the network goes on under its next origin."""
    signer = NoteSigner(beacon_origin(NETWORK, 1), ed25519_key(101))
    process_latest_seal(net.state)
    tree = net.state.tree
    content: dict[str, JSON] = {"key": str(signer.verifier_key), "root": to_base64(tree.root()), "size": tree.size}
    moved = Motion("restart", 900, b"\7" * 8, content)
    entry = Restart(tuple(validator.ballot(moved) for validator in net.validators[:votes])).encode()
    net.append(entry)
    net.beacon_signer = signer
    net.restart_log()
    return entry


def restarted_network() -> tuple[ExampleNetwork, TrustedCheckpoint, Update]:
    net = finalized(1)
    trusted = trust(net, net.finalized[0])
    index, entry = net.store.head().next_index, restart(net)
    while net.finalized[-1] <= index:
        net.seal()
    finalized(1, net)
    size = net.finalized[-1]
    proof = RestartProof(entry, tuple(net.log.inclusion_proof(index, size)))
    return net, trusted, update(net, trusted, size, proof)


RESTARTED, BEFORE, ACROSS = restarted_network()


def test_a_restart_is_followed_to_the_next_origin_and_key() -> None:
    after = advance(BEFORE, ACROSS)
    assert (after.log_key.name, after.restarts) == (f"{NETWORK}/beacon-1", 1)
    later = finalized(1, RESTARTED).finalized[-1]
    assert advance(after, update(RESTARTED, after, later)).size == later


def spoiled_restart(**changes: object) -> Update:
    (proof,) = ACROSS.restarts
    return replace(ACROSS, restarts=(replace(proof, **changes),))  # type: ignore[arg-type]


def ballots_of(motion_changes: dict[str, JSON], *, votes: int = 3) -> bytes:
    entry = parse_entry(ACROSS.restarts[0].entry)
    assert isinstance(entry, Restart)
    motion = entry.ballots[0].motion
    other = replace(motion, content={**motion.content, **motion_changes})
    return Restart(tuple(validator.ballot(other) for validator in RESTARTED.validators[:votes])).encode()


def test_a_log_that_goes_on_under_another_origin_is_not_followed_without_its_restart() -> None:
    with pytest.raises(InvalidUpdate, match="another log"):
        advance(BEFORE, replace(ACROSS, restarts=()))


@pytest.mark.parametrize(
    ("error", "spoiled"),
    [
        (InvalidInclusionProof, lambda: spoiled_restart(path=())),
        (InvalidInclusionProof, lambda: spoiled_restart(entry=ballots_of({}, votes=4))),
        (InvalidInclusionProof, lambda: spoiled_restart(entry=ballots_of({}, votes=2))),
        (InvalidInclusionProof, lambda: spoiled_restart(entry=ballots_of({"root": to_base64(bytes(32))}))),
        (InvalidUpdate, lambda: spoiled_restart(entry=ballots_of({"size": BEFORE.size - 1}))),
        (InvalidUpdate, lambda: spoiled_restart(entry=ballots_of({"size": BEFORE.size, "root": to_base64(bytes(32))}))),
        (InvalidUpdate, lambda: spoiled_restart(entry=ballots_of({"key": str(OTHER_LOG.verifier_key)}))),
        (MalformedBundle, lambda: spoiled_restart(entry=RESTARTED.genesis.encode())),
    ],
    ids=[
        "nowhere in the log",
        "more ballots than stand there",
        "fewer ballots than stand there",
        "another root",
        "a tree before the final one",
        "another tree of the final size",
        "the same origin again",
        "no restart",
    ],
)
def test_a_restart_that_is_not_proven_is_not_followed(
    error: type[AuditChainError], spoiled: Callable[[], Update]
) -> None:
    with pytest.raises(error):
        advance(BEFORE, spoiled())


def test_a_restart_takes_two_thirds_of_the_weight_that_is_known() -> None:
    heavy = replace(BEFORE.validators[3], weight=5 * BEFORE.validators[3].weight)
    with pytest.raises(InvalidUpdate, match="too few voted to restart"):
        advance(replace(BEFORE, validators=(*BEFORE.validators[:3], heavy)), ACROSS)


def test_a_ballot_that_another_hand_signed_does_not_restart_a_log() -> None:
    strange = replace(BEFORE.validators[0], governance=BEFORE.validators[1].governance)
    with pytest.raises(InvalidSignature):
        advance(replace(BEFORE, validators=(strange, *BEFORE.validators[1:])), ACROSS)
