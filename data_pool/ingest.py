"""Ingest: staged files are read, committed to and stored in chunks.

For each chunk there is one transaction: records, blind index, log entries, outcomes, progress. A process killed at any
line leaves whole chunks only, and whoever comes next goes on behind them.

That a document enters once rests on one thing: whether it is there is asked, and it is added, under the log's lock,
with a unique constraint behind it. Everything that can be done before the lock is taken, is.
"""

import logging
import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from audit_chain.errors import AuditChainError
from audit_chain.records.entry import RecordEntry
from audit_chain.records.fields import flatten
from audit_chain.records.tree import RECORD_KEY_SIZE, RecordKey, cipher_key, commit
from data_pool.blind_index import SOURCE, compute_tokens, content_token, reading_token
from data_pool.chunk import Overtaken, Prepared, Reading, Refused, Replaces, store_chunk
from data_pool.documents import CsvMapping, Document, DocumentRefused, Refusal, read_documents
from data_pool.errors import RowDamaged
from data_pool.keys import decrypt, encrypt
from data_pool.payload import encode_fields
from data_pool.setup import Setup
from data_pool.storage.rows import BatchRow, ItemRow, OriginalRow, RecordRow

logger = logging.getLogger(__name__)

CHUNK_DOCUMENTS: Final = 500
MANY_DOCUMENTS: Final = 5_000  # in one run, after which the storage's statistics are out of date
CHUNK_BYTES: Final = 8 * 1024 * 1024  # of encrypted payloads
LOADED_BYTES: Final = 8 * 1024 * 1024  # of files, held at a time


def process(setup: Setup, *, limit: int = 200, batch: UUID | None = None) -> int:
    """How many files were read: of those staged, up to `limit` that nobody else is reading.

    Run it as often as you like, from as many processes as you like.
    """
    with setup.storage.claim(limit=limit, batch=batch) as items:
        try:
            documents = _read_all(setup, items)
        except Overtaken:
            # The claim was lost, with its connection, and another worker has taken over. Its work stands.
            logger.warning("import overtaken by another worker")
            return len(items)
    if documents >= MANY_DOCUMENTS:
        setup.storage.learn()
    return len(items)


def _read_all(setup: Setup, items: Sequence[ItemRow]) -> int:
    """How many documents the files held."""
    waiting, documents, size, total = list[Reading](), 0, 0, 0
    for file in _load(setup, items):
        reading = Reading(file.item)
        waiting.append(reading)
        for result in _read(setup, file):
            reading.results.append(result)
            documents, size, total = documents + 1, size + result.weight, total + 1
            if documents >= CHUNK_DOCUMENTS or size >= CHUNK_BYTES:
                store_chunk(setup, waiting)
                waiting, documents, size = [reading], 0, 0
        reading.ended = True
    store_chunk(setup, waiting)
    return total


@dataclass(frozen=True, slots=True)
class _File:
    """A staged file as it is stored; a row that should be there and is not, is None."""

    item: ItemRow
    original: OriginalRow | None
    batch: BatchRow | None


def _load(setup: Setup, items: Sequence[ItemRow]) -> Iterator[_File]:
    """The files with their contents, some megabytes of them at a time."""
    with setup.storage.transaction() as rows:
        sizes = {row.id: row.size for row in rows.original_boxes(_originals(items)).values()}
        batches = {batch: rows.batch(batch) for batch in {item.batch for item in items}}
    for group in _group(items, sizes):
        with setup.storage.transaction() as rows:
            originals = rows.originals(_originals(group))
        for item in group:
            # Taken out, so that no more than one group's contents are held.
            yield _File(item, originals.pop(item.original) if item.original in originals else None, batches[item.batch])


def _originals(items: Sequence[ItemRow]) -> list[UUID]:
    return [item.original for item in items if item.original is not None]


