"""Casper agrees with the executable consensus specs, phase 0, on random histories. `make soak` runs all of them."""

from random import Random

import pytest
from eth_consensus_specs.phase0 import minimal as spec

from audit_chain.beacon.casper import accessors, attesting
from audit_chain.beacon.casper.containers import AttestationData, Checkpoint, Validator
from audit_chain.beacon.casper.finality import weigh_justification_and_finalization
from audit_chain.beacon.casper.presets import MINIMAL, Preset
from audit_chain.beacon.casper.registry import process_effective_balance_updates
from audit_chain.beacon.casper.rewards import get_attestation_deltas, get_base_reward
from audit_chain.beacon.casper.shuffling import compute_shuffled_index, compute_shuffled_list
from audit_chain.beacon.casper.weak_subjectivity import compute_weak_subjectivity_period
from audit_chain.errors import InvalidAttestation
from tests.core.casper_cast import HARSH, PROPOSER, UNIT, Twins, histories, root, seeds, told, twin_epoch


@pytest.fixture(autouse=True)
def _no_proposer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "get_beacon_proposer_index", lambda state: spec.ValidatorIndex(PROPOSER))
    monkeypatch.setattr(spec.bls, "bls_active", False)


@pytest.fixture(params=[MINIMAL, HARSH], ids=lambda preset: preset.name)
def preset(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Preset:
    """The specs reckon with the same numbers as we do."""
    for name in ("inactivity_penalty_quotient", "min_slashing_penalty_quotient", "proportional_slashing_multiplier"):
        monkeypatch.setattr(spec, name.upper(), spec.Uint64(getattr(request.param, name)))
    return request.param


def test_the_minimal_preset_is_the_specs_own() -> None:
    elsewhere = {"name", "max_epochs_per_crosslink"}
    for name in set(Preset.__slots__) - elsewhere:
        theirs = getattr(spec, name.upper(), None) or getattr(spec.config, name.upper())
        assert getattr(MINIMAL, name) == theirs, name


@seeds(30, soak=1030)
def test_histories_end_in_the_same_state_epoch_by_epoch(numbers: range, preset: Preset) -> None:
    for number, random in histories(numbers):
        with told(number):
            twins = Twins(random, preset)
            twins.check()
            for _ in range(random.randint(2, 6)):
                twins.live_one_epoch()
                twins.check()


@seeds(20, soak=1020)
def test_votes_earn_and_cost_the_same(numbers: range, preset: Preset) -> None:
    for number, random in histories(numbers):
        with told(number):
            twins = Twins(random, preset)
            rewards, penalties = spec.get_attestation_deltas(twins.theirs)
            assert get_attestation_deltas(twins.ours) == (
                [int(reward) for reward in rewards][PROPOSER + 1 :],
                [int(penalty) for penalty in penalties][PROPOSER + 1 :],
            )
            for index in range(len(twins.ours.validators)):
                assert get_base_reward(twins.ours, index) == spec.get_base_reward(twins.theirs, index + 1)


@seeds(50, soak=1050, batch=250)
def test_effective_balances_follow_alike(numbers: range) -> None:
    for number, random in histories(numbers):
        with told(number):
            twins = Twins(random, MINIMAL)
            process_effective_balance_updates(twins.ours)
            spec.process_effective_balance_updates(twins.theirs)
            twins.check()


@seeds(100, soak=1100, batch=500)
def test_the_same_epochs_become_justified_and_finalized(numbers: range) -> None:
    for number, random in histories(numbers):
        with told(number):
            twins = Twins(random, MINIMAL)
            twins.ours.slot = twins.theirs.slot = twins.ours.slot + MINIMAL.slots_per_epoch - 1
            for _ in range(10):
                twins.mark_anew()
                total = random.choice([3, 6, 9, random.randint(1, 99)]) * UNIT
                edge = total * 2 // 3
                previous, current = (random.choice([0, edge - 1, edge, edge + 1, total]) for _ in range(2))
                weigh_justification_and_finalization(twins.ours, total, previous, current)
                spec.weigh_justification_and_finalization(twins.theirs, total, previous, current)
                twins.check()


@seeds(100, soak=1100, batch=500)
def test_the_same_two_votes_are_slashable(numbers: range) -> None:
    found = set()
    for number, random in histories(numbers):
        with told(number):
            ours = [random_vote(random), random_vote(random)]
            if random.random() < 0.1:
                ours[1] = ours[0]
            theirs = [twin_vote(vote) for vote in ours]
            slashable = attesting.is_slashable_attestation_data(*ours)
            assert slashable == spec.is_slashable_attestation_data(*theirs)
            found.add(slashable)
    assert found == {True, False}


def random_vote(random: Random) -> AttestationData:
    source, target = random.randint(0, 4), random.randint(0, 5)
    return AttestationData(
        Checkpoint(source, root(source)), Checkpoint(target, root(target, random.choice(["one", "two"])))
    )


def twin_vote(data: AttestationData, slot: int = 0) -> spec.AttestationData:
    source, target = (spec.Checkpoint(epoch=each.epoch, root=each.root) for each in (data.source, data.target))
    return spec.AttestationData(slot=slot, source=source, target=target)


@seeds(100, soak=1100, batch=500)
def test_the_same_validators_are_active_and_slashable(numbers: range) -> None:
    for number, random in histories(numbers):
        with told(number):
            activation, exiting, withdrawable = sorted(random.randint(0, 6) for _ in range(3))
            ours = Validator(32 * UNIT, 32 * UNIT, activation, exiting, withdrawable, random.random() < 0.3)
            theirs = spec.Validator(
                activation_epoch=twin_epoch(ours.activation_epoch),
                exit_epoch=twin_epoch(ours.exit_epoch),
                withdrawable_epoch=twin_epoch(ours.withdrawable_epoch),
                slashed=ours.slashed,
            )
            epoch = random.randint(0, 6)
            assert accessors.is_active_validator(ours, epoch) == spec.is_active_validator(theirs, epoch)
            assert accessors.is_slashable_validator(ours, epoch) == spec.is_slashable_validator(theirs, epoch)


@seeds(100, soak=1100, batch=500)
def test_lists_are_shuffled_alike(numbers: range) -> None:
    for number, random in histories(numbers):
        with told(number):
            seed, count = random.randbytes(32), random.choice([1, 2, 3, 255, 256, 257, random.randint(1, 600)])
            theirs = [int(place) for place in spec.compute_shuffled_permutation(count, spec.Bytes32(seed))]
            assert compute_shuffled_list(range(count), seed, MINIMAL.shuffle_round_count) == theirs
            place = random.randrange(count)
            assert compute_shuffled_index(place, count, seed, MINIMAL.shuffle_round_count) == theirs[place]
            assert spec.compute_shuffled_index(place, count, spec.Bytes32(seed)) == theirs[place]


@seeds(20, soak=1020, batch=250)
def test_state_is_read_alike(numbers: range) -> None:
    for number, random in histories(numbers):
        with told(number):
            twins = Twins(random, MINIMAL)
            ours, theirs, epoch = twins.ours, twins.theirs, twins.epoch
            indices = random.sample(range(len(ours.validators)), random.randint(0, len(ours.validators)))
            shifted = {spec.ValidatorIndex(index + 1) for index in indices}
            active = spec.get_active_validator_indices(theirs, spec.Epoch(epoch))
            seed = spec.get_seed(theirs, spec.Epoch(epoch), spec.DOMAIN_BEACON_ATTESTER)
            count = random.randint(1, 5)
            position = random.randrange(accessors.get_committee_count(ours, epoch, count))
            committee = spec.compute_committee(
                active, seed, position, accessors.get_committee_count(ours, epoch, count)
            )
            assert accessors.get_current_epoch(ours) == spec.get_current_epoch(theirs)
            assert accessors.get_previous_epoch(ours) == spec.get_previous_epoch(theirs)
            assert accessors.get_active_validator_indices(ours, epoch) == [int(index) - 1 for index in active]
            assert accessors.get_total_balance(ours, indices) == spec.get_total_balance(theirs, shifted)
            assert accessors.get_total_active_balance(ours) == spec.get_total_active_balance(theirs)
            assert accessors.get_validator_churn_limit(ours) == spec.get_validator_churn_limit(theirs)
            assert accessors.get_seed(ours, epoch) == seed
            assert accessors.get_crosslink_committee(ours, epoch, position, count) == [
                int(index) - 1 for index in committee
            ]
            if active:
                assert compute_weak_subjectivity_period(ours) == spec.compute_weak_subjectivity_period(theirs)


@seeds(20, soak=1020, batch=250)
def test_votes_are_let_in_alike(numbers: range) -> None:
    for number, random in histories(numbers):
        with told(number):
            twins = Twins(random, MINIMAL)
            twins.ours.slot = twins.theirs.slot = twins.ours.slot + random.randint(1, 7)
            slot = max(0, twins.ours.slot - random.randint(1, 8))
            target = slot // MINIMAL.slots_per_epoch
            justified = [twins.ours.previous_justified_checkpoint, twins.ours.current_justified_checkpoint]
            source = random.choice([*justified, Checkpoint(justified[0].epoch, root("other"))])
            data = AttestationData(source, Checkpoint(target, twins.ours.boundary_roots[target]))
            theirs = twin_vote(data, slot)
            committee = spec.get_beacon_committee(twins.theirs, spec.Slot(slot), spec.CommitteeIndex(0))
            attestation = spec.Attestation(aggregation_bits=[True] * len(committee), data=theirs)
            if not committee:
                continue
            assert lets_in(attesting.process_attestation_data, twins.ours, data, InvalidAttestation) == lets_in(
                spec.process_attestation, twins.theirs, attestation, AssertionError
            )


def lets_in(process, state, vote, refusal: type[Exception]) -> bool:
    try:
        process(state, vote)
    except refusal:
        return False
    return True
