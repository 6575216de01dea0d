"""Shuffling and committees. Tests of committees carry the names of consensus-specs v0.8.x."""

import csv
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.beacon.casper.accessors import (
    get_committee_count,
    get_crosslink_committee,
    get_seed,
)
from audit_chain.beacon.casper.presets import CONSORTIUM, MINIMAL, SCALE
from audit_chain.beacon.casper.registry import initiate_validator_exit, reactivate_validator
from audit_chain.beacon.casper.shuffling import compute_shuffled_index, compute_shuffled_list
from audit_chain.errors import UnknownEpoch
from tests.core.casper_cast import SEED, end_epoch, network

CORPUS_ROUNDS = 90


def test_compute_shuffled_index_agrees_with_the_corpus(corpora: Path) -> None:
    """Its second list is the one that is shuffled into the first."""
    with (corpora / "consensus" / "eth2_swap_or_not_shuffle.csv").open() as file:
        lines = list(csv.reader(file))
    assert len(lines) > 100
    for seed_text, count, shuffled_text, items_text in lines:
        seed, shuffled, items = bytes.fromhex(seed_text), shuffled_text.split(":"), items_text.split(":")
        if count == "0":
            shuffled, items = [], []
        assert len(items) == int(count)
        assert compute_shuffled_list(items, seed, CORPUS_ROUNDS) == shuffled
        for place in range(min(20, len(items))):
            assert items[compute_shuffled_index(place, len(items), seed, CORPUS_ROUNDS)] == shuffled[place]


@given(st.integers(0, 600), st.binary(min_size=32, max_size=32), st.integers(0, 20))
def test_the_whole_list_is_shuffled_as_place_by_place(count: int, seed: bytes, rounds: int) -> None:
    by_place = [compute_shuffled_index(place, count, seed, rounds) for place in range(count)]
    assert compute_shuffled_list(range(count), seed, rounds) == by_place
    assert sorted(by_place) == list(range(count))


def test_get_seed_differs_by_epoch_and_domain_and_follows_the_mix() -> None:
    state = network(epoch=9)
    seeds = {get_seed(state, epoch) for epoch in range(10)} | {get_seed(state, 0, b"other")}
    assert len(seeds) == 11
    state.randao_mixes[7] = sha256(b"other").digest()
    assert get_seed(state, 9) not in seeds
    assert get_seed(state, 8) in seeds


def test_the_seed_is_known_two_epochs_ahead_and_no_more() -> None:
    state = network(epoch=3)
    before = get_seed(state, 5)
    assert get_seed(state, 5) == before
    end_epoch(state)
    assert get_seed(state, 5) == before
    unknown = get_seed(state, 7)
    end_epoch(state)
    assert get_seed(state, 7) != unknown


@pytest.mark.parametrize(
    ("validators", "pools", "count"), [(1, 5, 1), (7, 5, 1), (8, 5, 2), (20, 5, 5), (100, 5, 5), (100, 1, 1), (9, 0, 1)]
)
def test_get_committee_count(validators: int, pools: int, count: int) -> None:
    assert get_committee_count(network(*[32] * validators), 0, pools) == count


@pytest.mark.parametrize("validators", [8, 21, 64])
def test_get_crosslink_committee_every_validator_has_one_committee(validators: int) -> None:
    state = network(*[32] * validators)
    count = get_committee_count(state, 0, 5)
    committees = [get_crosslink_committee(state, 0, position, 5) for position in range(count)]
    assert sorted(index for committee in committees for index in committee) == list(range(validators))
    sizes = {len(committee) for committee in committees}
    assert min(sizes) >= MINIMAL.target_committee_size
    assert max(sizes) - min(sizes) <= 1


def test_get_crosslink_committee_pools_share_committees_when_there_are_too_few_validators() -> None:
    state = network(*[32] * 8)
    assert get_committee_count(state, 0, 5) == 2
    assert get_crosslink_committee(state, 0, 0, 5) == get_crosslink_committee(state, 0, 4, 5)
    assert get_crosslink_committee(state, 0, 0, 5) != get_crosslink_committee(state, 0, 1, 5)


@pytest.mark.parametrize("validators", [4, 64])
def test_get_crosslink_committee_few_validators_are_all_on_every_committee(validators: int) -> None:
    state = network(*[32] * validators, preset=CONSORTIUM)
    for position in range(9):
        assert sorted(get_crosslink_committee(state, 0, position, 9)) == list(range(validators))


def test_get_crosslink_committee_changes_with_the_epoch() -> None:
    state = network(*[32] * 64, epoch=4)
    assert len({tuple(get_crosslink_committee(state, epoch, 0, 4)) for epoch in range(5)}) == 5


def test_get_crosslink_committee_previous_epochs_stay_as_they_were() -> None:
    state = network(*[32] * 16)
    then = [get_crosslink_committee(state, 0, position, 4) for position in range(4)]
    initiate_validator_exit(state, 0)
    for _ in range(MINIMAL.max_epochs_per_crosslink):
        end_epoch(state)
        assert [get_crosslink_committee(state, 0, position, 4) for position in range(4)] == then


def test_get_crosslink_committee_previous_epochs_outlast_leaving_and_coming_back() -> None:
    state = network(*[32] * 16)
    initiate_validator_exit(state, 0)
    while state.slot < (state.validators[0].exit_epoch + MINIMAL.max_epochs_per_crosslink) * MINIMAL.slots_per_epoch:
        end_epoch(state)
    current = state.slot // MINIMAL.slots_per_epoch
    kept = range(current - MINIMAL.max_epochs_per_crosslink, current + 1)
    before = [get_crosslink_committee(state, epoch, 0, 4) for epoch in kept]
    reactivate_validator(state, 0)
    assert [get_crosslink_committee(state, epoch, 0, 4) for epoch in kept] == before


@pytest.mark.parametrize("epoch", [4, 10])
def test_get_crosslink_committee_of_an_epoch_too_old_or_to_come_is_refused(epoch: int) -> None:
    state = network(epoch=9)
    with pytest.raises(UnknownEpoch, match=f"epochs 5 to 9, got {epoch}"):
        get_crosslink_committee(state, epoch, 0, 4)


def test_get_crosslink_committee_at_scale_has_128_members_for_each_of_64_pools() -> None:
    state = network(*[32] * 8192, preset=SCALE)
    committees = [get_crosslink_committee(state, 0, position, 64) for position in range(64)]
    assert {len(committee) for committee in committees} == {128}
    assert len({index for committee in committees for index in committee}) == 8192
    assert committees[0][0] == compute_shuffled_index(0, 8192, get_seed(state, 0), SCALE.shuffle_round_count)
    assert get_seed(state, 0) == sha256(b"\x01\0\0\0" + bytes(8) + SEED).digest()
