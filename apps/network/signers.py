"""Signers: whatever signs for a node without handing out the key.

`COSIGNERS` in a validator's settings names the function that opens them, here `from_files`. A PKCS #11 token or a key
management service stands behind a function of the same shape: from a validator's name and one of its key sets to one
signer for each of its keys, in their order. `GOVERNANCE_SIGNER` names the one of the key that signs ballots.
"""

from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.conf import settings

from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import read_key
from audit_chain.beacon.key_set import KeySet
from audit_chain.log.keys import COSIGN_ED25519, CosignerEd25519, CosignerMLDSA44, NoteSigner, VerifierKey
from audit_chain.log.note import Signature


class Cosigner(Protocol):
    """Cosigns checkpoints with one key; `audit_chain.log.keys.CosignerEd25519` is one."""

    @property
    def verifier_key(self) -> VerifierKey: ...

    def cosign(self, checkpoint_text: str, timestamp: int) -> Signature:
        """The cosignature of a checkpoint's note text, at POSIX seconds. Any exception means that none was made."""
        ...


class Signer(Protocol):
    """Signs notes with one key; `audit_chain.log.keys.NoteSigner` is one."""

    @property
    def verifier_key(self) -> VerifierKey: ...

    def sign(self, text: str) -> Signature:
        """The signature of a note text."""
        ...


def from_files(name: str, keys: KeySet) -> tuple[Cosigner, ...]:
    """The signers of a key set whose keys are files in VAR_DIR/keys/validators/<name>/."""
    folder = settings.VAR_DIR / "keys" / "validators" / name
    return tuple(_from_file(key_path(folder, key), key.name, key) for key in keys.keys)


def governance_from_file(name: str, key: VerifierKey) -> Signer:
    """The signer of a validator's governance key, a file beside its others, or put there for the moment."""
    signer = NoteSigner(
        key.name,
        read_key(settings.VAR_DIR / "keys" / "validators" / name / "governance.pem", Ed25519PrivateKey),
    )
    if signer.verifier_key != key:
        raise NetworkFileInvalid(f"governance.pem of {name} is not the key that the network file names")
    return signer


def key_path(folder: Path, key: VerifierKey) -> Path:
    """Where a cosigner key lies: a validator's first keys by their kind, later ones by kind and key ID."""
    kind = "ed25519" if key.kind == COSIGN_ED25519 else "mldsa44"
    later = folder / f"{kind}-{key.key_id.hex()}.pem"
    return later if later.exists() else folder / f"{kind}.pem"


def _from_file(path: Path, name: str, key: VerifierKey) -> Cosigner:
    if key.kind == COSIGN_ED25519:
        return CosignerEd25519(name, read_key(path, Ed25519PrivateKey))
    return CosignerMLDSA44(name, read_key(path, MLDSA44PrivateKey))
