"""The pool as web pages, API and commands use it."""

import time
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from uuid import UUID

from audit_chain.canonical import JSON
from audit_chain.log.sealed_log import Seal
from data_pool import (
    anchoring,
    attesting,
    disclosure,
    fsck,
    imports,
    ingest,
    records,
    replacements,
    sealing,
    search,
    staging,
    status,
)
from data_pool.attesting import Attestation
from data_pool.findings import Report
from data_pool.imports import Batch, Item, Outcome, Position
from data_pool.network import Beacon, Witnesses
from data_pool.records import Original, Record
from data_pool.search import Page, RecordQuery
from data_pool.setup import Setup
from data_pool.staging import Upload
from data_pool.status import Status


class Pool:
    """One enterprise's records."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    @property
    def name(self) -> str:
        return self.setup.name

    # Import

    def stage(
        self,
        files: Iterable[Upload],
        *,
        by: str,
        mapping: JSON = None,
        replaces: UUID | None = None,
    ) -> UUID:
        """The id of the batch; its files are kept when this returns. `process` reads them.

        `mapping` is a `documents.CsvMapping` as JSON; `replaces` makes the one document of the one file a new version.
        """
        return staging.stage(self.setup, files, by=by, mapping=mapping, replaces=replaces)

    def process(self, *, limit: int = 200, batch: UUID | None = None) -> int:
        """How many staged files were read by this call."""
        return ingest.process(self.setup, limit=limit, batch=batch)

    def has_pending(self) -> bool:
        """Whether a staged file waits that no process is reading."""
        with self.setup.storage.claim(limit=1) as waiting:
            return bool(waiting)

    def finish(self, batch: UUID, *, wait: float) -> None:
        """Reads a batch to its end; where another worker has some of its files, looks again every `wait` seconds."""
        while not self.batch(batch).done:
            if self.process(batch=batch) == 0:
                time.sleep(wait)

    def has_staged(self) -> bool:
        """Whether any file waits to be read."""
        with self.setup.storage.transaction() as rows:
            return rows.has_staged()

    def batch(self, batch: UUID) -> Batch:
        return imports.read_batch(self.setup, batch)

    def batches(self, *, limit: int = 50, before: UUID | None = None) -> list[Batch]:
        """Newest first."""
        return imports.list_batches(self.setup, limit=limit, before=before)

    def items(
        self, batch: UUID, *, outcome: Outcome | None = None, after: Position | None = None, limit: int = 100
    ) -> list[Item]:
        """What became of a batch's documents, by position, past `after`."""
        return imports.list_items(self.setup, batch, outcome=outcome, after=after, limit=limit)

    def every_item(self, batch: UUID, *, outcome: Outcome | None = None) -> Iterator[Item]:
        return imports.every_item(self.setup, batch, outcome=outcome)

    # Records

    def record(self, record: UUID) -> Record:
        return records.read_record(self.setup, record)

    def original(self, record: UUID) -> Original:
        """The file that the record was read from."""
        return records.read_original(self.setup, record)

    def attestations(self, record: UUID) -> tuple[Attestation, ...]:
        """Whose signatures make the record final; none before it is."""
        return attesting.read_attestations(self.setup, record)

    def search(self, query: RecordQuery, *, before: int | None = None, limit: int = 50) -> Page:
        return search.search(self.setup, query, before=before, limit=limit)

    def declare_replacement(self, record: UUID, *, replaces: UUID, by: str) -> None:
        """Makes `record` the next version after `replaces`."""
        replacements.declare_replacement(self.setup, newer=record, older=replaces, by=by)

    def disclose(self, record: UUID, names: Collection[str], *, recipient: str, by: str) -> bytes:
        """A proof bundle that shows these fields of a final record."""
        return disclosure.disclose(self.setup, record, names, recipient=recipient, by=by)

    # Log

    def seal(self, now: datetime | None = None) -> Seal | None:
        return sealing.seal(self.setup, now or self.setup.now())

    def anchor(self, witnesses: Witnesses, beacon: Beacon) -> None:
        anchoring.anchor(self.setup, witnesses, beacon)

    def follow(self, beacon: Beacon) -> None:
        anchoring.follow(self.setup, beacon)

    def is_settled(self) -> bool:
        """Whether there is nothing to seal, anchor or follow."""
        return anchoring.is_settled(self.setup)

    def status(self) -> Status:
        return status.read_status(self.setup)

    def fsck(self) -> Report:
        """Whether everything that is stored still is as it was written; takes a while on a large pool."""
        return fsck.check_pool(self.setup)
