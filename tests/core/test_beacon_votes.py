from collections.abc import Callable
from dataclasses import replace

import pytest

from audit_chain.beacon.casper.containers import Checkpoint
from audit_chain.beacon.entries import Attestation, Crosslink
from audit_chain.beacon.state import State, get_committee, get_crosslink, get_next_index, get_pool
from audit_chain.beacon.transition import process_entry, process_latest_seal
from audit_chain.beacon.votes import Vote
from audit_chain.errors import InvalidAttestation, InvalidCrosslink, InvalidEntry, UnknownValidator, WrongParent
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.store import Seal
from audit_chain.statemap.map import StateMap
from audit_chain.testing import SUPPLIER, ExampleNetwork, ValidatorKeys, record_key

DIGEST = b"\xab" * 32


@pytest.fixture
def net() -> ExampleNetwork:
    """A network whose validators do not vote by themselves, at the first boundary of epoch 3."""
    network = ExampleNetwork()
    voters, network.voters = network.voters, []
    while network.epoch < 3:
        network.seal()
    boundary(network)
    network.validators = voters
    return network


def boundary(net: ExampleNetwork) -> Seal:
    """The block that begins an epoch; the state stands in its second slot."""
    seal = net.seal()
    assert net.state.casper.slot % net.slots_per_epoch == 1
    return seal


def vote(net: ExampleNetwork, seal: Seal, *places: int, time: int | None = None) -> Attestation:
    """Votes of the validators at these places for the boundary that the seal ends."""
    text = LogCheckpoint(net.beacon_signer.name, seal.size, seal.root).text()
    votes = [
        Vote(place, net.validators[place].ed25519.cosign(text, net.clock if time is None else time).blob)
        for place in places
    ]
    epoch = (net.state.casper.slot - 1) // net.slots_per_epoch
    return Attestation(epoch, seal.size, seal.root, tuple(votes))


def latest(net: ExampleNetwork) -> Seal:
    seal = net.store.latest_seal()
    assert seal is not None
    return seal


def take(state: State, entry: Attestation | Crosslink) -> None:
    process_entry(state, entry.encode(), get_next_index(state))


def refuses(net: ExampleNetwork, entry: Attestation | Crosslink, error: type[InvalidEntry]) -> None:
    process_latest_seal(net.state)
    before = net.state.tree.root(), net.state.root()
    with pytest.raises(error):
        take(net.state, entry)
    assert (net.state.tree.root(), net.state.root()) == before


def test_votes_of_two_thirds_justify_an_epoch_at_its_end(net: ExampleNetwork) -> None:
    seal = latest(net)
    net.append(vote(net, seal, 0, 1, 2).encode())
    assert net.state.casper.current_justified_checkpoint.epoch == 0
    net.seal()
    assert net.state.casper.current_justified_checkpoint == Checkpoint(net.epoch - 1, seal.root)


def test_votes_of_half_justify_nothing(net: ExampleNetwork) -> None:
    net.append(vote(net, latest(net), 0, 1).encode())
    net.seal()
    assert net.state.casper.current_justified_checkpoint.epoch == 0


def test_an_epoch_is_final_once_the_next_is_justified_from_it(net: ExampleNetwork) -> None:
    first = latest(net)
    net.append(vote(net, first, 0, 1, 2).encode())
    net.seal()
    second = boundary(net)
    assert net.state.casper.finalized_checkpoint.epoch == 0
    net.append(vote(net, second, 1, 2, 3).encode())
    net.seal()
    assert net.state.casper.finalized_checkpoint.root == first.root


def test_late_votes_justify_in_the_next_epoch(net: ExampleNetwork) -> None:
    seal = latest(net)
    late = vote(net, seal, 0, 1, 2)
    net.seal()
    boundary(net)
    net.append(late.encode())
    net.seal()
    assert net.state.casper.current_justified_checkpoint.root == seal.root


def test_votes_may_come_in_several_entries(net: ExampleNetwork) -> None:
    seal = latest(net)
    for place in range(3):
        net.append(vote(net, seal, place).encode())
    net.seal()
    assert net.state.casper.current_justified_checkpoint.root == seal.root


