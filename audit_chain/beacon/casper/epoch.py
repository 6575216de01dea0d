"""The end of an epoch: votes are weighed and settled, and everything moves on by one."""

from hashlib import sha256

from audit_chain.beacon.casper.accessors import get_current_epoch, get_randao_mix
from audit_chain.beacon.casper.containers import ZERO_ROOT, CasperState, Slot, Weight
from audit_chain.beacon.casper.finality import process_justification_and_finalization
from audit_chain.beacon.casper.registry import process_effective_balance_updates, process_registry_updates
from audit_chain.beacon.casper.rewards import process_rewards_and_penalties
from audit_chain.beacon.casper.slashing import process_slashings


def process_slot_advance(state: CasperState) -> None:
    """Moves the state into the next slot, through the epoch's end if this slot is its last."""
    if (state.slot + 1) % state.preset.slots_per_epoch == 0:
        process_epoch(state)
    state.slot = Slot(state.slot + 1)


def process_epoch(state: CasperState) -> None:
    """Ends the current epoch. The slot does not move: it is still the epoch's last one."""
    process_justification_and_finalization(state)
    process_rewards_and_penalties(state)
    process_registry_updates(state)
    process_slashings(state)
    process_effective_balance_updates(state)
    process_slashings_reset(state)
    process_randao_mixes_reset(state)
    process_boundary_roots_reset(state)
    process_participation_record_updates(state)


def process_slashings_reset(state: CasperState) -> None:
    """Empties the next epoch's place in the vector."""
    state.slashings[(get_current_epoch(state) + 1) % state.preset.epochs_per_slashings_vector] = Weight(0)


def process_randao_mixes_reset(state: CasperState) -> None:
    """Sets the next epoch's mix. Layout: SHA-256(current mix, boundary root of the current epoch or 32 zero bytes).

    Departs from phase 0 because nobody reveals anything here: what is new in a mix is the log's root.
    """
    epoch = get_current_epoch(state)
    root = state.boundary_roots.get(epoch, ZERO_ROOT)
    mix = sha256(get_randao_mix(state, epoch) + root).digest()
    state.randao_mixes[(epoch + 1) % state.preset.epochs_per_historical_vector] = mix


def process_boundary_roots_reset(state: CasperState) -> None:
    """Forgets the roots before the current epoch, which is the next one's previous."""
    current = get_current_epoch(state)
    state.boundary_roots = {epoch: root for epoch, root in state.boundary_roots.items() if epoch >= current}


def process_participation_record_updates(state: CasperState) -> None:
    """Makes the current epoch's votes the previous one's."""
    state.previous_epoch_participation = state.current_epoch_participation
    state.current_epoch_participation = [False] * len(state.validators)
