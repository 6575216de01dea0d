"""Writes the vectors of log formats that are missing in `tests/vectors/`: `python -m tests.core.make_log_vectors`.

Existing files are left alone: a vector is evidence of what was once true, and ML-DSA signatures differ each time.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore
from audit_chain.log.tiles import encode_entry_bundle, tile_at, tile_path
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.log.witness import AddCheckpointRequest
from tests.core.log_cast import (
    BANK,
    BANK_MLDSA,
    CHAMBER,
    COURT,
    COURT_MLDSA,
    LOG_SIGNER,
    NOON,
    ORIGIN,
    STRANGER,
    TREE,
    VALIDATORS,
    checkpoint,
    ed25519,
    flipped,
    signed,
)

FOLDER = Path(__file__).resolve().parents[1] / "vectors"

Vector = dict[str, Any]

POLICY = TrustPolicy.for_network([LOG_SIGNER.verifier_key], VALIDATORS).render().decode()
PROOF = TlogProof(7, tuple(TREE.inclusion_proof(7)), signed(20, BANK, COURT).render())


def tlog_proofs() -> Iterator[tuple[str, Vector]]:
    def vector(proof: TlogProof | bytes, expected: str = "accepted", entry: str = "entry 7") -> Vector:
        data = proof if isinstance(proof, bytes) else proof.render()
        return {"entry": entry, "expected": expected, "policy": POLICY, "proof": data.decode()}

    def with_note(note: Note) -> TlogProof:
        return replace(PROOF, checkpoint=note.render())

    note = signed(20, BANK, COURT)
    good = PROOF.render()
    impostor = CosignerEd25519(COURT.name, ed25519(98))
    elsewhere = NoteSigner("log.example/two", ed25519(1))
    first, *between, last = PROOF.hashes

    yield "happy-path", vector(PROOF)
    yield "happy-path-mldsa44", vector(with_note(signed(20, BANK_MLDSA, COURT_MLDSA)))
    yield "unknown-signature-beside", vector(with_note(note.with_signatures(STRANGER.sign(note.text))))
    yield "extra-data", vector(replace(PROOF, extra=b"context"))
    yield "other-entry", vector(PROOF, "InvalidInclusionProof", entry="entry 8")
    yield "other-index", vector(replace(PROOF, index=6), "InvalidInclusionProof")
    yield "index-outside-tree", vector(replace(PROOF, index=20), "InvalidInclusionProof")
    yield "truncated-proof", vector(replace(PROOF, hashes=PROOF.hashes[:-1]), "InvalidInclusionProof")
    yield "trailing-hash", vector(replace(PROOF, hashes=(*PROOF.hashes, last)), "InvalidInclusionProof")
    yield "swapped-hashes", vector(replace(PROOF, hashes=(last, *between, first)), "InvalidInclusionProof")
    yield "other-checkpoint", vector(with_note(signed(19, BANK, COURT)), "InvalidInclusionProof")
    yield "one-cosignature-too-few", vector(with_note(signed(20, BANK)), "QuorumNotReached")
    yield "two-keys-of-one-validator", vector(with_note(signed(20, BANK, BANK_MLDSA)), "QuorumNotReached")
    yield (
        "cosignature-repeated",
        vector(with_note(Note(note.text, (*note.signatures[:2], note.signatures[1]))), "QuorumNotReached"),
    )
    yield "impostor-under-a-known-name", vector(with_note(signed(20, BANK, impostor)), "QuorumNotReached")
    yield (
        "cosignature-flipped-bit",
        vector(
            with_note(Note(note.text, (*note.signatures, flipped(CHAMBER.cosign(note.text, NOON))))), "InvalidSignature"
        ),
    )
    yield (
        "cosignature-of-another-size",
        vector(
            with_note(Note(note.text, (*note.signatures[:2], COURT.cosign(signed(19).text, NOON)))), "InvalidSignature"
        ),
    )
    yield (
        "log-signature-flipped-bit",
        vector(with_note(Note(note.text, (flipped(note.signatures[0]), *note.signatures[1:]))), "InvalidSignature"),
    )
    yield "log-signature-missing", vector(with_note(Note(note.text, note.signatures[1:])), "InvalidSignature")
    yield "log-signed-by-another-key", vector(with_note(signed(20, BANK, COURT, signer=STRANGER)), "InvalidSignature")
    yield "unlisted-log", vector(with_note(signed(20, BANK, COURT, signer=elsewhere)), "UnknownOrigin")
    yield "header-of-another-version", vector(good.replace(b"@v1", b"@v2"), "MalformedTlogProof")
    yield "leading-zero-in-index", vector(good.replace(b"index 7", b"index 07"), "MalformedTlogProof")
    yield "leading-zero-in-size", vector(good.replace(b"\n20\n", b"\n020\n"), "MalformedTlogProof")
    yield "carriage-returns", vector(good.replace(b"\n", b"\r\n"), "MalformedTlogProof")
    yield "missing-empty-line", vector(good.replace(b"\n\nlog", b"\nlog"), "MalformedTlogProof")
    yield "missing-final-newline", vector(good[:-1], "MalformedTlogProof")
    yield "unpadded-hash", vector(good.replace(b"=\n", b"\n", 1), "MalformedTlogProof")
    yield "stray-bits-in-a-hash", vector(_with_stray_bits(good), "MalformedTlogProof")
    yield "64-hashes", vector(replace(PROOF, hashes=(first,) * 64), "MalformedTlogProof")


def _with_stray_bits(data: bytes) -> bytes:
    """The first padded hash with its last base64 character one further: the same bytes, spelt differently."""
    end = data.index(b"=\n")
    return data[: end - 1] + bytes([data[end - 1] + 1]) + data[end:]


def add_checkpoints() -> Iterator[tuple[str, Vector]]:
    def vector(
        request: AddCheckpointRequest | bytes, latest: int | None, status: int, size: int | None = None
    ) -> Vector:
        data = request if isinstance(request, bytes) else request.render()
        return {
            "latest": None if latest is None else checkpoint(latest).text(),
            "log": str(LOG_SIGNER.verifier_key),
            "request": data.decode(),
            "size": size,
            "status": status,
        }

    def request(old: int, new: int) -> AddCheckpointRequest:
        return AddCheckpointRequest(old, tuple(TREE.consistency_proof(old, new)), signed(new).render())

    fork_text = LogCheckpoint(ORIGIN, 20, bytes(32)).text()
    fork = Note(fork_text, (LOG_SIGNER.sign(fork_text),)).render()
    grow = request(7, 20)
    note = signed(20)
    elsewhere = NoteSigner("log.example/two", ed25519(1))

    yield "first-checkpoint", vector(request(0, 20), None, 200)
    yield "growth", vector(grow, 7, 200)
    yield "same-checkpoint-again", vector(request(20, 20), 20, 200)
    yield "empty-tree", vector(request(0, 0), None, 200)
    yield "old-above-new", vector(replace(grow, old_size=21), 7, 400)
    yield "leading-zero-in-old", vector(grow.render().replace(b"old 7", b"old 07"), 7, 400)
    yield "no-old-line", vector(grow.render().removeprefix(b"old 7\n"), 7, 400)
    yield "64-proof-lines", vector(replace(grow, proof=grow.proof[:1] * 64), 7, 400)
    yield (
        "log-signature-flipped-bit",
        vector(replace(grow, note=Note(note.text, (flipped(note.signatures[0]),)).render()), 7, 403),
    )
    yield "log-signed-by-another-key", vector(replace(grow, note=signed(20, signer=STRANGER).render()), 7, 403)
    yield "unknown-log", vector(replace(grow, note=signed(20, signer=elsewhere).render()), 7, 404)
    yield "witness-is-ahead", vector(grow, 8, 409, 8)
    yield "witness-is-behind", vector(grow, None, 409, 0)
    yield "old-zero-to-learn-the-size", vector(request(0, 20), 7, 409, 7)
    yield "fork", vector(replace(grow, note=fork), 7, 422)
    yield "second-root-at-one-size", vector(replace(request(20, 20), note=fork), 20, 422)
    yield "empty-proof", vector(replace(grow, proof=()), 7, 422)
    yield "truncated-proof", vector(replace(grow, proof=grow.proof[:-1]), 7, 422)
    yield "swapped-proof", vector(replace(grow, proof=grow.proof[::-1]), 7, 422)
    yield "proof-from-nothing", vector(replace(request(0, 20), proof=grow.proof), None, 422)


def canonical_json() -> Iterator[tuple[str, Vector]]:
    accepted = {
        "seal-entry": '{"previous":null,"time":"2026-11-22T12:00:00Z","type":"seal","v":1}',
        "names-in-utf-16-order": '{"\U0001f602":2,"\ufb33":1}',
        "control-characters": '"\\u0000\\b\\t\\n\\f\\r\\u001f\x7f\\"\\\\/"',
        "largest-integer": "9007199254740991",
        "empty-containers": "[[],{}]",
    }
    refused = {
        "white-space": '{"a": 1}',
        "final-newline": "{}\n",
        "names-out-of-order": '{"b":1,"a":2}',
        "names-in-code-point-order": '{"\ufb33":1,"\U0001f602":2}',
        "repeated-name": '{"a":1,"a":1}',
        "fraction": "1.5",
        "whole-number-as-fraction": "1.0",
        "exponent": "1e2",
        "negative-zero": "-0",
        "leading-zero": "01",
        "integer-of-54-bits": "9007199254740992",
        "needless-escape": '"\\u0041"',
        "escaped-solidus": '"\\/"',
        "capital-hex-escape": '"\\u001F"',
        "lone-surrogate": '"\\ud800"',
        "byte-order-mark": "\ufeff{}",
        "nested-33-deep": "[" * 33 + "]" * 33,
        "not-a-number": "NaN",
        "single-quotes": "'a'",
    }
    for name, text in accepted.items():
        yield name, {"expected": "accepted", "json": text}
    for name, text in refused.items():
        yield name, {"expected": "MalformedJSON", "json": text}


def sealed_logs() -> Iterator[tuple[str, Vector]]:
    yield "one-entry", _sealed_log([1])
    yield "heartbeat-only", _sealed_log([0])
    yield "three-batches", _sealed_log([3, 0, 12])
    yield "a-full-tile-and-one", _sealed_log([256])
    yield "growth-of-a-partial-tile", _sealed_log([100, 200])


def _sealed_log(batches: list[int]) -> Vector:
    """Batches of entries "batch/position", each sealed one minute after the one before, and all that follows."""
    store = MemoryLogStore()
    log = SealedLog(store, LOG_SIGNER)
    notes = []
    for batch, count in enumerate(batches):
        log.append([b"%d/%d" % (batch, position) for position in range(count)])
        seal = log.seal(f"2026-11-22T12:{batch:02}:00Z", heartbeat=True)
        if seal is None:
            raise RuntimeError("a heartbeat always seals")
        notes.append(seal.note.decode())
    size = store.head().tree_size
    resources = {}
    for index in range(-(-size // 256)):
        hashes, entries = tile_at(0, index, size=size), tile_at(-1, index, size=size)
        resources[tile_path(hashes)] = store.read_tiles([(0, index)])[0, index]
        start = index * 256
        resources[tile_path(entries)] = encode_entry_bundle(store.read_entries(start, start + entries.width))
    if size >= 256:
        resources[tile_path(tile_at(1, 0, size=size))] = store.read_tiles([(1, 0)])[1, 0]
    return {
        "batches": batches,
        "checkpoints": notes,
        "private_key": LOG_SIGNER.key.private_bytes_raw().hex(),
        "origin": ORIGIN,
        "sha256_of_resources": {path: sha256(data).hexdigest() for path, data in sorted(resources.items())},
        "last_entry": b64encode(store.read_entries(size - 1, size)[0]).decode(),
    }


FORMATS = {
    "add-checkpoint": add_checkpoints,
    "canonical-json": canonical_json,
    "sealed-log": sealed_logs,
    "tlog-proof": tlog_proofs,
}


def main() -> None:
    for name, vectors in FORMATS.items():
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        for mutation, vector in vectors():
            file = folder / f"{mutation}.json"
            if not file.exists():
                file.write_text(json.dumps(vector, indent=1, ensure_ascii=True, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
