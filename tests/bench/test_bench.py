"""The benchmarks run, at sizes that say nothing about speed, and what they count is there."""

from dataclasses import replace

import pytest

from audit_chain.beacon.entries import Crosslink, parse_entry
from audit_chain.beacon.state import State, get_crosslink, get_next_index
from audit_chain.errors import InvalidCrosslink
from audit_chain.statemap.map import StateMap
from tests.bench.__main__ import PARTS, main
from tests.bench.scale import Writer, WrittenEpoch, read_epoch, verify_all

POOLS, VALIDATORS = 2, 16


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(POOLS, VALIDATORS)


@pytest.fixture
def reader(writer: Writer) -> State:
    return State(StateMap(writer.store.copy()))


def test_an_epoch_that_was_read_links_every_pool_and_justifies(writer: Writer, reader: State) -> None:
    for _ in range(2):
        read_epoch(reader, writer.write_epoch())
    assert [get_crosslink(reader, f"p{number}").size for number in range(POOLS)] == [2, 2]
    assert reader.casper.current_justified_checkpoint.epoch == 2
    assert get_next_index(reader) == writer.store.versions()[-1].version


def test_the_bound_has_every_signature_once(writer: Writer) -> None:
    signatures = writer.write_epoch().signatures
    assert len({one.signature for one in signatures}) == len(signatures) == POOLS * (1 + VALIDATORS) + VALIDATORS
    assert verify_all(signatures) > 0


def test_the_reader_refuses_a_crosslink_that_another_pool_signed(writer: Writer, reader: State) -> None:
    (first, second, *others), *later = writer.write_epoch().blocks
    own, foreign = parse_entry(first), parse_entry(second)
    assert isinstance(own, Crosslink)
    assert isinstance(foreign, Crosslink)
    spoiled = replace(own, note=foreign.note).encode()
    with pytest.raises(InvalidCrosslink, match="another log"):
        read_epoch(reader, WrittenEpoch([[spoiled, second, *others], *later], ()))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_runs(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tiny", part]) == 0
    _, _, heading, _, columns, *rows = capsys.readouterr().out.splitlines()
    assert heading == part
    assert columns
    assert any(character.isdigit() for character in rows[0])
