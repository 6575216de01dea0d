"""Deposit: a member's signed word that it holds the file with a digest.

tallystick.local/evidence
commercial-court
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

— tallystick.local/member/commercial-court cOhT5g...
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from audit_chain.beacon.names import evidence_header, is_name, is_network
from audit_chain.encoding import from_hex, to_hex
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note

DIGEST_SIZE = sha256().digest_size


@dataclass(frozen=True, slots=True)
class Deposit:
    """What is signed: on which network, by which member, for which SHA-256 digest of a file."""

    network: str
    member: str
    digest: bytes

    def text(self) -> str:
        """The note text."""
        return f"{evidence_header(self.network)}\n{self.member}\n{to_hex(self.digest)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The deposit of a note text; MalformedEntry for any other text."""
        match text.split("\n"):
            case [header, member, digest, ""]:
                deposit = cls(header.removesuffix(evidence_header("")), member, _digest(digest))
            case lines:
                raise MalformedEntry("a deposit has three lines", expected=3, got=len(lines) - 1)
        if not is_network(deposit.network) or not is_name(deposit.member) or deposit.text() != text:
            raise MalformedEntry("a deposit names a network's evidence and a member", got=f"{len(text)} characters")
        return deposit

    def sign(self, signer: NoteSigner) -> Note:
        """The deposit note; the same signer always gives the same one."""
        text = self.text()
        return Note(text, (signer.sign(text),))


def _digest(text: str) -> bytes:
    try:
        digest = from_hex(text)
    except Malformed:
        raise MalformedEntry("a deposit's digest is lowercase hex", got=f"{len(text)} characters") from None
    if len(digest) != DIGEST_SIZE:
        raise MalformedEntry("a deposit's digest is SHA-256", expected=DIGEST_SIZE, got=len(digest))
    return digest
