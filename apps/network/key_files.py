"""Private keys on disk: made once, read ever after, readable by their owner alone."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from apps.network.errors import NetworkFileInvalid
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import load_private_key, private_key_pem

Key = TypeVar("Key", Ed25519PrivateKey, MLDSA44PrivateKey)


def ed25519_key(path: Path) -> Ed25519PrivateKey:
    """The key at `path`, made first where there is none."""
    return _load_or_make(path, Ed25519PrivateKey, Ed25519PrivateKey.generate)


def mldsa44_key(path: Path) -> MLDSA44PrivateKey:
    """The key at `path`, made first where there is none."""
    return _load_or_make(path, MLDSA44PrivateKey, MLDSA44PrivateKey.generate)


def read_key(path: Path, kind: type[Key]) -> Key:
    """The existing key at `path`; NetworkFileInvalid where it is missing, unreadable or of another kind."""
    try:
        key = load_private_key(path.read_bytes())
    except OSError as problem:
        raise NetworkFileInvalid(f"cannot read the key {path}: {problem.strerror}") from None
    except AuditChainError as problem:
        raise NetworkFileInvalid(f"{path} is not a private key: {problem}") from None
    if not isinstance(key, kind):
        raise NetworkFileInvalid(
            f"{path} holds another kind of key: expected {kind.__name__}, got {type(key).__name__}"
        )
    return key


def _load_or_make(path: Path, kind: type[Key], generate: Callable[[], Key]) -> Key:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, private_key_pem(generate()))
    return read_key(path, kind)


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


def write_durably(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, content: bytes) -> None:
    """Puts the content at `path`, for its owner alone, in one step: a stop leaves the old file or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_durably(draft, content, mode=0o600)
    draft.replace(path)
