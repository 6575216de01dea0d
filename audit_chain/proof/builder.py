"""Builds proof bundles from what their maker holds: a commitment's secrets, and entries with their proofs.

The parts are read as strictly as a verifier reads them, but not verified: that takes a trust policy, and
`proof.verifier` does it for makers as for everybody.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from audit_chain.beacon.entries import Crosslink, Evidence, Member, Pool, Seal
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.bundle import EvidenceBundle, Proven, RecordBundle, reader_of
from audit_chain.records.entry import RecordEntry
from audit_chain.records.tree import RecordCommitment


class ProvenEntry(Protocol):
    """An entry of the beacon's log, and its tlog-proof."""

    @property
    def entry(self) -> bytes: ...

    @property
    def proof(self) -> bytes: ...


def record_bundle(
    *,
    commitment: RecordCommitment,
    names: Iterable[str],
    record_entry: bytes,
    index: int,
    path: Sequence[bytes],
    crosslink: ProvenEntry,
    registration: ProvenEntry,
) -> bytes:
    """The bundle that discloses the fields `names` of a record and no others.

    `record_entry` stands at `index` of the pool's log; `path` is its inclusion proof in the tree of the crosslink's
    checkpoint, the bundle's witness for both logs. Raises Malformed for parts that no verifier would read.
    """
    proven_crosslink = Proven.read(crosslink.entry, crosslink.proof, reader_of(Crosslink))
    pool_proof = TlogProof(index, tuple(path), proven_crosslink.entry.note.render())
    return RecordBundle(
        opening=commitment.open(names),
        pool=Proven.read(record_entry, pool_proof.render(), RecordEntry.parse),
        crosslink=proven_crosslink,
        registration=Proven.read(registration.entry, registration.proof, reader_of(Pool)),
    ).render()


def evidence_bundle(*, evidence: ProvenEntry, registration: ProvenEntry, seal: ProvenEntry) -> bytes:
    """The bundle that shows a deposit, with its member's registration and the seal of the block that holds it.

    `seal` is the first seal at or after the deposit. Raises Malformed for parts that no verifier would read.
    """
    return EvidenceBundle(
        evidence=Proven.read(evidence.entry, evidence.proof, reader_of(Evidence)),
        registration=Proven.read(registration.entry, registration.proof, reader_of(Member)),
        seal=Proven.read(seal.entry, seal.proof, reader_of(Seal)),
    ).render()
