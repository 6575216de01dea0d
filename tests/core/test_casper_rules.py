"""Casper's rules where no other code can be asked: departures from phase 0, refusals, and the corpus of FFG cases."""

import json
import re
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import pytest

from audit_chain.beacon.casper.accessors import (
    get_active_validator_indices,
    get_block_root,
    get_current_epoch,
    get_randao_mix,
    get_total_active_balance,
    get_validator_churn_limit,
    is_slashable_validator,
)
from audit_chain.beacon.casper.attesting import process_attestation_data, record_votes
from audit_chain.beacon.casper.containers import (
    FAR_FUTURE_EPOCH,
    GENESIS_CHECKPOINT,
    ZERO_ROOT,
    AttestationData,
    CasperState,
    Checkpoint,
)
from audit_chain.beacon.casper.epoch import process_epoch, process_slot_advance
from audit_chain.beacon.casper.finality import process_justification_and_finalization
from audit_chain.beacon.casper.genesis import initialize
from audit_chain.beacon.casper.presets import CONSORTIUM, MINIMAL, PRESETS, SCALE, Preset
from audit_chain.beacon.casper.registry import (
    add_validator,
    initiate_validator_exit,
    process_registry_updates,
    reactivate_validator,
)
from audit_chain.beacon.casper.rewards import is_in_inactivity_leak
from audit_chain.beacon.casper.slashing import slash_validator
from audit_chain.beacon.casper.weak_subjectivity import (
    compute_weak_subjectivity_period,
    is_within_weak_subjectivity_period,
)
from audit_chain.errors import InvalidAttestation, InvalidGenesis, InvalidValidatorChange, UnknownEpoch
from tests.core.casper_cast import SEED, UNIT, end_epoch, network, root

FFG_CASES = ["234_ok", "234_poor", "23_ok", "23_poor", "123_ok", "123_poor", "12_ok", "12_wrong_target_root", "12_poor"]
WRONG_ROOT = "-wrong-root"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec" / "casper.md"


# Justification and finalization


def test_the_corpus_has_no_other_ffg_cases(corpora: Path) -> None:
    assert [case["id"] for case in ffg_cases(corpora).values()] == FFG_CASES


@pytest.mark.parametrize("name", FFG_CASES)
def test_the_corpus_of_ffg_cases_comes_out(name: str, corpora: Path) -> None:
    case = ffg_cases(corpora)[name]

    def checkpoint(name: str) -> Checkpoint:
        """`c2` lies two epochs before the one that begins now."""
        epoch = case["epoch"] - int(name.removeprefix("c").removesuffix(WRONG_ROOT))
        return Checkpoint(epoch, root(epoch, "wrong") if name.endswith(WRONG_ROOT) else root(epoch))

    state = network(*[32] * 9, epoch=case["epoch"] - 1)
    state.previous_justified_checkpoint = checkpoint(case["prev"])
    state.current_justified_checkpoint = checkpoint(case["cur"])
    state.justification_bits = [bool(bit) for bit in case["bits"]]
    for source, target in case["votes"]:
        data = AttestationData(checkpoint(source), checkpoint(target))
        if target.endswith(WRONG_ROOT):
            with pytest.raises(InvalidAttestation, match="for another root"):
                process_attestation_data(state, data)
            continue
        process_attestation_data(state, data)
        record_votes(state, data.target.epoch, range(6 if case["support"] else 5))

    process_justification_and_finalization(state)

    assert state.previous_justified_checkpoint == checkpoint(case["want"]["prev"])
    assert state.current_justified_checkpoint == checkpoint(case["want"]["cur"])
    finalized = case["want"]["finalized"]
    assert state.finalized_checkpoint == (GENESIS_CHECKPOINT if finalized == "unchanged" else checkpoint(finalized))


def ffg_cases(corpora: Path) -> dict[str, dict]:
    cases = json.loads((corpora / "consensus" / "casper_ffg_justification.json").read_text())["cases"]
    return {case["id"]: case for case in cases}


def test_a_network_that_votes_finalizes_every_epoch_at_the_end_of_the_next() -> None:
    state = network()
    for epoch in range(8):
        end_epoch(state, range(4))
        # The first two epochs are left out, so that epoch 2 is the first to be finalized.
        assert state.finalized_checkpoint.epoch == (epoch - 1 if epoch > 2 else 0)
    assert state.finalized_checkpoint == Checkpoint(6, root(6))
    assert state.current_justified_checkpoint == Checkpoint(7, root(7))


def test_two_thirds_of_the_weight_justify_and_one_unit_less_does_not() -> None:
    for weights, justified in (((40, 20), True), ((39, 21), False)):
        state = network(*weights, epoch=3)
        end_epoch(state, [0])
        assert state.justification_bits[0] is justified


