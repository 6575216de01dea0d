"""Staging: files come in and are kept, encrypted, before anybody is told that they are.

One transaction for batch, files and contents: a stop before its end leaves nothing, and after it the batch is
acknowledged and will be read, by this process or another.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, cast
from uuid import UUID

from uuid_utils.compat import uuid7

from audit_chain.canonical import JSON
from data_pool.documents import CsvMapping
from data_pool.errors import UploadRefused
from data_pool.keys import KEY_SIZE, encrypt
from data_pool.replacements import check_replaceable, get_record
from data_pool.setup import Setup
from data_pool.storage.rows import BatchRow, ItemRow, OriginalRow

STAGED_BYTES: Final = 8 * 1024 * 1024
"""Sent to the storage at a time; a larger file goes alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as somebody brought it."""

    name: str
    data: bytes
    media_type: str | None = None


def stage(
    setup: Setup, files: Iterable[Upload], *, by: str, mapping: CsvMapping | None = None, replaces: UUID | None = None
) -> UUID:
    """The id of the batch that these files make; they are kept when this returns.

    Raises UploadRefused, UnknownRecord or ReplacementRefused, and keeps nothing, where they cannot be taken.
    """
    batch, items, total = uuid7(), list[ItemRow](), 0
    waiting = list[OriginalRow]()
    with setup.storage.transaction() as rows:
        if replaces is not None:
            get_record(rows, replaces)
            check_replaceable(rows, replaces)
        for upload in files:
            total += len(upload.data)
            _check_limits(setup, upload, position=len(items), total=total)
            waiting.append(_close_original(setup, upload, mapping))
            items.append(_close_item(setup, upload, batch, len(items), waiting[-1].id))
            if sum(row.size for row in waiting) >= STAGED_BYTES:
                rows.insert(waiting)
                waiting = []
        _check_count(len(items), replaces)
        rows.insert(waiting)
        row = BatchRow(id=batch, created=setup.now(), files=len(items), wrapped=b"")
        rows.insert([setup.keys.close_members(row, by=by, replaces=str(replaces) if replaces else None)])
        rows.insert(items)
    return batch


def _check_limits(setup: Setup, upload: Upload, *, position: int, total: int) -> None:
    limits, file = setup.uploads, f"file {position + 1}"
    if position >= limits.files:
        raise UploadRefused("too many files in one import", expected=f"at most {limits.files}", got="more")
    if len(upload.data) > limits.file_bytes:
        expected = f"at most {limits.file_bytes} bytes"
        raise UploadRefused(f"{file} is too large", expected=expected, got=f"{len(upload.data)} bytes")
    if total > limits.batch_bytes:
        raise UploadRefused("the import is too large", expected=f"at most {limits.batch_bytes} bytes", got="more")
    if not upload.name or len(upload.name) > limits.name_characters:
        expected = f"1 to {limits.name_characters} characters"
        raise UploadRefused(f"{file} has no usable name", expected=expected, got=f"{len(upload.name)} characters")


def _check_count(files: int, replaces: UUID | None) -> None:
    if files == 0:
        raise UploadRefused("nothing to import", expected="at least one file", got="none")
    if replaces is not None and files != 1:
        raise UploadRefused("a record is replaced by one file", expected="1 file", got=f"{files} files")


def _close_original(setup: Setup, upload: Upload, mapping: CsvMapping | None) -> OriginalRow:
    key, original = os.urandom(KEY_SIZE), uuid7()
    content = encrypt(key, upload.data, owner=original)
    return setup.keys.close_members(
        OriginalRow(id=original, size=len(upload.data), wrapped=b"", content=content),
        key=key.hex(),
        mapping=cast(JSON, mapping.to_json()) if mapping else None,
        media_type=upload.media_type,
        name=upload.name,
        sha256=sha256(upload.data).hexdigest(),
    )


def _close_item(setup: Setup, upload: Upload, batch: UUID, position: int, original: UUID) -> ItemRow:
    row = ItemRow(
        batch=batch,
        position=position,
        original=original,
        done=False,
        parts=0,
        accepted=0,
        duplicates=0,
        refused=0,
        wrapped=b"",
    )
    return setup.keys.close_members(row, name=upload.name)
