"""Keys that sign and verify notes: verifier keys as text, signers, private keys as PEM (C2SP signed-note).

    tallystick.local/beacon+356eefad+AUy1q/atefv1q7zK/MJp2FzSZR7UuIW1hp8kGu3wpbop

A verifier key is `name+key ID in hex+base64(kind || public key)`. The key ID is the first four bytes of
SHA-256(name || newline || kind || public key), so name and key cannot be exchanged unnoticed.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import NewType, Self, TypeAlias

from cryptography.exceptions import InvalidSignature as _LibraryInvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from audit_chain.encoding import from_base64, from_hex, to_base64
from audit_chain.errors import (
    InvalidSignature,
    MalformedCheckpoint,
    MalformedCosignature,
    MalformedEncoding,
    MalformedKey,
    MalformedNote,
)
from audit_chain.log.cosignature import (
    ED25519_SIGNATURE_SIZE,
    MLDSA44_SIGNATURE_SIZE,
    ed25519_message,
    join_cosignature,
    mldsa44_message,
    split_cosignature,
)
from audit_chain.log.note import KEY_ID_SIZE, Signature, check_key_name, check_text

KeyKind = NewType("KeyKind", int)
"""Signature type byte (C2SP signed-note, "Signature types")."""

NOTE_ED25519 = KeyKind(0x01)
COSIGN_ED25519 = KeyKind(0x04)
COSIGN_MLDSA44 = KeyKind(0x06)

PUBLIC_KEY_SIZES = {NOTE_ED25519: 32, COSIGN_ED25519: 32, COSIGN_MLDSA44: 1312}
"""Bytes of the public key of each kind."""

PrivateKey: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key of one kind; the key ID follows from the rest."""

    name: str
    kind: KeyKind
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key of a vkey text; MalformedKey where its key ID is not its own."""
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise MalformedKey("not a verifier key", expected="name+id+key", got=f"{len(parts)} parts")
        name, key_id_hex, encoded = parts
        try:
            check_key_name(name)
            key_id, data = from_hex(key_id_hex), from_base64(encoded)
        except (MalformedNote, MalformedEncoding) as error:
            raise MalformedKey(f"not a verifier key: {error}") from None
        if not data:
            raise MalformedKey("verifier key has no kind and no key")
        key = cls(name, KeyKind(data[0]), data[1:])
        if key.kind not in PUBLIC_KEY_SIZES:
            raise MalformedKey("unknown kind of key", expected="1, 4 or 6", got=key.kind)
        if len(key.public) != PUBLIC_KEY_SIZES[key.kind]:
            raise MalformedKey(
                "public key has the wrong length", expected=PUBLIC_KEY_SIZES[key.kind], got=len(key.public)
            )
        if key.key_id != key_id:
            raise MalformedKey("key ID does not belong to name and key", expected=key.key_id.hex(), got=key_id.hex())
        return key

    @property
    def key_id(self) -> bytes:
        """First four bytes of the hash over name, kind and public key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID_SIZE]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    def verify(self, text: str, blob: bytes) -> None:
        """Nothing, where the blob is this key's signature or cosignature of the note text."""
        try:
            if self.kind == NOTE_ED25519:
                self._verify_raw(blob, text.encode())
            elif self.kind == COSIGN_ED25519:
                timestamp, raw = split_cosignature(blob, signature_size=ED25519_SIGNATURE_SIZE)
                self._verify_raw(raw, ed25519_message(text, timestamp))
            else:
                timestamp, raw = split_cosignature(blob, signature_size=MLDSA44_SIGNATURE_SIZE)
                self._verify_raw(raw, mldsa44_message(text, timestamp, cosigner=self.name))
        except (MalformedCosignature, MalformedCheckpoint) as error:
            raise InvalidSignature(f"signature of {self.name} cannot hold: {error}") from None
        except _LibraryInvalidSignature:
            raise InvalidSignature(f"signature of {self.name} does not verify") from None

    def _verify_raw(self, signature: bytes, message: bytes) -> None:
        if self.kind == COSIGN_MLDSA44:
            MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """Signs note texts as `name`, with a plain Ed25519 signature."""

    name: str
    key: Ed25519PrivateKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def verifier_key(self) -> VerifierKey:
        return VerifierKey(self.name, NOTE_ED25519, self.key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """Signature of a note text, which ends in a newline."""
        return _signature(self.verifier_key, self.key.sign(check_text(text).encode()))


@dataclass(frozen=True, slots=True)
class CosignerEd25519:
    """Cosigns checkpoints as `name` with Ed25519. One key serves one name: the message does not hold it."""

    name: str
    key: Ed25519PrivateKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def verifier_key(self) -> VerifierKey:
        return VerifierKey(self.name, COSIGN_ED25519, self.key.public_key().public_bytes_raw())

    def cosign(self, checkpoint_text: str, timestamp: int) -> Signature:
        """Cosignature of a checkpoint's note text, at POSIX seconds."""
        raw = self.key.sign(ed25519_message(check_text(checkpoint_text), timestamp))
        return _signature(self.verifier_key, join_cosignature(timestamp, raw))


@dataclass(frozen=True, slots=True)
class CosignerMLDSA44:
    """Cosigns checkpoints as `name` with ML-DSA-44."""

    name: str
    key: MLDSA44PrivateKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def verifier_key(self) -> VerifierKey:
        return VerifierKey(self.name, COSIGN_MLDSA44, self.key.public_key().public_bytes_raw())

    def cosign(self, checkpoint_text: str, timestamp: int) -> Signature:
        """Cosignature of a checkpoint's note text, at POSIX seconds."""
        raw = self.key.sign(mldsa44_message(checkpoint_text, timestamp, cosigner=self.name))
        return _signature(self.verifier_key, join_cosignature(timestamp, raw))


def private_key_pem(key: PrivateKey) -> bytes:
    """Unencrypted PKCS #8 in PEM; an ML-DSA-44 key in its 32-byte seed form."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private_key(pem: bytes) -> PrivateKey:
    """The Ed25519 or ML-DSA-44 key of an unencrypted PKCS #8 PEM."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedKey("not an unencrypted private key in PEM") from None
    if not isinstance(key, (Ed25519PrivateKey, MLDSA44PrivateKey)):
        raise MalformedKey("not a key for logs", expected="Ed25519 or ML-DSA-44", got=type(key).__name__)
    return key


def _signature(key: VerifierKey, blob: bytes) -> Signature:
    return Signature(key.name, key.key_id, blob)
