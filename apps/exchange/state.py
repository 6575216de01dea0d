"""Proofs of what the shared chain's state says of a name, also that it has no such name."""

from dataclasses import dataclass
from datetime import datetime

from apps.accounts.errors import NotFound
from apps.exchange.network import beacon
from audit_chain import canonical
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.errors import Malformed
from audit_chain.proof.builder import state_bundle
from data_pool.errors import BeaconUnreachable


@dataclass(frozen=True, slots=True)
class StateProof:
    """A bundle that anybody can verify; `block` is the one whose seal commits to the state, at `time`."""

    bundle: bytes
    block: int
    time: datetime


def state_proof(name: str) -> StateProof:
    """What the latest final state says of the name. NotFound while nothing is final."""
    with beacon() as chain:
        return sealed_proof(chain.state_proof(name).sealed)


def sealed_proof(sealed: str) -> StateProof:
    """The bundle for a sealed state at a final boundary. NotFound while nobody can prove that this one is final."""
    with beacon() as chain:
        try:
            state = SealedState.from_json(canonical.decode(sealed.encode()))
            finality = chain.finality(state.checkpoint.size).finality
            bundle = state_bundle(state=sealed.encode(), finality=finality.encode())
        except Malformed as error:
            raise BeaconUnreachable(f"the beacon's sealed state cannot be read: {error}") from error
    return StateProof(bundle, state.seal.slot, datetime.fromisoformat(state.seal.time))


def state_proof_if_final(sealed: str | None) -> StateProof | None:
    """The same, or None while there is nothing to prove yet."""
    if sealed is None:
        return None
    try:
        return sealed_proof(sealed)
    except NotFound:
        return None
