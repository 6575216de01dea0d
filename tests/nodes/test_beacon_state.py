"""What a beacon says of its state: epochs, finality, committees, validators, motions and proofs of all."""

import json
import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network import wire
from apps.network.beacon_api import StateQuestion
from apps.network.beacon_client import BeaconClient
from apps.network.errors import Declined
from apps.network.key_files import read_key
from audit_chain import canonical
from audit_chain.beacon.motion import Ballot, Motion
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.encoding import to_base64
from audit_chain.errors import InvalidInclusionProof, InvalidStateProof
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.finality import verify_finality
from tests.nodes.cast import Member, Pool, fresh_name
from tests.nodes.processes import NETWORK, Processes, eventually
from tests.nodes.requests import send

pytestmark = pytest.mark.xdist_group("beacon-state")


@pytest.fixture(scope="module")
def member(beacon: BeaconClient) -> Member:
    return Member(fresh_name("member")).register(beacon)


@pytest.fixture(scope="module")
def pool(beacon: BeaconClient, member: Member) -> Pool:
    return Pool(fresh_name("pool")).register(beacon, member)


def sealed_state(text: str) -> SealedState:
    return SealedState.from_json(canonical.decode(text.encode()))


def governance(nodes: Processes, name: str) -> NoteSigner:
    node = nodes.network.validator(name)
    path = nodes.var_dir / "keys" / "validators" / name / "governance.pem"
    return NoteSigner(node.governance.name, read_key(path, Ed25519PrivateKey))


def deposit(beacon: BeaconClient, member: Member) -> str:
    """The digest of a deposit that has become final."""
    digest = os.urandom(32)
    beacon.submit_evidence(member.deposit(digest))
    eventually(lambda: any(one.final for one in beacon.deposits(digest.hex())))
    return digest.hex()


class TestFinality:
    def test_a_proof_of_an_entry_shows_offline_that_its_checkpoint_is_final(
        self, nodes: Processes, beacon: BeaconClient, member: Member
    ) -> None:
        (found,) = beacon.deposits(deposit(beacon, member))
        proven = beacon.proof(found.index)
        assert proven
        note = Note.parse(TlogProof.parse(proven.proof).checkpoint)
        final = verify_finality(nodes.network.policy(), note, sealed_state(proven.finality.decode()))
        assert beacon.epoch(final.epoch).epoch.size == final.checkpoint.size

    def test_the_latest_finalized_checkpoint_is_what_the_log_publishes(
        self, nodes: Processes, beacon: BeaconClient
    ) -> None:
        final = eventually(lambda: beacon.finality())
        assert beacon.finality(final.size) == final
        shown = verify_finality(
            nodes.network.policy(), Note.parse(final.checkpoint.encode()), sealed_state(final.finality)
        )
        assert (shown.epoch, shown.checkpoint.size) == (final.epoch, final.size)
        assert nodes.network.policy().verify(beacon.log.checkpoint()).checkpoint.size >= final.size

    def test_a_size_that_is_no_finalized_boundary_has_no_proof(self, beacon: BeaconClient) -> None:
        with pytest.raises(Declined) as problem:
            beacon.finality(beacon.finality().size + 1)
        assert problem.value.status == 404

    def test_an_idle_network_finalizes_its_last_entry_and_then_rests(
        self, beacon: BeaconClient, member: Member
    ) -> None:
        deposit(beacon, member)
        eventually(lambda: beacon.validators().waiting == 0)
        newest = beacon.blocks(limit=1).blocks[0].number
        (found,) = beacon.deposits(deposit(beacon, member))
        blocks = [block for block in beacon.blocks(limit=8).blocks if block.number > newest]
        assert len(blocks) <= 5
        assert sum(block.entries for block in blocks) == 1
        assert beacon.blocks(limit=1).blocks[0] == blocks[0]
        assert found.block == blocks[-1].number


class TestEpochs:
    def test_pages_reach_back_to_the_first(self, beacon: BeaconClient) -> None:
        seen, before = [], None
        while not seen or before is not None:
            page = beacon.epochs(before=before, limit=3)
            seen += page.epochs
            before = page.before
        assert [epoch.epoch for epoch in seen] == list(range(seen[0].epoch, -1, -1))
        assert [epoch.first_slot for epoch in seen] == [2 * epoch.epoch for epoch in seen]

    def test_one_that_everybody_voted_for_is_justified_and_then_finalized(
        self, beacon: BeaconClient, member: Member
    ) -> None:
        (found,) = beacon.deposits(deposit(beacon, member))
        number = beacon.block(found.block).block.epoch
        shown = eventually(lambda: (one := beacon.epoch(number + 1)) and one.epoch.justified and one)
        assert beacon.epoch(number).epoch.finalized
        assert shown.epoch.total == 4 * 32 * 10**9
        assert 3 * shown.epoch.voted >= 2 * shown.epoch.total
        assert len(shown.epoch.voters) * 32 * 10**9 == shown.epoch.voted
        assert [block.number for block in shown.blocks] == [2 * number + 3, 2 * number + 2]

    def test_it_names_the_committees_of_its_pools(self, nodes: Processes, beacon: BeaconClient, pool: Pool) -> None:
        newest = beacon.epochs(limit=1).epochs[0].epoch
        (committee,) = [one for one in beacon.epoch(newest).committees if one.pool == pool.name]
        assert committee.validators == nodes.validators
        assert beacon.committee(pool.name).validators == nodes.validators
        assert beacon.committee(pool.name).epoch in (newest, newest + 1)


