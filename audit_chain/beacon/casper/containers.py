"""What Casper reckons with: checkpoints, votes, validators, and the part of the state that an epoch changes."""

from dataclasses import dataclass, field
from typing import Final, NewType

from audit_chain.beacon.casper.presets import Preset

Slot = NewType("Slot", int)
Epoch = NewType("Epoch", int)
ValidatorIndex = NewType("ValidatorIndex", int)
Weight = NewType("Weight", int)
"""Balances and effective balances; a whole unit of weight is `Preset.effective_balance_increment`."""

GENESIS_SLOT: Final = Slot(0)
GENESIS_EPOCH: Final = Epoch(0)
FAR_FUTURE_EPOCH: Final = Epoch(2**53 - 1)
"""Never; the greatest integer that JSON keeps everywhere (2**64 - 1 in consensus-specs)."""

ZERO_ROOT: Final = bytes(32)
JUSTIFICATION_BITS_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An epoch and the root of the log at its boundary: the tree that ends with the epoch's first block."""

    epoch: Epoch
    root: bytes


GENESIS_CHECKPOINT: Final = Checkpoint(GENESIS_EPOCH, ZERO_ROOT)


@dataclass(frozen=True, slots=True)
class AttestationData:
    """What a vote says: from a justified source to a target. The log's head is the target's root."""

    source: Checkpoint
    target: Checkpoint


@dataclass(slots=True)
class Validator:
    """One place in the registry. `max_effective_balance` is the weight that the network granted."""

    effective_balance: Weight
    max_effective_balance: Weight
    activation_epoch: Epoch = GENESIS_EPOCH
    exit_epoch: Epoch = FAR_FUTURE_EPOCH
    withdrawable_epoch: Epoch = FAR_FUTURE_EPOCH
    slashed: bool = False


@dataclass(slots=True)
class CasperState:
    """Everything that epoch processing reads and changes.

    `boundary_roots` holds the target roots of the current and the previous epoch as far as they are known.
    Participation says of each validator whether its vote for that epoch's target has been included.
    """

    preset: Preset
    slot: Slot
    validators: list[Validator]
    balances: list[Weight]
    slashings: list[Weight]
    """Effective balance slashed in each of the last `epochs_per_slashings_vector` epochs."""
    randao_mixes: list[bytes]
    """Of each of the last `epochs_per_historical_vector` epochs."""
    previous_epoch_participation: list[bool]
    current_epoch_participation: list[bool]
    boundary_roots: dict[Epoch, bytes] = field(default_factory=dict)
    justification_bits: list[bool] = field(default_factory=lambda: [False] * JUSTIFICATION_BITS_LENGTH)
    previous_justified_checkpoint: Checkpoint = GENESIS_CHECKPOINT
    current_justified_checkpoint: Checkpoint = GENESIS_CHECKPOINT
    finalized_checkpoint: Checkpoint = GENESIS_CHECKPOINT
