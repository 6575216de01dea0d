"""What every part of a pool works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from audit_chain.log.policy import TrustPolicy
from data_pool.documents.limits import DEFAULT_LIMITS, Limits
from data_pool.errors import PoolError
from data_pool.keys import PoolKeys
from data_pool.storage.ports import PoolStorage

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """How much one import may bring."""

    files: int = 10_000
    file_bytes: int = DEFAULT_LIMITS.size
    batch_bytes: int = 512 * MEBIBYTE
    name_characters: int = 512


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One pool: its name in the network, its keys, its rows, and the trust policy it checks the beacon against."""

    name: str
    network: str
    keys: PoolKeys
    storage: PoolStorage
    policy: TrustPolicy
    now: Callable[[], datetime] = utc_now
    uploads: UploadLimits = field(default_factory=UploadLimits)
    documents: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.keys.signer.name != self.origin:
            raise PoolError("the signing key is another log's", expected=self.origin, got=self.keys.signer.name)

    @property
    def origin(self) -> str:
        """The name of the pool's log."""
        return f"{self.network}/pool/{self.name}"
