"""What a pool asks of the other nodes, as ports: it knows neither HTTP nor addresses.

The adapters live outside this package. A pool treats every answer as a claim: nothing becomes *final* here before
the pool has checked proofs and signatures itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from audit_chain.log.note import Signature

ProveConsistency = Callable[[int], list[bytes]]
"""From an older size of the pool's log to the consistency proof up to the checkpoint that is being cosigned."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """Size and root hash of a log, as a crosslink names its parent."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Crosslink:
    """A pool's latest crosslink as the beacon's state holds it.

    `index` is that of its entry in the beacon's log, `block` the number of the block that holds it.
    """

    index: int
    size: int
    root: bytes
    block: int
    final: bool


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """One entry of the beacon's log (canonical bytes) with its tlog-proof against a final checkpoint.

    `finality` shows that this checkpoint is final: the canonical JSON text of a sealed state.
    """

    entry: bytes
    proof: bytes
    finality: bytes


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Cosignatures on a pool's checkpoint, and the epoch whose committee was asked for them."""

    epoch: int
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The beacon has the crosslink: queued (`index` is None) or in its log already."""

    index: int | None


@dataclass(frozen=True, slots=True)
class WrongParent:
    """The beacon's current crosslink of this pool is another than the parent named; it is this one."""

    current: TreeHead


class Witnesses(Protocol):
    """The pool's committee: the validators that witness its log."""

    def cosign(self, origin: str, note: bytes, prove_consistency: ProveConsistency) -> Cosigned:
        """Cosignatures over `note`'s checkpoint from all of the committee that gave one in time, in any order.

        Asks them side by side. A witness that is slow, away or refuses is left out, never an error: the caller
        counts against its quorum. A witness that already signed this very checkpoint signs it again.
        """
        ...


class Beacon(Protocol):
    """The beacon node. Every method raises `data_pool.errors.BeaconUnreachable` when it cannot be asked."""

    def submit_crosslink(self, *, pool: str, epoch: int, parent: TreeHead, checkpoint: bytes) -> Accepted | WrongParent:
        """What became of the submission. Submitting the same crosslink again is harmless.

        Raises `BeaconRefused` where the beacon will never take it as it is.
        """
        ...

    def crosslink(self, pool: str) -> Crosslink | None:
        """The pool's latest crosslink in the beacon's log, final or not; None before the first."""
        ...

    def proof(self, index: int) -> ProvenEntry | None:
        """The entry at `index` with its proof; None while no final checkpoint covers it."""
        ...

    def registration(self, pool: str) -> ProvenEntry | None:
        """The entry that registered the pool, with its proof; None while it is not final."""
        ...
