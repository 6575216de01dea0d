"""torchwood's litewitness cosigns the beacon's checkpoints, as a witness without a vote."""

from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.beacon_client import BeaconClient
from apps.network.gathering import Gathering
from apps.network.key_files import read_key
from apps.network.network_file import WitnessNode
from apps.network.witness_client import AnotherSize, Cosigned, NotSigned, WitnessClient
from audit_chain.errors import QuorumNotReached
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.tiles import TileNodes
from audit_chain.log.witness import AddCheckpointRequest
from audit_chain.merkle.prover import consistency_proof
from tests.interop.cast import final_checkpoint
from tests.interop.go_programs import GoProgram
from tests.interop.litewitness import COSIGNER, a_witness, running
from tests.nodes.cast import Member
from tests.nodes.processes import Processes, eventually

pytestmark = pytest.mark.xdist_group("interop")

LITEWITNESS = ("torchwood", "filippo.io/torchwood/cmd/litewitness")


@pytest.fixture
def witness(go_program: GoProgram, network: Processes) -> Iterator[WitnessNode]:
    """A litewitness that knows the beacon's log and has signed nothing yet."""
    witness = a_witness()
    with running(go_program(*LITEWITNESS), witness, log=network.network.beacon.key):
        yield witness


@pytest.fixture
def client(witness: WitnessNode) -> Iterator[WitnessClient]:
    client = WitnessClient(witness.name, witness.url, (witness.key,))
    yield client
    client.close()


@pytest.fixture
def grow(beacon: BeaconClient, member: Member) -> Callable[[], LogCheckpoint]:
    """Call it for a final checkpoint of the beacon that is larger than all before."""

    def more() -> LogCheckpoint:
        before = final_checkpoint(beacon).size
        digest = sha256(before.to_bytes(8, "big")).digest()
        beacon.submit_evidence(member.deposit(digest))
        eventually(lambda: final_checkpoint(beacon).size > before)
        return final_checkpoint(beacon)

    return more


def sealed(network: Processes, beacon: BeaconClient) -> bytes:
    """The beacon's latest final checkpoint with its own signature only, as the sequencer sends it.

    litewitness takes no more than 10 kB, and the validators' ML-DSA-44 cosignatures are 14 kB.
    """
    note = Note.parse(beacon.log.checkpoint())
    key = network.network.beacon.key
    return Note(note.text, tuple(signature for _, signature in verified_signatures(note, [key]))).render()


def size_of(note: bytes) -> int:
    return LogCheckpoint.parse(Note.parse(note).text).size


def prove(beacon: BeaconClient) -> Callable[[int, int], list[bytes]]:
    return lambda old, new: consistency_proof(old, new, TileNodes(beacon.log.tile_reader(new), new))


def test_the_beacon_shows_its_cosignature_beside_the_validators(
    go_program: GoProgram,
    network: Processes,
    notary: WitnessNode,
    beacon: BeaconClient,
    grow: Callable[[], LogCheckpoint],
) -> None:
    def shown() -> bool:
        note = Note.parse(beacon.log.checkpoint())
        return notary.key.key_id in [signature.key_id for signature in note.signatures]

    assert not shown()
    with running(go_program(*LITEWITNESS), notary, log=network.network.beacon.key):
        network.kill("sequencer")  # It has found nobody at that address so far, and would ask again only after a while.
        network.start("sequencer")
        grow()
        eventually(shown)
        note = Note.parse(beacon.log.checkpoint())
    keys = [notary.key, *(node.keys[0] for node in network.network.validators)]
    assert notary.key in [key for key, _ in verified_signatures(note, keys)]
    network.network.policy().verify_cosignatures(note)


def test_it_cosigns_the_beacons_checkpoint_as_it_grows(
    network: Processes, beacon: BeaconClient, client: WitnessClient, grow: Callable[[], LogCheckpoint]
) -> None:
    gathering = Gathering([client], prove(beacon))
    signed = []
    for _ in range(3):
        note = sealed(network, beacon)
        gathering.aim(note, size_of(note))
        (cosigning,) = eventually(lambda: gathering.step(5))
        assert (cosigning.witness, cosigning.size) == ("litewitness", size_of(note))
        (signature,) = cosigning.signatures
        COSIGNER.verifier_key.verify(Note.parse(note).text, signature.blob)
        assert timestamp_of(signature) > 1_700_000_000
        signed.append(cosigning.size)
        grow()
    gathering.close()
    assert signed == sorted(set(signed))


def test_its_cosignature_is_no_vote(network: Processes, beacon: BeaconClient, client: WitnessClient) -> None:
    note = sealed(network, beacon)
    answer = client.add_checkpoint(AddCheckpointRequest(0, (), note))
    assert isinstance(answer, Cosigned)
    cosigned = Note.parse(note).with_signatures(*answer.signatures)
    policy = network.network.policy()
    policy.verify_log(cosigned)
    with pytest.raises(QuorumNotReached):
        policy.verify_cosignatures(cosigned)


def test_it_names_the_size_that_it_signed_last(network: Processes, beacon: BeaconClient, client: WitnessClient) -> None:
    note = sealed(network, beacon)
    assert isinstance(client.add_checkpoint(AddCheckpointRequest(0, (), note)), Cosigned)
    assert client.add_checkpoint(AddCheckpointRequest(0, (), note)) == AnotherSize(size_of(note))


def test_it_does_not_sign_a_fork(
    network: Processes, beacon: BeaconClient, client: WitnessClient, grow: Callable[[], LogCheckpoint]
) -> None:
    note = sealed(network, beacon)
    assert isinstance(client.add_checkpoint(AddCheckpointRequest(0, (), note)), Cosigned)
    grown = grow()
    text = LogCheckpoint(grown.origin, grown.size, bytes(32)).text()
    forked = Note(text, (beacon_signer(network).sign(text),)).render()
    proof = tuple(prove(beacon)(size_of(note), grown.size))
    answer = client.add_checkpoint(AddCheckpointRequest(size_of(note), proof, forked))
    assert isinstance(answer, NotSigned)
    assert answer.status == 422


def beacon_signer(network: Processes) -> NoteSigner:
    """The sequencer's own key, to forge with."""
    key = read_key(network.var_dir / "keys" / "beacon.pem", Ed25519PrivateKey)
    return NoteSigner(network.network.beacon.key.name, key)
