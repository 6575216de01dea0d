"""How far a pool has come, without a word about any record: what its owner and a regulator look at."""

from dataclasses import dataclass
from datetime import UTC, datetime

from audit_chain.encoding import from_time
from data_pool.life import Reach
from data_pool.setup import Setup


@dataclass(frozen=True, slots=True)
class Status:
    """Entries of the log in all and at each stage, records among them, and when each stage was last reached."""

    entries: int
    records: int
    reach: Reach
    last_sealed: datetime | None
    last_anchored: datetime | None
    last_final: datetime | None

    @property
    def settled(self) -> bool:
        """Whether everything that was appended is final."""
        return self.reach.final == self.entries


def read_status(setup: Setup) -> Status:
    with setup.storage.snapshot() as rows:
        reach, seal = Reach.read(rows), rows.log.latest_seal()
        anchored, final = rows.anchor(reach.anchored), rows.anchor(reach.final)
        return Status(
            entries=rows.log.head().next_index,
            records=rows.last_ordinal(),
            reach=reach,
            last_sealed=datetime.fromtimestamp(from_time(seal.time), UTC) if seal else None,
            last_anchored=anchored.anchored if anchored else None,
            last_final=final.final if final else None,
        )
