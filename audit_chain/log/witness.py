"""Witnessing: the request for a cosignature, the checks before it is given, the answer (C2SP tlog-witness).

    old 4
    KwR1R6Ax4b2cmPX4l6LM3Omo4GP54MU3RqcJST9USsI=

    tallystick.local/beacon
    7
    JpZOQJ0Lgb4bbXboaby0r1DnNLw+nNfqqSKpC5diSEU=

    — tallystick.local/beacon NW7vrRBGZPtFyEc+K3ozjSoLpMGM3w2EWfYB1lGy0eISBi3UQEoyT1Uci7N6ewa7NxOizop9tV+S91KpxBLD6z52jA4=

The answer is one signature line for each of the witness's keys.
"""  # noqa: E501 - a signature line cannot be wrapped

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from audit_chain.encoding import from_decimal, to_base64
from audit_chain.errors import (
    InvalidConsistencyProof,
    InvalidSignature,
    Malformed,
    MalformedNote,
    MalformedRequest,
    RefusedInconsistent,
    RefusedMalformed,
    RefusedOldSize,
    RefusedOrigin,
    RefusedSignature,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import (
    MAX_NOTE_SIZE,
    MAX_SIGNATURES,
    Note,
    Signature,
    parse_signature_lines,
    render_signature_lines,
    verified_signatures,
)
from audit_chain.log.tlog_proof import parse_hash_lines
from audit_chain.merkle.hashing import EMPTY_ROOT
from audit_chain.merkle.proof import verify_consistency


@dataclass(frozen=True, slots=True)
class AddCheckpointRequest:
    """The size that the witness cosigned last, the proof from there, and the new checkpoint's note."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The request of a body; MalformedRequest, which is HTTP status 400, also for its note."""
        head, separator, note = body.partition(b"\n\n")
        if not separator:
            raise MalformedRequest("no empty line before the checkpoint")
        try:
            old, *hashes = head.decode("ascii").split("\n")
            if not old.startswith("old "):
                raise MalformedRequest("no old size line")
            request = cls(from_decimal(old.removeprefix("old ")), parse_hash_lines(hashes), note)
            LogCheckpoint.parse(Note.parse(note).text)
        except UnicodeDecodeError:
            raise MalformedRequest("not ASCII above the checkpoint") from None
        except MalformedRequest:
            raise
        except Malformed as error:
            raise MalformedRequest(str(error)) from None
        return request

    def render(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old_size}", *map(to_base64, self.proof)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.note


def check_request(
    request: AddCheckpointRequest, *, log_keys: Mapping[str, VerifierKey], latest: LogCheckpoint | None
) -> LogCheckpoint:
    """The checkpoint to store and then cosign, in one transaction with reading `latest`.

    `latest` is what the witness cosigned last for the same origin, None before the first. Raises a
    Refused with the status that C2SP tlog-witness, "add-checkpoint", gives to the first check that fails.
    """
    note = Note.parse(request.note)
    checkpoint = LogCheckpoint.parse(note.text)
    _check_log(note, checkpoint, log_keys)
    if request.old_size > checkpoint.size:
        raise RefusedMalformed(
            "old size above checkpoint size", expected=f"at most {checkpoint.size}", got=request.old_size
        )
    cosigned_size = latest.size if latest else 0
    if request.old_size != cosigned_size:
        raise RefusedOldSize(
            "old size is not the latest one cosigned", expected=cosigned_size, got=request.old_size, size=cosigned_size
        )
    _check_extends(request, checkpoint, latest)
    return checkpoint


def _check_log(note: Note, checkpoint: LogCheckpoint, log_keys: Mapping[str, VerifierKey]) -> None:
    key = log_keys.get(checkpoint.origin)
    if key is None:
        raise RefusedOrigin("unknown log")
    try:
        verified_signatures(note, [key])
    except InvalidSignature as error:
        raise RefusedSignature(f"invalid signature: {error}") from None


def _check_extends(request: AddCheckpointRequest, checkpoint: LogCheckpoint, latest: LogCheckpoint | None) -> None:
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise RefusedInconsistent("root of an empty tree", expected=EMPTY_ROOT.hex(), got=checkpoint.root.hex())
    if request.old_size == 0 or latest is None:
        if request.proof:
            raise RefusedInconsistent(
                "consistency proof from an empty tree", expected="no lines", got=len(request.proof)
            )
        return
    try:
        verify_consistency(
            old_size=latest.size,
            old_root=latest.root,
            new_size=checkpoint.size,
            new_root=checkpoint.root,
            proof=request.proof,
        )
    except InvalidConsistencyProof as error:
        raise RefusedInconsistent(f"invalid consistency proof: {error}") from None


def parse_cosignatures(body: bytes) -> list[Signature]:
    """The signatures of a witness's answer, not yet verified."""
    if len(body) > MAX_NOTE_SIZE:
        raise MalformedRequest("answer is too large", expected=f"at most {MAX_NOTE_SIZE} bytes", got=len(body))
    try:
        signatures = list(parse_signature_lines(body.decode("utf-8")))
    except (UnicodeDecodeError, MalformedNote) as error:
        raise MalformedRequest(f"answer is not signature lines: {error}") from None
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedRequest("too many cosignatures", expected=f"at most {MAX_SIGNATURES}", got=len(signatures))
    return signatures


def render_cosignatures(signatures: Iterable[Signature]) -> bytes:
    """The body of a witness's answer."""
    return render_signature_lines(signatures).encode()
