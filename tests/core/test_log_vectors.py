"""The vectors in `tests/vectors/`, read as another implementation would read them."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_chain import canonical
from audit_chain.errors import AuditChainError, Malformed, Refused
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, encode_entry_bundle, parse_tile_path
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.log.witness import AddCheckpointRequest, check_request
from audit_chain.merkle.hashing import HASH_SIZE, leaf_hash

FOLDER = Path(__file__).resolve().parents[1] / "vectors"


def vectors(name: str) -> list:
    files = sorted((FOLDER / name).glob("*.json"))
    return [pytest.param(json.loads(file.read_text()), id=file.stem) for file in files]


@pytest.mark.parametrize("vector", vectors("canonical-json"))
def test_canonical_json_is_read_as_the_vector_says(vector):
    try:
        canonical.decode(vector["json"].encode())
        got = "accepted"
    except AuditChainError as error:
        got = type(error).__name__
    assert got == vector["expected"]


@pytest.mark.parametrize("vector", vectors("tlog-proof"))
def test_a_proof_is_judged_as_the_vector_says(vector):
    try:
        proof = TlogProof.parse(vector["proof"].encode())
        TrustPolicy.parse(vector["policy"].encode()).verify(proof.checkpoint)
        proof.verify(leaf_hash(vector["entry"].encode()))
        got = "accepted"
    except AuditChainError as error:
        got = type(error).__name__
    assert got == vector["expected"]


@pytest.mark.parametrize("vector", vectors("add-checkpoint"))
def test_a_witness_answers_as_the_vector_says(vector):
    key = VerifierKey.parse(vector["log"])
    latest = None if vector["latest"] is None else LogCheckpoint.parse(vector["latest"])
    try:
        check_request(AddCheckpointRequest.parse(vector["request"].encode()), log_keys={key.name: key}, latest=latest)
        got = (200, None)
    except Refused as refused:
        got = (refused.status, refused.size)
    except Malformed:
        got = (400, None)
    assert got == (vector["status"], vector["size"])


@pytest.mark.parametrize("vector", vectors("sealed-log"))
def test_a_log_comes_out_byte_for_byte_as_the_vector_says(vector):
    store = MemoryLogStore()
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key"]))
    log = SealedLog(store, NoteSigner(vector["origin"], key))
    for batch, count in enumerate(vector["batches"]):
        log.append([b"%d/%d" % (batch, position) for position in range(count)])
        seal = log.seal(f"2026-11-22T12:{batch:02}:00Z", heartbeat=True)
        assert seal.note.decode() == vector["checkpoints"][batch]
    for path, digest in vector["sha256_of_resources"].items():
        tile = parse_tile_path(path)
        if tile.level == ENTRIES:
            start = tile.index * TILE_WIDTH
            data = encode_entry_bundle(store.read_entries(start, start + tile.width))
        else:
            key = (tile.level, tile.index)
            data = store.read_tiles([key])[key][: tile.width * HASH_SIZE]
        assert sha256(data).hexdigest() == digest
    size = store.head().tree_size
    assert store.read_entries(size - 1, size) == [b64decode(vector["last_entry"])]


def test_every_folder_has_vectors_that_are_accepted_and_vectors_that_are_not():
    for name, expected in [("canonical-json", "expected"), ("tlog-proof", "expected"), ("add-checkpoint", "status")]:
        outcomes = {vector.values[0][expected] for vector in vectors(name)}
        assert outcomes & {"accepted", 200}
        assert outcomes - {"accepted", 200}
