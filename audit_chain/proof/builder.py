"""Builds proof bundles from what their maker holds: a commitment's secrets, entries with their proofs, sealed states.

The parts are read as strictly as a verifier reads them, but not verified: that takes a trust policy, and
`proof.verifier` does it for makers as for everybody.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink, Evidence, Member, Pool, Seal
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.bundle import (
    EvidenceBundle,
    FinalEntry,
    LatestState,
    Proven,
    RecordBundle,
    StateBundle,
    reader_of,
)
from audit_chain.records.entry import RecordEntry, SealEntry
from audit_chain.records.status import RecordStatus
from audit_chain.records.tree import RecordCommitment
from audit_chain.statemap.proof import StateProof

E = TypeVar("E")

ACCOMPANYING: Final = frozenset({"casper", "network"})
"""Names whose values every sealed state has that the beacon serves."""


class ProvenEntry(Protocol):
    """An entry of the beacon's log, its tlog-proof to a final checkpoint, and what shows that this one is final.

    `finality` is the canonical JSON text of a sealed state, as the beacon serves it.
    """

    @property
    def entry(self) -> bytes: ...

    @property
    def proof(self) -> bytes: ...

    @property
    def finality(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class LatestParts:
    """What shows whether a record still stands, from the pool's state map as a seal of the pool's log commits to it.

    `seal` is the last entry of a pool's checkpoint and `path` its inclusion proof there; `value` is that of the
    record's name in the state, and `proof` the rendered state proof. `crosslink` carries that checkpoint, and is None
    where it is the one that the record itself is proven with.
    """

    seal: bytes
    path: Sequence[bytes]
    value: bytes
    proof: bytes
    crosslink: ProvenEntry | None = None


def record_bundle(
    *,
    commitment: RecordCommitment,
    names: Iterable[str],
    record_entry: bytes,
    index: int,
    path: Sequence[bytes],
    crosslink: ProvenEntry,
    registration: ProvenEntry,
    latest: LatestParts | None = None,
) -> bytes:
    """The bundle that discloses the fields `names` of a record and no others.

    `record_entry` stands at `index` of the pool's log; `path` is its inclusion proof in the tree of the crosslink's
    checkpoint, the bundle's witness for both logs. Raises Malformed for parts that no verifier would read.
    """
    proven_crosslink = _final(crosslink, reader_of(Crosslink))
    pool_proof = TlogProof(index, tuple(path), proven_crosslink.entry.note.render())
    return RecordBundle(
        opening=commitment.open(names),
        pool=Proven.read(record_entry, pool_proof.render(), RecordEntry.parse),
        crosslink=proven_crosslink,
        registration=_final(registration, reader_of(Pool)),
        latest=None if latest is None else _latest(latest),
    ).render()


def evidence_bundle(*, evidence: ProvenEntry, registration: ProvenEntry, seal: ProvenEntry) -> bytes:
    """The bundle that shows a deposit, with its member's registration and the seal of the block that holds it.

    `seal` is the first seal at or after the deposit. Raises Malformed for parts that no verifier would read.
    """
    return EvidenceBundle(
        evidence=_final(evidence, reader_of(Evidence)),
        registration=_final(registration, reader_of(Member)),
        seal=_final(seal, reader_of(Seal)),
    ).render()


def state_bundle(*, state: bytes, finality: bytes) -> bytes:
    """The bundle that shows what the beacon's state says of names, or that it says nothing of them.

    Both are the canonical JSON text of a sealed state: `state` with the values, at a final checkpoint; `finality` shows
    that this one is final. What every sealed state carries along to tell its epoch is left out of `state`, unless it is
    all that was asked for. Raises Malformed for parts that no verifier would read.
    """
    answer = _sealed_state(state)
    asked = {name: proven for name, proven in answer.values.items() if name not in ACCOMPANYING}
    answer = replace(answer, values=asked or answer.values)
    return StateBundle(state=answer, finality=_sealed_state(finality)).render()


def _final(proven: ProvenEntry, parse: Callable[[bytes], E]) -> FinalEntry[E]:
    return FinalEntry.read_final(proven.entry, proven.proof, canonical.decode(proven.finality), parse)


def _sealed_state(text: bytes) -> SealedState:
    return SealedState.from_json(canonical.decode(text))


def _latest(parts: LatestParts) -> LatestState:
    return LatestState(
        seal=SealEntry.parse(parts.seal),
        path=tuple(parts.path),
        status=RecordStatus.parse(parts.value),
        proof=StateProof.parse(parts.proof),
        crosslink=None if parts.crosslink is None else _final(parts.crosslink, reader_of(Crosslink)),
    )
