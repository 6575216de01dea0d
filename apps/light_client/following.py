"""Asks a beacon over HTTP for what a light client needs. Its answers are claims: `proof.light_client` holds them."""

from collections.abc import Iterable
from dataclasses import replace

from apps.network.beacon_client import BeaconClient
from apps.network.errors import Unreachable
from audit_chain import canonical
from audit_chain.beacon.entries import Restart, parse_entry
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.errors import AuditChainError
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.tiles import TILE_WIDTH, TileNodes
from audit_chain.merkle.prover import consistency_proof, inclusion_proof
from audit_chain.proof.light_client import (
    RestartProof,
    TrustedCheckpoint,
    Update,
    advance,
    begin,
    missing_names,
)

MAX_NAMES = 100_000
"""Names asked for at most: more than the largest network has, so that no beacon keeps us asking."""


def begin_from(beacon: BeaconClient, policy: TrustPolicy) -> TrustedCheckpoint:
    """The beacon's latest final checkpoint, on the word of the policy."""
    state, finality = _latest(beacon)
    return begin(policy, _with_voters(beacon, state), finality)


def follow(
    beacon: BeaconClient, trusted: TrustedCheckpoint, *, now: int | None = None, max_age: int | None = None
) -> TrustedCheckpoint:
    """The beacon's latest final checkpoint, by the word of those whom the trusted one names.

    Raises the errors of `proof.light_client.advance`, Unreachable or Declined, and Malformed for what cannot be read.
    """
    state, finality = _latest(beacon)
    checkpoint = state.checkpoint
    if (checkpoint.size, checkpoint.root) == (trusted.size, trusted.root):
        return trusted
    nodes = TileNodes(beacon.log.tile_reader(checkpoint.size), checkpoint.size)
    try:
        path = tuple(consistency_proof(trusted.size, checkpoint.size, nodes))
        restarts = () if checkpoint.origin == trusted.log_key.name else _restarts(beacon, trusted.size, checkpoint.size)
        proofs = tuple(
            RestartProof(entry, tuple(inclusion_proof(index, checkpoint.size, nodes))) for index, entry in restarts
        )
    except AuditChainError as error:
        raise Unreachable(f"the log does not hold what its checkpoint says: {error}") from None
    update = Update(state=_with_voters(beacon, state), finality=finality, path=path, restarts=proofs)
    return advance(trusted, update, now=now, max_age=max_age)


def _latest(beacon: BeaconClient) -> tuple[SealedState, SealedState]:
    """The state under the latest final checkpoint, with little in it yet, and what shows that one to be final."""
    latest = beacon.finality()
    return _sealed(beacon.state_proof("log", size=latest.size).sealed), _sealed(latest.finality)


def _with_voters(beacon: BeaconClient, state: SealedState) -> SealedState:
    """The state with all values that say who votes."""
    while missing := missing_names(state):
        if len(state.values) + len(missing) > MAX_NAMES:
            raise Unreachable("the beacon names more validators than any network has")
        values = dict(state.values)
        for name in missing:
            answer = _sealed(beacon.state_proof(name, size=state.checkpoint.size).sealed)
            if name not in answer.values:
                raise Unreachable(f"the beacon was asked for {name} and answered something else")
            values[name] = answer.values[name]
        state = replace(state, values=values)
    return state


def _restarts(beacon: BeaconClient, start: int, end: int) -> Iterable[tuple[int, bytes]]:
    """Index and bytes of every restart among those entries; there are few, and they say themselves where they stand."""
    found = []
    for bundle in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
        for index, entry in enumerate(beacon.log.bundle(bundle, size=end), start=bundle * TILE_WIDTH):
            if index >= start and isinstance(parse_entry(entry), Restart):
                found.append((index, entry))
    return found


def _sealed(text: str) -> SealedState:
    return SealedState.from_json(canonical.decode(text.encode()))