def test_weight_counts_and_not_heads() -> None:
    state = network(60, *[1] * 20, epoch=3)
    end_epoch(state, [0])
    assert state.justification_bits[0]


def test_a_slashed_validators_vote_is_counted_for_nothing() -> None:
    state = network(*[32] * 3, epoch=3)
    record_votes(state, 3, [0, 1])
    slash_validator(state, 1, None)
    end_epoch(state)
    assert not state.justification_bits[0]


def test_a_chain_that_lost_two_fifths_of_its_weight_leaks_until_it_finalizes_again() -> None:
    state = network(*[32] * 5, preset=CONSORTIUM, epoch=1)
    for _ in range(4):
        end_epoch(state, range(5))
    finalized = state.finalized_checkpoint.epoch
    present, epochs = range(3), 0
    while state.finalized_checkpoint.epoch == finalized:
        end_epoch(state, present)
        epochs += 1
        assert epochs < 1000
    assert epochs > CONSORTIUM.min_epochs_to_inactivity_penalty
    weights = [validator.effective_balance for validator in state.validators]
    assert Fraction(sum(weights[:3]), sum(weights)) >= Fraction(2, 3)
    assert min(weights[:3]) >= 31 * UNIT, "those present lose nothing"
    end_epoch(state, present)
    assert not is_in_inactivity_leak(state)


# Votes


def vote(state: CasperState, target_epoch: int) -> AttestationData:
    """A vote that the state lets in."""
    current = target_epoch == get_current_epoch(state)
    source = state.current_justified_checkpoint if current else state.previous_justified_checkpoint
    return AttestationData(source, Checkpoint(target_epoch, get_block_root(state, target_epoch)))


@pytest.fixture
def voting() -> CasperState:
    state = network(epoch=4)
    state.previous_justified_checkpoint = Checkpoint(2, root(2))
    state.current_justified_checkpoint = Checkpoint(3, root(3))
    return state


def test_votes_for_the_current_and_the_previous_epoch_are_let_in(voting: CasperState) -> None:
    process_attestation_data(voting, vote(voting, 4))
    process_attestation_data(voting, vote(voting, 3))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"target": Checkpoint(5, root(5))}, "for another epoch: expected 3 or 4, got 5"),
        ({"target": Checkpoint(2, root(2))}, "for another epoch"),
        ({"target": Checkpoint(4, root(3))}, "for another root of epoch 4"),
        ({"source": Checkpoint(2, root(2))}, "from another epoch: expected 3, got 2"),
        ({"source": Checkpoint(3, root(4))}, "from another root of epoch 3"),
    ],
)
def test_a_vote_with_another_source_or_target_is_refused(voting: CasperState, change: dict, reason: str) -> None:
    with pytest.raises(InvalidAttestation, match=reason):
        process_attestation_data(voting, replace(vote(voting, 4), **change))


def test_a_late_vote_starts_from_what_was_justified_then(voting: CasperState) -> None:
    late = replace(vote(voting, 3), source=voting.current_justified_checkpoint)
    with pytest.raises(InvalidAttestation, match="from another epoch: expected 2, got 3"):
        process_attestation_data(voting, late)


def test_a_vote_before_its_target_is_sealed_is_refused(voting: CasperState) -> None:
    data = vote(voting, 4)
    del voting.boundary_roots[4]
    with pytest.raises(InvalidAttestation, match="before its target is sealed"):
        process_attestation_data(voting, data)


@pytest.mark.parametrize(
    ("epoch", "indices", "reason"),
    [
        (4, [0, 4], "no validator 4"),
        (4, [0, -1], "no validator -1"),
        (4, [0, 1], "validator 1 is not active in epoch 4"),
        (4, [0, 0], "validator 0 voted in epoch 4 already"),
        (4, [0, 3], "validator 3 voted in epoch 4 already"),
        (5, [0], "votes for another epoch: expected 3 or 4, got 5"),
        (2, [0], "votes for another epoch"),
    ],
)
def test_votes_are_recorded_all_or_none(voting: CasperState, epoch: int, indices: list[int], reason: str) -> None:
    voting.validators[1].activation_epoch = 5
    record_votes(voting, 4, [3])
    with pytest.raises(InvalidAttestation, match=reason):
        record_votes(voting, epoch, indices)
    assert voting.current_epoch_participation == [False, False, False, True]
    assert voting.previous_epoch_participation == [False] * 4


def test_late_votes_are_recorded_with_the_epoch_they_are_for(voting: CasperState) -> None:
    record_votes(voting, 3, [0, 2])
    record_votes(voting, 4, [0])
    assert voting.previous_epoch_participation == [True, False, True, False]
    assert voting.current_epoch_participation == [True, False, False, False]


# Slashing