def _group(items: Sequence[ItemRow], sizes: Mapping[UUID, int]) -> Iterator[list[ItemRow]]:
    """The items in runs of files that are LOADED_BYTES together, or one larger file."""
    group, total = list[ItemRow](), 0
    for item in items:
        size = sizes.get(item.original, 0) if item.original else 0
        if group and total + size > LOADED_BYTES:
            yield group
            group, total = [], 0
        group.append(item)
        total += size
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Source:
    """A staged file, opened."""

    original: UUID
    data: bytes
    secret: Mapping[str, Any]
    replaces: Replaces | None


def _read(setup: Setup, file: _File) -> Iterator[Prepared | Refused]:
    """What becomes of each document of the file from `item.parts` on. Whatever is in it, this ends well."""
    original, batch = file.original, file.batch
    try:
        setup.keys.open_row(file.item)
        if original is None or batch is None:
            raise RowDamaged("a staged file has lost its rows", expected="original and batch", got="not both")
        secret = setup.keys.open_members(original)
        data = decrypt(bytes.fromhex(secret["key"]), original.content, owner=original.id)
        source = _Source(original.id, data, secret, _open_replaces(setup, batch))
        yield from islice(_read_source(setup, source), file.item.parts, None)
    except DocumentRefused as refused:
        yield Refused(refused.reason, refused.where)
    except AuditChainError as error:
        yield Refused(str(error))
    except Exception as error:
        # A fault of ours, not of the batch's. Its message may hold a value, so only the place is logged.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        logger.error("reading a file failed: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
        yield Refused(f"the file could not be read ({type(error).__name__})")


def _open_replaces(setup: Setup, batch: BatchRow) -> Replaces | None:
    secret = setup.keys.open_members(batch)
    return Replaces(UUID(secret["replaces"]), secret["by"]) if secret["replaces"] else None


def _read_source(setup: Setup, source: _Source) -> Iterator[Prepared | Refused]:
    part = -1
    for part, document in enumerate(_read_documents(setup, source)):
        if isinstance(document, Refusal):
            yield Refused(document.reason, document.where)
            continue
        try:
            yield _prepare(setup, source, document, part)
        except AuditChainError as error:
            yield Refused(str(error), document.where)
    if part < 0:
        raise DocumentRefused("the file holds no document")


def _read_documents(setup: Setup, source: _Source) -> Iterator[Document | Refusal]:
    mapping = source.secret["mapping"]
    documents = read_documents(
        source.data,
        name=source.secret["name"],
        media_type=source.secret["media_type"],
        mapping=CsvMapping.from_json(mapping) if mapping is not None else None,
        limits=setup.documents,
    )
    if source.replaces is None:
        return documents
    first_two = list(islice(documents, 2))
    if len(first_two) > 1:
        raise DocumentRefused("a record is replaced by one document", expected="1", got="more")
    return iter(first_two)


def _prepare(setup: Setup, source: _Source, document: Document, part: int) -> Prepared:
    keys, fields, digest = setup.keys, flatten(document.fields), source.secret["sha256"]
    if any(name == "source" or name.startswith("source.") for name in fields):
        raise DocumentRefused("a document does not name its own source", expected="no field source", got="one")
    fields[SOURCE] = digest
    record, key = uuid7(), RecordKey(os.urandom(RECORD_KEY_SIZE))
    commitment = commit(fields, key)
    row = RecordRow(
        index=-1,  # Its place is given under the lock.
        ordinal=-1,
        id=record,
        created=setup.now(),
        original=source.original,
        part=part,
        root=commitment.root,
        size=commitment.size,
        content_token=content_token(keys, fields),
        wrapped=b"",
        payload=encrypt(cipher_key(key), encode_fields(fields), owner=record),
    )
    reading = reading_token(keys, source=digest, mapping=source.secret["mapping"], part=part)
    return Prepared(
        row=keys.close_row(row, key),
        entry=RecordEntry(record=str(record), root=commitment.root, size=commitment.size),
        reading=reading,
        tokens=compute_tokens(keys, fields) | {reading},
        replaces=source.replaces,
    )
