"""A proof of misbehaviour in the hands of somebody with a trust policy and nothing else."""

import json
from pathlib import Path

import pytest

from audit_chain.beacon.misbehaviour import OffenceKind
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.cli import main
from audit_chain.errors import (
    Invalid,
    InvalidMisbehaviour,
    Malformed,
    MalformedEntry,
    QuorumNotReached,
    UnknownOrigin,
)
from audit_chain.log.note import Note
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.offence import join_file, split_file, verify_offence
from audit_chain.testing import NETWORK, START, SUPPLIER, VALIDATORS, ExampleNetwork
from tests.core.lie_cast import (
    MAKERS,
    OFFENDERS,
    boundary,
    double_vote,
    every_kind,
    honest,
    inconsistent_heads,
    pool_fork,
)


def registration(name: str = SUPPLIER) -> SealedState:
    sealed = boundary(honest(), 3)
    return honest().sealed_state(sealed.checkpoint.size, [f"pool/{name}"])


def file_of(kind: OffenceKind) -> bytes:
    return join_file(MAKERS[kind](), registration() if kind is OffenceKind.POOL_FORK else None)


@every_kind
def test_a_policy_is_enough_to_verify_each_kind(kind: OffenceKind) -> None:
    finding = verify_offence(file_of(kind), honest().policy)
    assert (finding.offence.kind, finding.offence.offender) == (kind, OFFENDERS[kind])
    assert finding.network == NETWORK
    assert finding.statements[0] != finding.statements[1]


def test_the_beacon_takes_the_proof_without_the_registration() -> None:
    proof, shown = split_file(file_of(OffenceKind.POOL_FORK))
    assert proof == pool_fork().encode().decode()
    assert shown == registration()
    assert split_file(double_vote().encode()) == (double_vote().encode().decode(), None)


def test_no_byte_of_a_registration_can_be_changed() -> None:
    data, policy = file_of(OffenceKind.POOL_FORK), honest().policy
    start = data.index(b'"registration":')
    for place in range(start, len(data)):
        with pytest.raises((Malformed, Invalid)):
            verify_offence(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], policy)


def test_a_pool_s_fork_needs_the_pool_s_registration() -> None:
    with pytest.raises(InvalidMisbehaviour, match="which key the pool has"):
        verify_offence(pool_fork().encode(), honest().policy)


def test_only_a_pool_s_fork_has_a_registration() -> None:
    with pytest.raises(MalformedEntry, match="only a pool"):
        verify_offence(join_file(double_vote(), registration()), honest().policy)


@pytest.mark.parametrize("names", [["pool/atlas-motors"], ["pool/northwind-parts", "network"], ["network"]])
def test_a_registration_shows_the_pool_in_question(names: list[str]) -> None:
    sealed = honest().sealed_state(boundary(honest(), 3).checkpoint.size, names)
    with pytest.raises(Invalid):
        verify_offence(join_file(pool_fork(), sealed), honest().policy)


def spoiled_registration(note: Note) -> bytes:
    shown = registration()
    return join_file(pool_fork(), SealedState(note, shown.seal, shown.path, shown.values))


def test_a_registration_needs_a_quorum_and_no_line_more() -> None:
    note, policy = registration().note, honest().policy
    with pytest.raises(QuorumNotReached):
        verify_offence(spoiled_registration(Note(note.text, note.signatures[:3])), policy)
    stranger = ExampleNetwork(["stranger"]).validators[0].mldsa44.cosign(note.text, START)
    with pytest.raises(InvalidMisbehaviour, match="other lines"):
        verify_offence(spoiled_registration(note.with_signatures(stranger)), policy)


def test_a_validator_that_the_policy_does_not_list_cannot_be_accused() -> None:
    policy = honest().policy
    others = tuple(witness for witness in policy.witnesses if not witness.name.startswith(VALIDATORS[0]))
    with pytest.raises(InvalidMisbehaviour, match="no such validator"):
        verify_offence(inconsistent_heads().encode(), TrustPolicy(policy.logs, others, (), "none"))


def test_keys_without_a_validity_speak_at_any_time() -> None:
    policy = honest().policy
    text = b"".join(line + b"\n" for line in policy.render().splitlines() if not line.startswith(b"# valid"))
    assert verify_offence(inconsistent_heads(time=1).encode(), TrustPolicy.parse(text)).statements[0].time == 1
    with pytest.raises(InvalidMisbehaviour, match="validity"):
        verify_offence(inconsistent_heads(time=1).encode(), policy)


def test_a_policy_of_another_network_says_nothing() -> None:
    policy = honest().policy
    text = policy.render().splitlines()[1:]
    with pytest.raises(UnknownOrigin):
        verify_offence(double_vote().encode(), TrustPolicy.parse(b"\n".join([*text, b""])))


# On the command line


def run(tmp_path: Path, data: bytes, *options: str) -> int:
    proof, policy = tmp_path / "proof.json", tmp_path / "policy.txt"
    proof.write_bytes(data)
    policy.write_bytes(honest().policy.render())
    return main(["misbehaviour", str(proof), "--policy", str(policy), *options])


@every_kind
def test_a_proven_offence_is_told_in_plain_words(
    kind: OffenceKind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, file_of(kind)) == 0
    said = capsys.readouterr().out
    assert said.startswith("PROVEN. ")
    assert OFFENDERS[kind] in said
    assert said.count("root ") == 2


def test_a_double_vote_says_when_and_for_which_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, file_of(OffenceKind.DOUBLE_VOTE))
    said = capsys.readouterr().out
    assert said.startswith("PROVEN. The validator meridian-bank voted twice in one epoch, for two different trees.\n")
    assert said.count("vote  from epoch 2 to epoch 3\n") == 2
    assert said.count("22 November 2026") == 2


def test_the_verdict_is_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, file_of(OffenceKind.SURROUND_VOTE), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["kind"], said["offender"]) == ("proven", "surround-vote", "meridian-bank")
    assert [one["vote"] for one in said["statements"]] == [{"source": 0, "target": 5}, {"source": 3, "target": 4}]


def test_a_refuted_proof_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = pool_fork().encode()
    assert run(tmp_path, data) == 1
    assert capsys.readouterr().out.startswith("REFUTED. ")
    assert run(tmp_path, data, "--json") == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "refuted"


def test_what_is_no_proof_is_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, b"{}") == 2
    assert capsys.readouterr().err.startswith("UNREADABLE. ")
    assert run(tmp_path, b"{}", "--json") == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "unreadable"


def test_the_page_on_misbehaviour_shows_one() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "spec" / "misbehaviour.md"
    example = page.read_text().split("```\n")[1].rstrip("\n")
    finding = verify_offence(example.encode(), honest().policy)
    assert finding.offence.kind is OffenceKind.BEACON_FORK
    for kind in OffenceKind:
        assert f"| `{kind}` |" in page.read_text()
