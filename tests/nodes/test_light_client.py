"""A light client, and offline proofs, of a beacon that really runs."""

import os
from hashlib import sha256
from pathlib import Path

from apps.light_client.__main__ import main
from apps.network.beacon_client import BeaconClient
from audit_chain.proof.builder import evidence_bundle, state_bundle
from audit_chain.proof.light_client import TrustedCheckpoint
from audit_chain.proof.verdict import StateFinding
from audit_chain.proof.verifier import verify
from data_pool.network import ProvenEntry
from tests.nodes.cast import Member, fresh_name
from tests.nodes.processes import Processes, eventually


def final_deposit(beacon: BeaconClient, member: Member, digest: bytes) -> ProvenEntry:
    beacon.submit_evidence(member.deposit(digest))
    (deposit,) = eventually(lambda: beacon.deposits(digest.hex()))
    proven = eventually(lambda: beacon.proof(deposit.index))
    assert proven is not None
    return proven


def test_a_light_client_follows_what_the_network_finalizes(nodes: Processes, tmp_path: Path) -> None:
    state, policy = tmp_path / "trusted.json", tmp_path / "policy.txt"
    policy.write_bytes(nodes.network.policy().render())
    beacon = nodes.beacon()
    member = Member(fresh_name("member")).register(beacon)
    final_deposit(beacon, member, os.urandom(32))

    assert main(["--beacon", nodes.url("beacon"), "--state", str(state), "--policy", str(policy)]) == 0
    first = TrustedCheckpoint.parse(state.read_bytes())
    assert [one.name for one in first.validators] == [one.name for one in nodes.network.validators]
    final_deposit(beacon, member, os.urandom(32))
    assert main(["--beacon", nodes.url("beacon"), "--state", str(state)]) == 0
    second = TrustedCheckpoint.parse(state.read_bytes())
    assert second.size > first.size
    assert second.epoch > first.epoch


def test_what_the_network_answers_makes_bundles_that_verify_offline(nodes: Processes, beacon: BeaconClient) -> None:
    policy, digest = nodes.network.policy(), sha256(os.urandom(32)).digest()
    member = Member(fresh_name("member")).register(beacon)
    evidence = final_deposit(beacon, member, digest)
    (deposit,) = beacon.deposits(digest.hex())
    registration = beacon.proof(beacon.member(member.name).registered.index)
    seal = beacon.proof(beacon.block(deposit.block).block.size - 1)
    assert registration is not None
    assert seal is not None
    assert verify(evidence_bundle(evidence=evidence, registration=registration, seal=seal), policy).verified

    absent = os.urandom(32).hex()
    for name, is_there in ((f"evidence/{digest.hex()}", True), (f"evidence/{absent}", False)):
        latest = beacon.finality()
        answer = beacon.state_proof(name, size=latest.size)
        bundle = state_bundle(state=answer.sealed.encode(), finality=latest.finality.encode())
        finding = verify(bundle, policy).finding
        assert isinstance(finding, StateFinding)
        assert (finding.values[name] is not None) == is_there
