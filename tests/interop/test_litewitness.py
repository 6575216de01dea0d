"""torchwood's litewitness cosigns the beacon's checkpoints, as a witness without a vote."""

import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import which

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.beacon_client import BeaconClient
from apps.network.gathering import Gathering
from apps.network.key_files import read_key
from apps.network.network_file import WitnessNode, parse
from apps.network.witness_client import AnotherSize, Cosigned, NotSigned, WitnessClient
from audit_chain.encoding import to_base64
from audit_chain.errors import QuorumNotReached
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.tiles import TileNodes
from audit_chain.log.witness import AddCheckpointRequest
from audit_chain.merkle.hashing import EMPTY_ROOT
from audit_chain.merkle.prover import consistency_proof
from tests.interop.cast import final_checkpoint
from tests.interop.go_programs import GoProgram
from tests.nodes.cast import Member, key_of
from tests.nodes.processes import Processes, eventually, free_port

pytestmark = pytest.mark.xdist_group("interop")

KEY = key_of(51)
COSIGNER = CosignerEd25519("witness.example/litewitness", KEY)


def fingerprint(key: Ed25519PrivateKey) -> str:
    """As ssh-add -l prints it."""
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    with tempfile.NamedTemporaryFile() as file:
        file.write(line)
        file.flush()
        said = subprocess.run(["ssh-keygen", "-l", "-f", file.name], capture_output=True, text=True, check=True)
    return said.stdout.split()[1]


def run_agent(folder: Path, stack: ExitStack) -> Path:
    """The socket of an ssh-agent that holds the witness's key."""
    socket = folder / "agent"
    run([_command("ssh-agent"), "-D", "-a", str(socket)], folder / "agent.log", stack)
    eventually(socket.exists)
    pem = folder / "key.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(
        KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    )
    subprocess.run([_command("ssh-add"), str(pem)], env={"SSH_AUTH_SOCK": str(socket)}, capture_output=True, check=True)
    return socket


def run(command: list[str], log: Path, stack: ExitStack) -> None:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    stack.callback(process.wait, 15)
    stack.callback(process.terminate)


def _command(name: str) -> str:
    found = which(name)
    if found is None:
        pytest.skip(f"litewitness keeps its key in an ssh-agent, and {name} is not installed")
    return found


def tell_of_log(database: Path, signer_key: object, origin: str) -> None:
    """What `witnessctl add-log` and `add-key` write. It does not build where sigsum.org's packages cannot be had."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, to_base64(EMPTY_ROOT)))
        connection.execute("INSERT INTO key VALUES (?, ?)", (origin, str(signer_key)))


@pytest.fixture
def witness(go_program: GoProgram, network: Processes) -> Iterator[WitnessNode]:
    """A litewitness that knows the beacon's log and has signed nothing yet."""
    program = go_program("torchwood", "filippo.io/torchwood/cmd/litewitness")
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        # A socket's path may have some 100 characters, fewer than pytest's own folders.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="witness-")))
        agent = run_agent(folder, stack)
        arguments = [f"-ssh-agent={agent}", f"-db={folder}/witness.db", f"-listen={address}"]
        arguments += [f"-name={COSIGNER.name}", f"-key={fingerprint(KEY)}"]
        run([str(program), *arguments], folder / "witness.log", stack)
        eventually(lambda: is_listening(f"http://{address}"))
        key = network.network.beacon.key
        tell_of_log(folder / "witness.db", key, key.name)
        yield WitnessNode(name="litewitness", url=f"http://{address}", key=COSIGNER.verifier_key)


def is_listening(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


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


def test_a_network_file_names_it(network: Processes, witness: WitnessNode) -> None:
    file = replace(network.network, witnesses=(witness,))
    assert parse(file.render()).witnesses == (witness,)


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