def spoiled_votes() -> dict[str, tuple[Callable[[ExampleNetwork, Attestation], Attestation], type[InvalidEntry]]]:
    def with_vote(change: Callable[[Vote], Vote]) -> Callable[[ExampleNetwork, Attestation], Attestation]:
        return lambda net, votes: replace(votes, votes=(change(votes.votes[0]), *votes.votes[1:]))

    return {
        "for another root": (lambda net, votes: replace(votes, root=b"\1" * 32), InvalidAttestation),
        "for another size": (lambda net, votes: replace(votes, size=votes.size - 1), InvalidAttestation),
        "for an epoch long gone": (lambda net, votes: replace(votes, epoch=1), InvalidAttestation),
        "for an epoch to come": (lambda net, votes: replace(votes, epoch=votes.epoch + 1), InvalidAttestation),
        "with a bit flipped": (
            with_vote(lambda one: replace(one, blob=one.blob[:-1] + bytes([one.blob[-1] ^ 1]))),
            InvalidAttestation,
        ),
        "dated otherwise": (
            with_vote(lambda one: replace(one, blob=(one.timestamp + 1).to_bytes(8, "big") + one.blob[8:])),
            InvalidAttestation,
        ),
        "of another validator": (
            lambda net, votes: replace(votes, votes=(replace(votes.votes[0], validator=1),)),
            InvalidAttestation,
        ),
        "of nobody": (
            lambda net, votes: replace(votes, votes=(replace(votes.votes[0], validator=99),)),
            UnknownValidator,
        ),
        "before the key was valid": (lambda net, votes: vote(net, latest(net), 0, time=1), InvalidAttestation),
        "after the key was valid": (lambda net, votes: vote(net, latest(net), 0, time=2**32), InvalidAttestation),
        "by a stranger": (
            lambda net, votes: replace(
                votes,
                votes=(
                    Vote(
                        0,
                        ValidatorKeys.numbered("meridian-bank", 77)
                        .ed25519.cosign(LogCheckpoint(net.beacon_signer.name, votes.size, votes.root).text(), net.clock)
                        .blob,
                    ),
                ),
            ),
            InvalidAttestation,
        ),
    }


@pytest.mark.parametrize(("spoil", "error"), spoiled_votes().values(), ids=spoiled_votes().keys())
def test_a_spoiled_vote_is_refused(
    net: ExampleNetwork, spoil: Callable[[ExampleNetwork, Attestation], Attestation], error: type[InvalidEntry]
) -> None:
    votes = vote(net, latest(net), 0, 2, 3)
    refuses(net, spoil(net, votes), error)
    net.append(votes.encode())


def test_a_vote_counts_once(net: ExampleNetwork) -> None:
    seal = latest(net)
    net.append(vote(net, seal, 0, 1).encode())
    refuses(net, vote(net, seal, 0), InvalidAttestation)
    refuses(net, vote(net, seal, 1, 2, time=net.clock + 5), InvalidAttestation)
    net.append(vote(net, seal, 2).encode())


def test_a_validator_that_left_does_not_vote(net: ExampleNetwork) -> None:
    net.state.casper.validators[2].exit_epoch = net.state.casper.slot // net.slots_per_epoch
    refuses(net, vote(net, latest(net), 2), InvalidAttestation)


def test_an_idle_network_finalizes_its_last_entry_in_few_blocks() -> None:
    net = ExampleNetwork()
    net.finalize(get_next_index(net.state) - 1)
    index = net.append(net.deposit(DIGEST).encode())
    slot = net.state.casper.slot
    net.finalize(index)
    assert net.state.casper.slot - slot <= 3 * net.slots_per_epoch


@pytest.mark.parametrize("preset", ["minimal", "consortium", "scale"])
def test_every_preset_finalizes(preset: str) -> None:
    net = ExampleNetwork(preset=preset)
    index = net.append(net.deposit(DIGEST).encode())
    assert net.finalize(index) > index


def test_three_of_four_voters_finalize_and_two_do_not() -> None:
    net = ExampleNetwork()
    net.voters = net.validators[:3]
    net.finalize(net.append(net.deposit(DIGEST).encode()))
    net.voters = net.validators[:2]
    before = net.finalized[-1]
    for _ in range(10 * net.slots_per_epoch):
        net.seal()
    assert net.finalized[-1] <= before + 20


