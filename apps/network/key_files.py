"""Private keys on disk: made once, read ever after, encrypted with a passphrase, readable by their owner alone.

A key is PKCS #8 in PEM. Its passphrase is KEY_PASSPHRASE, or the content of the file KEY_PASSPHRASE_FILE names, or,
where neither is set, the content of the file `passphrase` beside the key, which is made with the first key there.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from apps.network.errors import NetworkFileInvalid
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import PrivateKey, load_private_key

Key = TypeVar("Key", Ed25519PrivateKey, MLDSA44PrivateKey)

BESIDE = "passphrase"  # name of the file
PASSPHRASE_SIZE = 32  # random bytes of one that is made here
SHORTEST = 20  # bytes; the derivation is quick, so a short one could be guessed
ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def ed25519_key(path: Path) -> Ed25519PrivateKey:
    """The key at `path`, made first where there is none."""
    return _load_or_make(path, Ed25519PrivateKey, Ed25519PrivateKey.generate)


def mldsa44_key(path: Path) -> MLDSA44PrivateKey:
    """The key at `path`, made first where there is none."""
    return _load_or_make(path, MLDSA44PrivateKey, MLDSA44PrivateKey.generate)


def read_key(path: Path, kind: type[Key]) -> Key:
    """The existing key at `path`; NetworkFileInvalid where it is missing, unreadable or of another kind.

    A file that its operator has left unencrypted is read too.
    """
    try:
        pem = path.read_bytes()
        key = _decrypt(pem, path) if ENCRYPTED in pem else load_private_key(pem)
    except OSError as problem:
        raise NetworkFileInvalid(f"cannot read the key {path}: {problem.strerror}") from None
    except AuditChainError as problem:
        raise NetworkFileInvalid(f"{path} is not a private key: {problem}") from None
    if not isinstance(key, kind):
        raise NetworkFileInvalid(
            f"{path} holds another kind of key: expected {kind.__name__}, got {type(key).__name__}"
        )
    return key


def replace_durably(path: Path, content: bytes) -> None:
    """Puts the content at `path`, for its owner alone, in one step: a stop leaves the old file or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_durably(draft, content, mode=0o600)
    draft.replace(path)


def write_durably(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _load_or_make(path: Path, kind: type[Key], generate: Callable[[], Key]) -> Key:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, _encrypt(generate(), path))
    return read_key(path, kind)


def _encrypt(key: PrivateKey, path: Path) -> bytes:
    if not _is_given():
        _write_once(path.parent / BESIDE, f"{secrets.token_urlsafe(PASSPHRASE_SIZE)}\n".encode())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(_passphrase(path)),
    )


def _decrypt(pem: bytes, path: Path) -> object:
    try:
        return serialization.load_pem_private_key(pem, password=_passphrase(path))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NetworkFileInvalid(f"{path} cannot be decrypted: is the passphrase that of this key?") from None


def _is_given() -> bool:
    return bool(os.environ.get("KEY_PASSPHRASE") or os.environ.get("KEY_PASSPHRASE_FILE"))


def _passphrase(path: Path) -> bytes:
    given = os.environ.get("KEY_PASSPHRASE")
    file = Path(os.environ.get("KEY_PASSPHRASE_FILE") or path.parent / BESIDE)
    try:
        passphrase = given.encode() if given else file.read_bytes().rstrip(b"\r\n")
    except OSError as problem:
        raise NetworkFileInvalid(f"cannot read the passphrase {file}: {problem.strerror}") from None
    if len(passphrase) < SHORTEST:
        raise NetworkFileInvalid(f"the passphrase of {path} is too short: expected at least {SHORTEST} bytes")
    return passphrase


def _write_once(path: Path, content: bytes) -> None:
    """Leaves either nothing or the whole file at `path`; of two writers at once the first wins."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_durably(draft, content, mode=0o600)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
