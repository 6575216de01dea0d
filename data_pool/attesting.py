"""Who attests a record: the validators whose signatures on the beacon's log make it final."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from audit_chain.beacon.names import validator_key_name
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from data_pool.replacements import get_record
from data_pool.setup import Setup


@dataclass(frozen=True, slots=True)
class Attestation:
    """One validator's word, and when it first gave it."""

    validator: str
    time: datetime


def read_attestations(setup: Setup, record: UUID) -> tuple[Attestation, ...]:
    """The validators that signed, earliest first, as a verifier would count them; none before the record is final."""
    with setup.storage.snapshot() as rows:
        anchor = rows.anchor_covering(get_record(rows, record).index, final=True)
    if anchor is None or anchor.proof is None:
        return ()
    cosigned = setup.policy.verify_cosignatures(Note.parse(TlogProof.parse(anchor.proof).checkpoint))
    key_names = {witness.name: witness.key.name for witness in setup.policy.witnesses}
    prefix, first = validator_key_name(setup.network, ""), dict[str, int]()
    for one in sorted(cosigned, key=lambda one: (one.timestamp, one.witness)):
        first.setdefault(key_names[one.witness].removeprefix(prefix), one.timestamp)
    return tuple(Attestation(validator, datetime.fromtimestamp(time, UTC)) for validator, time in first.items())