def test_the_whole_whistleblower_reward_goes_to_who_told() -> None:
    state = network()
    slash_validator(state, 1, 3)
    reward = 32 * UNIT // MINIMAL.whistleblower_reward_quotient
    penalty = 32 * UNIT // MINIMAL.min_slashing_penalty_quotient
    assert state.balances == [32 * UNIT, 32 * UNIT - penalty, 32 * UNIT, 32 * UNIT + reward]


def test_without_a_whistleblower_nobody_gets_the_reward() -> None:
    state = network()
    slash_validator(state, 1, None)
    assert sum(state.balances) == 4 * 32 * UNIT - 32 * UNIT // MINIMAL.min_slashing_penalty_quotient


def test_a_slashed_validator_has_to_leave_and_cannot_be_slashed_again() -> None:
    state = network()
    slash_validator(state, 1, None)
    validator = state.validators[1]
    assert validator.slashed
    assert validator.exit_epoch == 5
    assert not is_slashable_validator(validator, 0)


# Registry


def test_a_new_validator_becomes_active_after_the_look_ahead_with_the_weight_it_was_granted() -> None:
    state = network(epoch=3)
    index = add_validator(state, 7)
    assert index == 4
    assert index not in get_active_validator_indices(state, 7)
    assert index in get_active_validator_indices(state, 8)
    assert state.balances[index] == state.validators[index].effective_balance == 7 * UNIT
    end_epoch(state, [0])
    assert len(state.current_epoch_participation) == len(state.previous_epoch_participation) == 5


@pytest.mark.parametrize("weight", [0, -1])
def test_a_validator_without_weight_is_refused(weight: int) -> None:
    with pytest.raises(InvalidValidatorChange, match="without weight"):
        add_validator(network(), weight)


def test_no_more_leave_in_one_epoch_than_the_churn_limit_says() -> None:
    state = network(*[32] * 9, epoch=3)
    for index in range(5):
        initiate_validator_exit(state, index)
    assert [validator.exit_epoch for validator in state.validators[:6]] == [8, 8, 9, 9, 10, FAR_FUTURE_EPOCH]


def test_many_who_are_ejected_at_once_queue_like_those_who_leave_one_by_one() -> None:
    state = network(*[32] * 9, epoch=3)
    initiate_validator_exit(state, 8)
    for validator in state.validators[:5]:
        validator.effective_balance = MINIMAL.ejection_balance
    process_registry_updates(state)
    assert [validator.exit_epoch for validator in state.validators[:6]] == [8, 9, 9, 10, 10, FAR_FUTURE_EPOCH]


def test_a_light_validator_is_ejected_at_half_of_its_weight() -> None:
    state = network(4, 4, 100)
    state.validators[1].effective_balance = 2 * UNIT
    process_registry_updates(state)
    assert [validator.exit_epoch for validator in state.validators] == [FAR_FUTURE_EPOCH, 5, FAR_FUTURE_EPOCH]


def test_balances_never_count_for_more_than_the_granted_weight() -> None:
    state = network(8, 100)
    state.balances = [80 * UNIT, 80 * UNIT]
    process_epoch(state)
    assert [validator.effective_balance for validator in state.validators] == [8 * UNIT, 80 * UNIT]


def test_who_is_about_to_leave_can_stay() -> None:
    state = network(epoch=3)
    initiate_validator_exit(state, 0)
    reactivate_validator(state, 0)
    assert state.validators[0] == network().validators[0]


def test_who_left_comes_back_after_the_look_ahead_with_the_whole_weight() -> None:
    state = network(epoch=3)
    initiate_validator_exit(state, 0)
    state.balances[0] = state.validators[0].effective_balance = 9 * UNIT
    state.slot = 20 * MINIMAL.slots_per_epoch
    reactivate_validator(state, 0)
    assert 0 not in get_active_validator_indices(state, 24)
    assert 0 in get_active_validator_indices(state, 25)
    assert state.validators[0].withdrawable_epoch == FAR_FUTURE_EPOCH
    assert state.balances[0] == state.validators[0].effective_balance == 32 * UNIT


def test_who_left_waits_until_no_crosslink_can_name_its_old_committees() -> None:
    state = network(epoch=3)
    initiate_validator_exit(state, 0)
    earliest = state.validators[0].exit_epoch + MINIMAL.max_epochs_per_crosslink
    state.slot = earliest * MINIMAL.slots_per_epoch - 1
    with pytest.raises(InvalidValidatorChange, match=f"epoch {earliest} or later"):
        reactivate_validator(state, 0)
    state.slot += 1
    reactivate_validator(state, 0)


@pytest.mark.parametrize("reason", ["slashed", "not leaving"])
def test_who_is_slashed_or_stays_cannot_come_back(reason: str) -> None:
    state = network()
    if reason == "slashed":
        slash_validator(state, 0, None)
    with pytest.raises(InvalidValidatorChange, match=reason):
        reactivate_validator(state, 0)


