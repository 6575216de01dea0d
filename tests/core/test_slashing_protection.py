"""What a key may sign after what it has signed: EIP-3076's conditions and file."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.beacon.slashing_protection import (
    Interchange,
    KeyHistory,
    SignedBlock,
    SignedVote,
    check_block,
    check_vote,
    is_slashable_pair,
)
from audit_chain.errors import MalformedInterchange, RefusedVote
from audit_chain.testing import ExampleNetwork

KEY = bytes(range(32))
NETWORK = b"\x07" * 32
ROOT, OTHER = b"\x01" * 32, b"\x02" * 32


def may_sign(history: KeyHistory, signed: SignedVote | SignedBlock) -> bool:
    try:
        check_vote(signed, history) if isinstance(signed, SignedVote) else check_block(signed, history)
    except RefusedVote:
        return False
    return True


def run(test: dict[str, Any], *, minimal: bool) -> int:
    """Number of signings asked for, each with the answer that the test expects."""
    histories: dict[bytes, KeyHistory] = {}
    count = 0
    expected = "should_succeed" if minimal else "should_succeed_complete"
    for step in test["steps"]:
        interchange = Interchange.parse(json.dumps(step["interchange"]).encode())
        same_network = interchange.genesis_validators_root.hex() == test["genesis_validators_root"][2:]
        assert same_network == step["should_succeed"]
        for key, history in interchange.histories.items() if same_network else ():
            merged = histories.get(key, KeyHistory()).merged(history)
            histories[key] = merged.minimal() if minimal else merged
        for item in (*step["blocks"], *step["attestations"]):
            key, root = bytes.fromhex(item["pubkey"][2:]), bytes.fromhex(item["signing_root"][2:])
            known = histories.get(key, KeyHistory())
            signed: SignedVote | SignedBlock
            if "slot" in item:
                signed = SignedBlock(int(item["slot"]), root)
            else:
                signed = SignedVote(int(item["target_epoch"]), int(item["source_epoch"]), root)
            assert may_sign(known, signed) == item[expected], item
            count += 1
            if item[expected]:
                known = known.with_vote(signed) if isinstance(signed, SignedVote) else known.with_block(signed)
                histories[key] = known.minimal() if minimal else known
    return count


@pytest.mark.parametrize("minimal", [False, True], ids=["complete", "minimal"])
def test_the_interchange_tests_get_the_answers_that_they_expect(corpora: Path, minimal: bool) -> None:
    folder = corpora / "consensus" / "eip3076-slashing"
    tests = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    assert len(tests) == 20
    assert sum(run(test, minimal=minimal) for test in tests) > 60


class TestVotes:
    history = KeyHistory((SignedVote(20, 19, ROOT), SignedVote(25, 20, ROOT)))

    def test_the_next_epoch_may_be_voted_for(self) -> None:
        check_vote(SignedVote(26, 25, OTHER), self.history)

    def test_the_same_vote_may_be_signed_again(self) -> None:
        check_vote(SignedVote(25, 20, ROOT), self.history)

    @pytest.mark.parametrize(
        ("spoilt", "reason"),
        [
            (SignedVote(25, 20, OTHER), "another vote in that epoch"),
            (SignedVote(25, 20, None), "another vote in that epoch"),
            (SignedVote(25, 21, ROOT), "another vote in that epoch"),
            (SignedVote(26, 18, ROOT), "surrounds"),
            (SignedVote(24, 21, ROOT), "surrounded"),
            (SignedVote(19, 19, ROOT), "forgotten"),
            (SignedVote(26, 27, ROOT), "source after its target"),
        ],
        ids=["another root", "no root", "another source", "surrounding", "surrounded", "too old", "backwards"],
    )
    def test_what_would_contradict_is_refused(self, spoilt: SignedVote, reason: str) -> None:
        with pytest.raises(RefusedVote, match=reason):
            check_vote(spoilt, self.history)

    def test_what_was_cut_off_stays_forbidden(self) -> None:
        long = KeyHistory(tuple(SignedVote(epoch + 1, epoch, ROOT) for epoch in range(50)))
        short = long.latest_votes(8)
        assert len(short.votes) == 8
        for epoch in range(50):
            assert not may_sign(short, SignedVote(epoch + 1, epoch, OTHER))
        assert may_sign(short, SignedVote(51, 50, OTHER))


def test_no_later_import_allows_again_what_was_cut_off() -> None:
    short = KeyHistory(tuple(SignedVote(epoch + 1, epoch, ROOT) for epoch in range(50))).latest_votes(8)
    merged = short.merged(KeyHistory((SignedVote(3, 2, ROOT),)))
    for epoch in range(50):
        assert not may_sign(merged, SignedVote(epoch + 1, epoch, OTHER))
    again = Interchange.parse(Interchange(NETWORK, {KEY: merged}).render()).histories[KEY]
    for epoch in range(50):
        assert not may_sign(again, SignedVote(epoch + 1, epoch, OTHER))
    assert may_sign(again, SignedVote(51, 50, OTHER))


votes = st.builds(
    lambda source, span, root: SignedVote(source + span, source, root),
    st.integers(0, 12),
    st.integers(0, 6),
    st.sampled_from([ROOT, OTHER, None]),
)


@given(st.lists(votes, max_size=12))
def test_whatever_is_asked_what_gets_signed_is_never_slashable(asked: list[SignedVote]) -> None:
    history = KeyHistory()
    for vote in asked:
        if may_sign(history, vote):
            history = history.with_vote(vote)
    assert history.is_consistent


@given(st.lists(votes, max_size=8), st.lists(votes, max_size=8), votes)
def test_a_merged_or_minimal_history_forbids_what_its_parts_forbid(
    one: list[SignedVote], other: list[SignedVote], vote: SignedVote
) -> None:
    parts = [KeyHistory().merged(KeyHistory(tuple(part))) for part in (one, other)]
    merged = parts[0].merged(parts[1])
    slashable = any(is_slashable_pair(vote, earlier) for earlier in (*one, *other))
    is_signed = any(vote == earlier and vote.signing_root == earlier.signing_root for earlier in (*one, *other))
    for history in (merged, merged.minimal(), merged.latest_votes(3), merged.without_floors()):
        assert is_signed or not (slashable and may_sign(history, vote))


def test_a_file_is_what_was_written() -> None:
    history = KeyHistory((SignedVote(20, 19, ROOT), SignedVote(25, 20)), (SignedBlock(3, OTHER), SignedBlock(4)))
    interchange = Interchange(NETWORK, {KEY: history, bytes(48): KeyHistory()})
    assert Interchange.parse(interchange.render()) == interchange
    assert all(
        one.signing_root == other.signing_root
        for one, other in zip(Interchange.parse(interchange.render()).histories[KEY].votes, history.votes, strict=True)
    )


def _spoil(change: Any) -> bytes:
    document = json.loads(Interchange(NETWORK, {KEY: KeyHistory((SignedVote(20, 19, ROOT),))}).render())
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b"[]",
        _spoil(lambda document: document["metadata"].update(interchange_format_version="4")),
        _spoil(lambda document: document["metadata"].update(genesis_validators_root="0x00")),
        _spoil(lambda document: document["data"][0].update(pubkey="00")),
        _spoil(lambda document: document["data"][0].update(pubkey="0x")),
        _spoil(lambda document: document["data"][0].pop("signed_blocks")),
        _spoil(lambda document: document["data"][0]["signed_attestations"][0].update(source_epoch=19)),
        _spoil(lambda document: document["data"][0]["signed_attestations"][0].update(target_epoch="-1")),
        _spoil(lambda document: document["data"][0]["signed_attestations"][0].update(signing_root="0xzz")),
        _spoil(lambda document: document.update(data=[3])),
    ],
)
def test_what_is_no_interchange_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedInterchange):
        Interchange.parse(data)


def test_the_page_shows_a_file() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "spec" / "slashing-protection.md"
    example = page.read_bytes().split(b"```\n")[1]
    interchange = Interchange.parse(example)
    assert interchange.render() == example
    network = ExampleNetwork()
    assert interchange.genesis_validators_root == sha256(str(network.beacon_signer.verifier_key).encode()).digest()
    assert list(interchange.histories) == [network.validators[0].ed25519.verifier_key.public]