def test_a_chain_that_lost_half_of_its_weight_finalizes_again() -> None:
    net = ExampleNetwork()
    net.state.casper.preset = replace(net.state.casper.preset, inactivity_penalty_quotient=2**10)
    net.finalize(0)
    net.voters = net.validators[:2]
    stalled = net.finalized[-1]
    for _ in range(200 * net.slots_per_epoch):
        net.seal()
        if net.finalized[-1] > stalled + 50:
            break
    weights = [validator.effective_balance for validator in net.state.casper.validators]
    assert weights[0] > 2 * weights[3] - 2 * 10**9
    assert net.finalized[-1] > stalled + 50


# Committees


def many(count: int = 12) -> ExampleNetwork:
    """A network of the minimal preset, whose committees have four members."""
    return ExampleNetwork([f"validator-{number}" for number in range(count)], preset="minimal")


def test_a_crosslink_is_cosigned_by_the_committee_of_its_epoch() -> None:
    net = many()
    process_latest_seal(net.state)
    net.state["pools"] = 3  # so that there are three committees
    committee = get_committee(net.state, SUPPLIER, net.epoch)
    assert len(committee) == 4
    names = {validator.name for validator in committee}
    members = [validator for validator in net.validators if validator.name in names]
    others = [validator for validator in net.validators if validator.name not in names]
    net.pool.add({"kind": "order"}, key=record_key(1))
    note = net.pool.seal(net.clock)
    refuses(net, net.crosslink(net.cosign(note, validators=others)), InvalidCrosslink)
    take(net.state, net.crosslink(net.cosign(note, validators=members[:3])))


def test_an_earlier_epochs_committee_may_still_have_cosigned_but_not_one_long_gone() -> None:
    net = many()
    net.pool.add({"kind": "order"}, key=record_key(1))
    note = net.cosign(net.pool.seal(net.clock))
    crosslink = net.crosslink(note)
    allowed = net.state.casper.preset.max_epochs_per_crosslink
    while net.epoch < allowed:
        net.seal()
    before = StateMap(net.states.copy())
    take(State(before), crosslink)
    while net.epoch <= allowed:
        net.seal()
    refuses(net, crosslink, InvalidCrosslink)


def test_committees_of_an_epoch_part_the_validators() -> None:
    net = many()
    state = net.state
    process_latest_seal(state)
    state["pools"] = 3
    pool = get_pool(state, SUPPLIER)
    seated = []
    for position in range(3):
        state[f"pool/{SUPPLIER}"] = replace(pool, position=position).to_json()
        seated += [validator.index for validator in get_committee(state, SUPPLIER, 0)]
    assert sorted(seated) == list(range(12))


# The names of consensus-specs v0.8.3, test/phase_0/epoch_processing/test_process_crosslinks.py


def crosslinked(net: ExampleNetwork) -> int:
    """Size of the pool's current crosslink."""
    return get_crosslink(net.state, SUPPLIER).size


def cosigned(net: ExampleNetwork) -> Crosslink:
    """A crosslink of the grown pool, cosigned by the committee of the current epoch."""
    net.pool.add({"kind": "order"}, key=record_key(1))
    return net.crosslink(net.cosign(net.pool.seal(net.clock)))


def test_no_attestations(net: ExampleNetwork) -> None:
    net.pool.add({"kind": "order"}, key=record_key(1))
    refuses(net, net.crosslink(net.pool.seal(net.clock)), InvalidCrosslink)
    assert crosslinked(net) == 0


def test_single_crosslink_update_from_current_epoch(net: ExampleNetwork) -> None:
    crosslink = cosigned(net)
    assert crosslink.epoch == net.epoch
    take(net.state, crosslink)
    assert crosslinked(net) == crosslink.checkpoint.size


def test_single_crosslink_update_from_previous_epoch(net: ExampleNetwork) -> None:
    crosslink = cosigned(net)
    net.seal()
    boundary(net)
    assert crosslink.epoch == net.epoch - 1
    take(net.state, crosslink)
    assert crosslinked(net) == crosslink.checkpoint.size


def test_double_late_crosslink(net: ExampleNetwork) -> None:
    """Two from one epoch come late, and both follow the same crosslink: the first is taken, the other is not."""
    first, second = cosigned(net), cosigned(net)
    assert first.parent == second.parent
    for _ in range(2):
        net.seal()
        boundary(net)
    take(net.state, first)
    refuses(net, second, WrongParent)
    assert crosslinked(net) == first.checkpoint.size