# Genesis and the end of an epoch


def test_a_network_begins_with_everybody_active() -> None:
    state = initialize(MINIMAL, [1, 2, 3], SEED)
    assert state.slot == 0
    assert get_active_validator_indices(state, 0) == [0, 1, 2]
    assert get_total_active_balance(state) == 6 * UNIT
    assert get_validator_churn_limit(state) == MINIMAL.min_per_epoch_churn_limit
    assert state.balances == [1 * UNIT, 2 * UNIT, 3 * UNIT]


@pytest.mark.parametrize(
    ("weights", "seed", "error"),
    [([1], SEED[1:], InvalidGenesis), ([], SEED, InvalidGenesis), ([1, 0], SEED, InvalidValidatorChange)],
)
def test_a_network_without_validators_weight_or_seed_is_refused(
    weights: list[int], seed: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        initialize(MINIMAL, weights, seed)


def test_an_epoch_ends_with_its_last_slot() -> None:
    state = initialize(MINIMAL, [32] * 4, SEED)
    record_votes(state, 0, [0])
    for slot in range(MINIMAL.slots_per_epoch):
        assert state.slot == slot
        assert state.current_epoch_participation == [True, False, False, False]
        process_slot_advance(state)
    assert state.current_epoch_participation == [False] * 4
    assert state.previous_epoch_participation == [True, False, False, False]


def test_boundary_roots_are_kept_for_the_current_and_the_previous_epoch() -> None:
    state = network(epoch=3)
    end_epoch(state)
    assert sorted(state.boundary_roots) == [3, 4]
    with pytest.raises(UnknownEpoch, match=r"one of \[3, 4\], got 2"):
        get_block_root(state, 2)


def test_the_next_mix_follows_from_the_boundary_root() -> None:
    mixes = set()
    for roots in ({}, {3: ZERO_ROOT}, {3: root(3)}, {3: root("other")}):
        state = network(epoch=3)
        state.boundary_roots = dict(roots)
        process_epoch(state)
        mixes.add(get_randao_mix(state, 4))
        assert get_randao_mix(state, 3) == SEED
    assert len(mixes) == 3, "an unsealed boundary counts as a zero root"


# Weak subjectivity and presets


def test_a_state_is_trusted_for_the_weak_subjectivity_period_and_no_longer() -> None:
    state = network(*[32] * 4, preset=CONSORTIUM, epoch=7)
    period = compute_weak_subjectivity_period(state)
    assert period >= CONSORTIUM.min_validator_withdrawability_delay
    assert is_within_weak_subjectivity_period(state, 7 + period)
    assert not is_within_weak_subjectivity_period(state, 8 + period)


def test_unequal_weights_and_nobody_left_have_a_period_too() -> None:
    uneven = network(1000, *[1] * 50, preset=SCALE)
    assert compute_weak_subjectivity_period(uneven) >= SCALE.min_validator_withdrawability_delay
    empty = network(preset=SCALE)
    for validator in empty.validators:
        validator.exit_epoch = 0
    assert compute_weak_subjectivity_period(empty) == SCALE.min_validator_withdrawability_delay


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_presets_remember_as_much_as_their_rules_ask_about(preset: Preset) -> None:
    lookback = preset.max_epochs_per_crosslink + preset.min_seed_lookahead + 1
    assert lookback < preset.epochs_per_historical_vector
    assert preset.max_epochs_per_crosslink <= preset.min_validator_withdrawability_delay
    assert preset.effective_balance_increment % preset.hysteresis_quotient == 0
    assert preset.shuffle_round_count < 256, "a round is one byte"


# The page on it


def test_the_page_on_casper_shows_what_happens() -> None:
    lines = re.findall(r"^ +(\d+)  (\d+)/40 +([01]{4}) +(\d+) +(\d+)$", PAGE.read_text(), re.MULTILINE)
    assert len(lines) == 9
    state = network(10, 10, 10, 10)
    for epoch, voting, bits, justified, finalized in lines:
        assert get_current_epoch(state) == int(epoch)
        end_epoch(state, range(int(voting) // 10))
        assert "".join(str(int(bit)) for bit in state.justification_bits) == bits
        assert state.current_justified_checkpoint.epoch == int(justified)
        assert state.finalized_checkpoint.epoch == int(finalized)


def test_the_page_on_casper_shows_the_presets() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE.read_text(), re.MULTILINE)
    shown = {name: tuple(int(value.replace(",", "")) for value in values) for name, *values in rows}
    names = [field.name for field in fields(Preset) if field.name != "name"]
    assert shown == {name: tuple(getattr(preset, name) for preset in PRESETS.values()) for name in names}
