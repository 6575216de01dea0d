"""Who voted in an epoch, read off the state: for the sequencer that writes it down and for fsck that does so again."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_chain.beacon.casper.accessors import get_current_epoch, get_previous_epoch, is_active_validator
from audit_chain.beacon.casper.containers import CasperState, Epoch
from audit_chain.errors import UnknownEpoch


@dataclass(frozen=True, slots=True)
class Participation:
    """Who voted for an epoch's boundary: weights, and one bit a validator, the first the lowest of the first byte."""

    voted: int
    total: int
    voters: bytes


def get_participation(casper: CasperState, epoch: int) -> Participation:
    """Of this epoch or the one before, by the weights of this moment."""
    flags = get_flags(casper, epoch)
    voted = total = bits = 0
    for index, (validator, flag) in enumerate(zip(casper.validators, flags, strict=True)):
        if is_active_validator(validator, Epoch(epoch)):
            total += validator.effective_balance
            voted += validator.effective_balance if flag else 0
        bits |= flag << index
    return Participation(voted, total, bits.to_bytes((len(flags) + 7) // 8, "little"))


def get_justified(casper: CasperState, ended: int) -> list[int]:
    """The latest epochs that are justified, just after the epoch `ended` has been processed."""
    return [ended - age for age, bit in enumerate(casper.justification_bits) if bit and ended >= age]


def unpack_voters(voters: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """The names, by index, whose bit is set."""
    bits = int.from_bytes(voters, "little")
    return tuple(name for index, name in enumerate(names) if bits >> index & 1)


def get_flags(casper: CasperState, epoch: int) -> list[bool]:
    """Of each validator, whether its vote for this epoch or the one before is in the log."""
    if epoch == get_current_epoch(casper):
        return casper.current_epoch_participation
    if epoch == get_previous_epoch(casper):
        return casper.previous_epoch_participation
    raise UnknownEpoch("the state counts votes for two epochs", expected=get_current_epoch(casper), got=epoch)
