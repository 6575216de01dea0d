"""The log's own history, asked back from those who cosigned it before anything is added.

A database that was put back from a backup has forgotten trees that were signed and shown. Going on from there would
sign other trees of the same sizes, which no validator cosigns and which end all trust in the log.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from apps.network.witness_client import WitnessClient
from audit_chain.errors import LogError
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.sealed_log import SealedLog


class HistoryLost(LogError):
    """A validator has cosigned a tree that our key signed and our database does not have."""


def refuse_lost_history(log: SealedLog, *, size: int, key: VerifierKey, witnesses: Sequence[WitnessClient]) -> None:
    """Nothing, where every checkpoint that the witnesses show of this log, now of `size`, is in it.

    A witness that does not answer has no say; nor can it lie, since the checkpoint has our signature.
    """
    with ThreadPoolExecutor(max(1, len(witnesses))) as executor:
        shown = list(executor.map(lambda witness: witness.latest_checkpoint(key), witnesses))
    for witness, checkpoint in zip(witnesses, shown, strict=True):
        if checkpoint and not _holds(log, size, checkpoint):
            raise HistoryLost(
                f"{witness.name} has cosigned a tree that this database does not have; put back a newer copy of it",
                expected=f"tree size {checkpoint.size} or more",
                got=size,
            )


def _holds(log: SealedLog, size: int, checkpoint: LogCheckpoint) -> bool:
    return checkpoint.size <= size and log.root(checkpoint.size) == checkpoint.root