class TestValidators:
    def test_each_is_shown_with_weight_votes_and_the_validity_of_its_keys(
        self, nodes: Processes, beacon: BeaconClient, member: Member
    ) -> None:
        deposit(beacon, member)
        state = beacon.validators()
        assert [one.index for one in state.validators] == [0, 1, 2, 3]
        for one in state.validators:
            node = nodes.network.validator(one.name)
            assert (one.status, one.url, one.governance) == ("active", node.url, str(node.governance))
            assert one.key_sets[0].not_after == node.not_after
            assert one.weight == 32 * 10**9
            assert 0 < one.votes <= one.epochs <= 16
            assert one.last_epoch is not None
        assert state.finalized_epoch < state.justified_epoch <= state.epoch


class TestStateProofs:
    def test_a_value_is_proven_by_the_final_state(self, nodes: Processes, beacon: BeaconClient, pool: Pool) -> None:
        answer = beacon.state_proof(f"pool/{pool.name}")
        sealed = sealed_state(answer.sealed)
        sealed.verify()
        assert nodes.network.policy().verify(sealed.note.render()).checkpoint.size == answer.size
        value = sealed.value(f"pool/{pool.name}")
        assert isinstance(value, dict)
        assert value["key"] == str(pool.signer.verifier_key)
        assert answer.value == canonical.encode(value).decode()

    def test_what_is_not_there_is_proven_to_be_absent(self, nodes: Processes, beacon: BeaconClient) -> None:
        sha256 = os.urandom(32).hex()
        looked_up = beacon.lookup(sha256)
        assert looked_up.deposits == ()
        assert looked_up.sealed
        sealed = sealed_state(looked_up.sealed)
        sealed.verify()
        nodes.network.policy().verify(sealed.note.render())
        assert sealed.values[f"evidence/{sha256}"].value is None

    def test_a_deposit_is_not_proven_to_be_absent(self, beacon: BeaconClient, member: Member) -> None:
        sha256 = deposit(beacon, member)
        text = beacon.lookup(sha256).sealed
        assert text
        sealed = sealed_state(text)
        name = f"evidence/{sha256}"
        spoilt = replace(sealed.values[name], value=None)
        with pytest.raises(InvalidStateProof):
            replace(sealed, values={**sealed.values, name: spoilt}).verify()
        with pytest.raises(InvalidInclusionProof):
            replace(sealed, path=sealed.path[:-1]).verify()

    def test_an_older_boundary_can_be_asked_for(self, beacon: BeaconClient) -> None:
        size = beacon.epoch(1).epoch.size
        answer = beacon.state_proof("casper", size=size)
        assert sealed_state(answer.sealed).epoch == 1
        with pytest.raises(Declined):
            beacon.state_proof("casper", size=size + 10**6)

    def test_sections_lead_to_the_root_that_is_sealed(self, beacon: BeaconClient) -> None:
        size = beacon.epoch(1).epoch.size
        sections = beacon.state_sections(size)
        sealed = sealed_state(beacon.state_proof("casper", size=size).sealed)
        assert sections.root == sealed.seal.state
        assert {"validator", "casper", "network", "registry"} <= {section.name for section in sections.sections}

    @pytest.mark.parametrize("name", ["", "/x", "ä", "x" * 256])
    def test_a_name_that_no_map_has_is_refused(self, nodes: Processes, name: str) -> None:
        reply = send("POST", f"{nodes.url('beacon')}/state/proof", wire.to_text(StateQuestion(name, None)))
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (422, "malformed_name")


class TestGovernance:
    def test_two_thirds_of_the_weight_suspend_a_pool(
        self, nodes: Processes, beacon: BeaconClient, member: Member
    ) -> None:
        pool = Pool(fresh_name("pool")).register(beacon, member)
        motion = Motion("suspend", beacon.validators().epoch + 900, os.urandom(8), {"kind": "pool", "name": pool.name})
        for name in ("bank", "court"):
            beacon.submit_ballot(Ballot(NETWORK, name, motion).sign(governance(nodes, name)).render())
        moved = eventually(lambda: [one for one in beacon.motions().motions if len(one.voters) == 2])[0]
        assert (moved.action, moved.carried, beacon.pool(pool.name).suspended) == ("suspend", None, False)

        beacon.submit_ballot(Ballot(NETWORK, "chamber", motion).sign(governance(nodes, "chamber")).render())
        eventually(lambda: beacon.pool(pool.name).suspended)
        carried = next(one for one in beacon.motions().motions if one.digest == motion.digest)
        assert carried.carried
        assert set(carried.voters) == {"bank", "court", "chamber"}

    def test_a_ballot_that_another_key_signed_is_refused(self, nodes: Processes, beacon: BeaconClient) -> None:
        motion = Motion("leave", beacon.validators().epoch + 900, os.urandom(8), {"name": "court"})
        forged = Ballot(NETWORK, "bank", motion).sign(governance(nodes, "court")).render()
        with pytest.raises(Declined) as problem:
            beacon.submit_ballot(forged)
        assert problem.value.code == "invalid_ballot"

    def test_a_ballot_to_restart_is_not_taken_here(self, nodes: Processes, beacon: BeaconClient) -> None:
        content = {"key": str(nodes.network.beacon.key), "root": to_base64(bytes(32)), "size": 5}
        motion = Motion("restart", 10**6, os.urandom(8), content)
        with pytest.raises(Declined) as problem:
            beacon.submit_ballot(Ballot(NETWORK, "bank", motion).sign(governance(nodes, "bank")).render())
        assert problem.value.code == "invalid_motion"


class TestSlashings:
    @pytest.mark.parametrize("proof", ["", "{}", "x" * 70_000])
    def test_what_proves_nothing_is_refused(self, beacon: BeaconClient, proof: str) -> None:
        with pytest.raises(Declined) as problem:
            beacon.submit_slashing(proof)
        assert problem.value.status == 422
        assert beacon.offences() == ()
