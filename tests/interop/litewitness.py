"""A litewitness of torchwood's, running on this machine with its own ssh-agent."""

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from shutil import which

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.network_file import WitnessNode
from audit_chain.encoding import to_base64
from audit_chain.log.keys import CosignerEd25519, VerifierKey
from audit_chain.merkle.hashing import EMPTY_ROOT
from tests.nodes.cast import key_of
from tests.nodes.processes import eventually, free_port

KEY = key_of(51)
COSIGNER = CosignerEd25519("witness.example/litewitness", KEY)


def a_witness() -> WitnessNode:
    """A witness at a free address, where nothing answers yet."""
    return WitnessNode(name="litewitness", url=f"http://127.0.0.1:{free_port()}", key=COSIGNER.verifier_key)


@contextmanager
def running(program: Path, witness: WitnessNode, *, log: VerifierKey) -> Iterator[None]:
    """A litewitness at that address, which knows the log with this key and has signed nothing yet."""
    with ExitStack() as stack:
        # A socket's path may have some 100 characters, fewer than pytest's own folders.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="witness-")))
        agent = run_agent(folder, stack)
        arguments = [
            f"-ssh-agent={agent}",
            f"-db={folder}/witness.db",
            f"-listen={witness.url.removeprefix('http://')}",
        ]
        arguments += [f"-name={COSIGNER.name}", f"-key={fingerprint(KEY)}"]
        run([str(program), *arguments], folder / "witness.log", stack)
        eventually(lambda: is_listening(witness.url))
        tell_of_log(folder / "witness.db", log)
        yield


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


def tell_of_log(database: Path, key: VerifierKey) -> None:
    """What `witnessctl add-log` and `add-key` write. It does not build where sigsum.org's packages cannot be had."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO log VALUES (?, 0, ?)", (key.name, to_base64(EMPTY_ROOT)))
        connection.execute("INSERT INTO key VALUES (?, ?)", (key.name, str(key)))


def is_listening(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
