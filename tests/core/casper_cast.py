"""Casper's own states for tests, and twins of them that the executable consensus specs move on."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest
from eth_consensus_specs.phase0 import minimal as spec

from audit_chain.beacon.casper.attesting import record_votes
from audit_chain.beacon.casper.containers import (
    FAR_FUTURE_EPOCH,
    GENESIS_CHECKPOINT,
    CasperState,
    Checkpoint,
    Validator,
)
from audit_chain.beacon.casper.epoch import process_slot_advance
from audit_chain.beacon.casper.genesis import initialize
from audit_chain.beacon.casper.presets import MINIMAL, Preset
from audit_chain.beacon.casper.registry import add_validator, initiate_validator_exit
from audit_chain.beacon.casper.slashing import slash_validator

UNIT = MINIMAL.effective_balance_increment
SEED = sha256(b"casper").digest()

HARSH = replace(
    MINIMAL,
    name="harsh",
    inactivity_penalty_quotient=2**12,
    min_slashing_penalty_quotient=32,
    proportional_slashing_multiplier=3,
)
"""As minimal, with penalties that move weights and eject validators within a few epochs."""


def root(*names: object) -> bytes:
    """A root for each name."""
    return sha256(repr(names).encode()).digest()


def seeds(sample: int, soak: int, batch: int = 50) -> pytest.MarkDecorator:
    """Ranges of seeds as the parameter `numbers`: the first ones for every run, those up to `soak` for `make soak`."""
    batches = [range(start, min(start + batch, soak)) for start in range(sample, soak, batch)]
    soaked = [pytest.param(numbers, marks=pytest.mark.soak) for numbers in batches]
    return pytest.mark.parametrize(
        "numbers", [range(sample), *soaked], ids=lambda numbers: f"{numbers[0]}-{numbers[-1]}"
    )


def histories(numbers: range) -> Iterator[tuple[int, Random]]:
    """Each number with what it lets happen."""
    for number in numbers:
        yield number, Random(number)


@contextmanager
def told(number: int) -> Iterator[None]:
    """Tells the seed of the history that failed."""
    try:
        yield
    except Exception as error:
        error.add_note(f"history from seed {number}")
        raise


def network(*weights: int, preset: Preset = MINIMAL, epoch: int = 0) -> CasperState:
    """A state at the end of that epoch, with a boundary root for it and the one before."""
    state = initialize(preset, weights or [32] * 4, SEED)
    state.slot = (epoch + 1) * preset.slots_per_epoch - 1
    state.boundary_roots = {each: root(each) for each in {max(epoch - 1, 0), epoch}}
    return state


def end_epoch(state: CasperState, voters: Collection[int] = ()) -> None:
    """Lets those vote for the current epoch's target, ends the epoch, and seals the next one's boundary."""
    epoch = state.slot // state.preset.slots_per_epoch
    record_votes(state, epoch, voters)
    while state.slot // state.preset.slots_per_epoch == epoch:
        process_slot_advance(state)
    state.boundary_roots[epoch + 1] = root(epoch + 1)


# The twin's first validator is never active: it stands in for the proposer, so that what phase 0 pays to proposers goes
# to nobody. Everybody else is one place further than in our state.

PROPOSER = 0


class Twins:
    """One history, told to our state and to the specs' state. `check` compares them."""

    def __init__(self, random: Random, preset: Preset) -> None:
        self.random = random
        self.preset = preset
        self.epoch = random.choice([0, 1, 2, random.randint(3, 9), random.randint(3, 9), random.randint(10, 400)])
        self.ours = self.random_state()
        self.theirs = twin(self.ours)
        self.mark_anew()
        self.seal_boundary(self.epoch)
        if self.epoch > 0:
            self.seal_boundary(self.epoch - 1)
            self.vote(self.epoch - 1)

    # What the history begins with

    def random_state(self) -> CasperState:
        random, epoch = self.random, self.epoch
        count = random.choice([3, 6, 9, 12, random.randint(4, 24)])
        alike = random.random() < 0.3
        state = initialize(self.preset, [32] * count, SEED)
        state.slot = epoch * self.preset.slots_per_epoch
        state.randao_mixes = [random.randbytes(32) for _ in state.randao_mixes]
        state.slashings = [random.choice([0] * 9 + [random.randint(1, 64) * UNIT]) for _ in state.slashings]
        if not alike:
            state.validators = [self.random_validator() for _ in range(count)]
            state.balances = [self.random_balance(validator) for validator in state.validators]
        return state

    def mark_anew(self) -> None:
        """Sets what is justified and finalized in both states."""
        random, epoch = self.random, self.epoch
        if epoch < 2:
            return
        bits = [random.random() < 0.6 for _ in range(4)]
        epochs = sorted(max(0, epoch - random.choice([1, 2, 3, 4, 5, 9, 60])) for _ in range(3))
        marks = [Checkpoint(each, root("justified", each)) if each else GENESIS_CHECKPOINT for each in epochs]
        names = ("finalized_checkpoint", "previous_justified_checkpoint", "current_justified_checkpoint")
        self.ours.justification_bits = self.theirs.justification_bits = bits
        for name, mark in zip(names, marks, strict=True):
            setattr(self.ours, name, mark)
            setattr(self.theirs, name, spec.Checkpoint(epoch=mark.epoch, root=mark.root))

    def random_validator(self) -> Validator:
        random, epoch = self.random, self.epoch
        units = random.choice([32, 32, random.randint(18, 31), 17, 16])
        validator = Validator(units * UNIT, 32 * UNIT)
        kind = random.choice(["active"] * 6 + ["leaving", "slashed", "joining"])
        if kind in ("leaving", "slashed"):
            validator.exit_epoch = max(1, epoch + random.randint(-3, 8))
            validator.withdrawable_epoch = validator.exit_epoch + self.preset.min_validator_withdrawability_delay
        if kind == "slashed":
            validator.slashed = True
            # Half of them pay their second part within the history.
            half = self.preset.epochs_per_slashings_vector // 2
            validator.withdrawable_epoch = epoch + random.choice([half, 0]) + random.randint(0, 5)
        if kind == "joining":
            validator.activation_epoch = max(0, epoch + random.randint(-1, 6))
        return validator

    def random_balance(self, validator: Validator) -> int:
        """At the edges of the hysteresis, near nothing, or anywhere around the effective balance."""
        random, edges = self.random, [-UNIT // 4, 5 * UNIT // 4, -16 * UNIT, 0]
        if random.random() < 0.1:
            return random.randint(0, UNIT // 200)
        change = random.choice([0, random.choice(edges) + random.randint(-1, 1), random.randint(-UNIT, 2 * UNIT)])
        return max(0, validator.effective_balance + change)

    # What happens in it

    def live_one_epoch(self) -> None:
        random = self.random
        self.vote(self.epoch)
        if self.epoch > 0 and random.random() < 0.4:
            self.vote(self.epoch - 1)  # Late votes, included only now.
        for _ in range(random.choice([0, 0, 1, 3])):
            self.slash()
        for _ in range(random.choice([0, 0, 1, 4])):
            self.leave()
        if random.random() < 0.2:
            self.join()
        self.end_epoch()

    def vote(self, epoch: int) -> None:
        """Part of those who may vote and have not does so, in both states."""
        state, random = self.ours, self.random
        is_current = epoch == state.slot // self.preset.slots_per_epoch
        participation = state.current_epoch_participation if is_current else state.previous_epoch_participation
        able = [
            index
            for index, validator in enumerate(state.validators)
            if validator.activation_epoch <= epoch < validator.exit_epoch and not participation[index]
        ]
        share = random.choice([0.0, 0.4, 0.6, 2 / 3, 2 / 3, 0.8, 1.0, 1.0])
        voters = random.sample(able, min(len(able), round(len(able) * share) + random.choice([0, 0, 0, 1])))
        record_votes(state, epoch, voters)
        pending = pending_attestations(self.theirs, epoch, {index + 1 for index in voters}, random)
        theirs = self.theirs.current_epoch_attestations if is_current else self.theirs.previous_epoch_attestations
        for attestation in pending:
            theirs.append(attestation)

    def slash(self) -> None:
        random, state = self.random, self.ours
        able = [
            index
            for index, validator in enumerate(state.validators)
            if not validator.slashed and validator.activation_epoch <= self.epoch < validator.withdrawable_epoch
        ]
        if not able:
            return
        index = random.choice(able)
        whistleblower = random.choice([None, random.randrange(len(state.validators))])
        slash_validator(state, index, whistleblower)
        before = self.theirs.balances[PROPOSER]
        spec.slash_validator(self.theirs, index + 1, None if whistleblower is None else whistleblower + 1)
        if whistleblower is not None:
            share = self.theirs.balances[PROPOSER] - before
            spec.increase_balance(self.theirs, whistleblower + 1, share)  # The whole reward to who told.

    def leave(self) -> None:
        index = self.random.randrange(len(self.ours.validators))
        initiate_validator_exit(self.ours, index)
        spec.initiate_validator_exit(self.theirs, index + 1)

    def join(self) -> None:
        add_validator(self.ours, 32)
        activation_epoch = spec.compute_activation_exit_epoch(spec.get_current_epoch(self.theirs))
        add_twin(self.theirs, Validator(32 * UNIT, 32 * UNIT, activation_epoch), 32 * UNIT)

    def end_epoch(self) -> None:
        last_slot = (self.epoch + 1) * self.preset.slots_per_epoch - 1
        self.ours.slot = last_slot
        process_slot_advance(self.ours)
        self.theirs.slot = last_slot
        spec.process_epoch(self.theirs)
        self.theirs.slot += 1
        self.epoch += 1
        self.seal_boundary(self.epoch)

    def seal_boundary(self, epoch: int) -> None:
        first = epoch * self.preset.slots_per_epoch
        for slot in range(first, first + self.preset.slots_per_epoch):
            self.theirs.block_roots[slot % spec.SLOTS_PER_HISTORICAL_ROOT] = root("slot", slot)
        self.ours.boundary_roots[epoch] = root("slot", first)

    def check(self) -> None:
        ours, theirs = our_facts(self.ours), their_facts(self.theirs)
        different = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
        assert not different, f"at the beginning of epoch {self.epoch}: ours and theirs differ in {different}"


def twin(state: CasperState) -> spec.BeaconState:
    """The same state as the specs have it."""
    theirs = spec.BeaconState(
        slot=state.slot,
        slashings=state.slashings,
        randao_mixes=state.randao_mixes,
    )
    add_twin(theirs, Validator(0, 0, FAR_FUTURE_EPOCH), 0)
    for validator, balance in zip(state.validators, state.balances, strict=True):
        add_twin(theirs, validator, balance)
    return theirs


def add_twin(theirs: spec.BeaconState, validator: Validator, balance: int) -> None:
    theirs.validators.append(
        spec.Validator(
            effective_balance=validator.effective_balance,
            slashed=validator.slashed,
            activation_eligibility_epoch=twin_epoch(validator.activation_epoch),  # Never, for the proposer.
            activation_epoch=twin_epoch(validator.activation_epoch),
            exit_epoch=twin_epoch(validator.exit_epoch),
            withdrawable_epoch=twin_epoch(validator.withdrawable_epoch),
        )
    )
    theirs.balances.append(balance)


def twin_epoch(epoch: int) -> int:
    return spec.FAR_FUTURE_EPOCH if epoch == FAR_FUTURE_EPOCH else epoch


def our_epoch(epoch: int) -> int:
    return FAR_FUTURE_EPOCH if epoch == spec.FAR_FUTURE_EPOCH else int(epoch)


def pending_attestations(
    theirs: spec.BeaconState, epoch: int, voters: Collection[int], random: Random
) -> Iterator[spec.PendingAttestation]:
    """The voters' attestations, committee by committee, some in two overlapping aggregates."""
    first = spec.compute_start_slot_at_epoch(spec.Epoch(epoch))
    target = spec.Checkpoint(epoch=epoch, root=block_root(theirs, first))
    for slot in range(first, first + spec.SLOTS_PER_EPOCH):
        for number in range(spec.get_committee_count_per_slot(theirs, spec.Epoch(epoch))):
            committee = spec.get_beacon_committee(theirs, spec.Slot(slot), spec.CommitteeIndex(number))
            bits = [index in voters for index in committee]
            for _ in range(random.choice([1, 1, 1, 2]) if any(bits) else 0):
                yield spec.PendingAttestation(
                    aggregation_bits=bits,
                    data=spec.AttestationData(
                        slot=slot,
                        index=number,
                        beacon_block_root=block_root(theirs, slot),
                        target=target,
                    ),
                    inclusion_delay=1,
                    proposer_index=PROPOSER,
                )


def block_root(theirs: spec.BeaconState, slot: int) -> bytes:
    return theirs.block_roots[slot % spec.SLOTS_PER_HISTORICAL_ROOT]


def our_facts(state: CasperState) -> dict[str, object]:
    return {
        "slot": state.slot,
        "bits": state.justification_bits,
        "previous justified": state.previous_justified_checkpoint,
        "current justified": state.current_justified_checkpoint,
        "finalized": state.finalized_checkpoint,
        "balances": state.balances,
        "slashings": state.slashings,
        "effective balances": [validator.effective_balance for validator in state.validators],
        "slashed": [validator.slashed for validator in state.validators],
        "activation": [validator.activation_epoch for validator in state.validators],
        "exit": [validator.exit_epoch for validator in state.validators],
        "withdrawable": [validator.withdrawable_epoch for validator in state.validators],
    }


def their_facts(theirs: spec.BeaconState) -> dict[str, object]:
    validators = list(theirs.validators)[PROPOSER + 1 :]
    return {
        "slot": int(theirs.slot),
        "bits": [bool(bit) for bit in theirs.justification_bits],
        "previous justified": our_checkpoint(theirs.previous_justified_checkpoint),
        "current justified": our_checkpoint(theirs.current_justified_checkpoint),
        "finalized": our_checkpoint(theirs.finalized_checkpoint),
        "balances": [int(balance) for balance in theirs.balances][PROPOSER + 1 :],
        "slashings": [int(balance) for balance in theirs.slashings],
        "effective balances": [int(validator.effective_balance) for validator in validators],
        "slashed": [bool(validator.slashed) for validator in validators],
        "activation": [our_epoch(validator.activation_epoch) for validator in validators],
        "exit": [our_epoch(validator.exit_epoch) for validator in validators],
        "withdrawable": [our_epoch(validator.withdrawable_epoch) for validator in validators],
    }


def our_checkpoint(checkpoint: spec.Checkpoint) -> Checkpoint:
    return Checkpoint(int(checkpoint.epoch), bytes(checkpoint.root))
