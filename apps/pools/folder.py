"""What lies on disk for one pool: where its rows are and its two keys.

Whoever has this folder has the pool; whoever loses the wrapping key has lost its records.

VAR_DIR/pools/<name>/pool.json       {"database_url": "postgresql://...", "origin": "tallystick.local/pool/<name>"}
VAR_DIR/pools/<name>/signing.pem     signs the pool's log
VAR_DIR/pools/<name>/wrapping.key    32 bytes in base64; without them nothing in the pool can be read
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import ed25519_key, read_key, write_durably
from apps.pools.errors import PoolFolderInvalid, UnknownPool
from audit_chain.beacon.names import is_name, pool_origin
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import Malformed
from audit_chain.log.keys import NoteSigner
from data_pool.keys import KEY_SIZE, PoolKeys


@dataclass(frozen=True, slots=True)
class PoolFolder:
    """The folder of one pool, there or not."""

    path: Path
    name: str

    @classmethod
    def of(cls, var_dir: Path, name: str) -> "PoolFolder":
        """UnknownPool for what cannot be a pool's name, so that a name never leaves the folder of pools."""
        if not is_name(name):
            raise UnknownPool(name)
        return cls(var_dir / "pools" / name, name)

    def exists(self) -> bool:
        """Whether the pool has been made: its description is the last file to be written."""
        return self._description.exists()

    def keys(self, network: str) -> PoolKeys:
        """The pool's keys, made first where there is no pool yet.

        A pool that is there has rows under its keys: a lost key is an error, never a reason to make another.
        """
        origin, path = pool_origin(network, self.name), self.path / "signing.pem"
        try:
            signing = read_key(path, Ed25519PrivateKey) if self.exists() else ed25519_key(path)
        except NetworkFileInvalid as error:
            raise PoolFolderInvalid(str(error)) from error
        return PoolKeys(self._wrapping_key(), NoteSigner(origin, signing))

    def database_url(self, network: str) -> str:
        try:
            description = json.loads(self._description.read_bytes())
            origin, url = description["origin"], description["database_url"]
        except FileNotFoundError:
            raise UnknownPool(self.name) from None
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise PoolFolderInvalid(f"cannot read {self._description}: {type(error).__name__}") from error
        if origin != pool_origin(network, self.name):
            raise PoolFolderInvalid(f"{self._description} is of another log: got {origin}")
        return str(url)

    def describe(self, *, network: str, database_url: str) -> None:
        """Writes the description; from then on the pool is there."""
        content = {"database_url": database_url, "origin": pool_origin(network, self.name)}
        draft = self.path / f".pool.json.{secrets.token_hex(8)}"
        write_durably(draft, (json.dumps(content, indent=2) + "\n").encode(), mode=0o600)
        draft.replace(self._description)

    @property
    def _description(self) -> Path:
        return self.path / "pool.json"

    def _wrapping_key(self) -> bytes:
        path = self.path / "wrapping.key"
        if not path.exists():
            if self.exists():
                raise PoolFolderInvalid(f"{path} is missing: restore it; without it the pool cannot be read")
            draft = self.path / f".wrapping.key.{secrets.token_hex(8)}"
            write_durably(draft, to_base64(os.urandom(KEY_SIZE)).encode() + b"\n", mode=0o600)
            draft.replace(path)
        try:
            return from_base64(path.read_text().strip())
        except (OSError, ValueError, Malformed) as error:
            raise PoolFolderInvalid(f"cannot read {path}: {type(error).__name__}") from error
