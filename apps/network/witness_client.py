"""One witness asked over HTTP to cosign a checkpoint (C2SP tlog-witness, "add-checkpoint")."""

import hashlib
from dataclasses import dataclass

from apps.network.errors import Unreachable
from apps.network.network_file import ValidatorNode
from apps.network.transport import Answer, Transport
from audit_chain.encoding import from_decimal
from audit_chain.errors import AuditChainError
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature, verified_signatures
from audit_chain.log.witness import AddCheckpointRequest, parse_cosignatures

REASON_LIMIT = 200  # bytes
ANSWER_LIMIT = 64 * 1024  # bytes; two cosignature lines are 4 KiB


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness signed; `signatures` are those by its known keys, all verified."""

    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class AnotherSize:
    """The witness last signed the log at this size, not at the old size of the request."""

    size: int


@dataclass(frozen=True, slots=True)
class NotSigned:
    """The witness said no, or nothing. `status` is None when no usable answer came."""

    status: int | None
    reason: str


WitnessAnswer = Cosigned | AnotherSize | NotSigned


class WitnessClient:
    """Asks one witness; safe to share between threads."""

    def __init__(self, name: str, url: str, keys: tuple[VerifierKey, ...], *, answer_seconds: float = 5.0) -> None:
        self.name = name
        self._keys = keys
        self._transport = Transport(url, answer_seconds=answer_seconds, connect_seconds=min(2.0, answer_seconds))

    @classmethod
    def of(cls, node: ValidatorNode, *, answer_seconds: float = 5.0) -> "WitnessClient":
        return cls(node.name, node.url, node.all_keys, answer_seconds=answer_seconds)

    def trust(self, keys: tuple[VerifierKey, ...]) -> None:
        """From now on takes the signatures of these keys; an answer under way may still be held to the others."""
        self._keys = keys

    def add_checkpoint(self, request: AddCheckpointRequest) -> WitnessAnswer:
        """What the witness made of the request; never raises for anything that the other side does."""
        try:
            answer = self._transport.exchange("POST", "/add-checkpoint", content=request.render(), limit=ANSWER_LIMIT)
            if answer.status == 200:
                return self._cosigned(request.note, answer.body)
            if answer.status == 409:
                return AnotherSize(from_decimal(answer.body.decode("ascii").removesuffix("\n")))
        except (Unreachable, AuditChainError, UnicodeDecodeError) as problem:
            return NotSigned(None, str(problem))
        return NotSigned(answer.status, f"status {answer.status}{_reason(answer)}")

    def latest_checkpoint(self, key: VerifierKey) -> LogCheckpoint | None:
        """The checkpoint that the witness shows of the log that `key` signs; None where there is none, or no answer."""
        path = f"/{hashlib.sha256(key.name.encode()).hexdigest()}/checkpoint"
        try:
            answer = self._transport.exchange("GET", path, limit=ANSWER_LIMIT)
            if answer.status != 200:
                return None
            note = Note.parse(answer.body)
            verified_signatures(note, [key])
            checkpoint = LogCheckpoint.parse(note.text)
        except (Unreachable, AuditChainError):
            return None
        return checkpoint if checkpoint.origin == key.name else None

    def close(self) -> None:
        self._transport.close()

    def _cosigned(self, note: bytes, body: bytes) -> Cosigned:
        """tlog-witness: the answer is verified as a note made of the checkpoint's text and the returned lines."""
        returned = Note(Note.parse(note).text, tuple(parse_cosignatures(body)))
        return Cosigned(tuple(signature for _, signature in verified_signatures(returned, self._keys)))


def _reason(answer: Answer) -> str:
    """What the witness says of its refusal, as far as it is a short line of text."""
    line = answer.body[:REASON_LIMIT].partition(b"\n")[0].decode("ascii", "replace")
    return f": {line}" if answer.media_type.startswith("text/plain") and line.isprintable() and line else ""
