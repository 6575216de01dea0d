"""Logs that others keep and our validators are told to witness, and what others' software reads of ours."""

from pathlib import Path

from apps.network.beacon_client import BeaconClient
from apps.network.network_file import NetworkFile
from audit_chain.encoding import to_base64
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from tests.nodes.cast import key_of

TESSERA_LOG = NoteSigner("tessera.example/log", key_of(31))
TORCHWOOD_LOG = NoteSigner("torchwood.example/log", key_of(32))
UNKNOWN_LOG = NoteSigner("unknown.example/log", key_of(33))
FURTHER_LOGS = (TESSERA_LOG, TORCHWOOD_LOG)


def further_logs() -> str:
    """The operator's file that makes a validator witness them."""
    return "".join(f"log {signer.verifier_key}\n" for signer in FURTHER_LOGS) + "quorum none\n"


def signing_key(signer: NoteSigner) -> str:
    """The signer as Go's note package writes it; C2SP signed-note has no text for private keys."""
    key_id = signer.verifier_key.key_id.hex()
    return f"PRIVATE+KEY+{signer.name}+{key_id}+{to_base64(bytes([1]) + signer.key.private_bytes_raw())}"


def policy_of(network: NetworkFile, *, quorum: str) -> str:
    """A policy with the validators' Ed25519 keys; ML-DSA-44 is newer than some of the software that reads it."""
    names = [node.name for node in network.validators]
    lines = [f"log {network.beacon.key}"]
    lines += [f"witness {node.name} {node.keys[0]} {node.url}" for node in network.validators]
    lines += [f"group validators {quorum} {' '.join(names)}", "quorum validators"]
    return "".join(f"{line}\n" for line in lines)


def written(path: Path, content: str | bytes) -> str:
    """The path as text, after writing its content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def final_checkpoint(beacon: BeaconClient) -> LogCheckpoint:
    """The latest that the beacon publishes."""
    return LogCheckpoint.parse(Note.parse(beacon.log.checkpoint()).text)
