"""Staging: files come in and are kept, encrypted, before anybody is told that they are.

One transaction for batch, files and contents: a stop before its end leaves nothing, and after it the batch is
acknowledged and will be read, by this process or another.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from audit_chain.canonical import JSON
from data_pool.documents import CsvMapping
from data_pool.errors import UploadRefused
from data_pool.keys import KEY_SIZE, encrypt
from data_pool.replacements import check_replaceable, get_record
from data_pool.setup import Setup
from data_pool.storage.rows import BatchRow, ItemRow, OriginalRow, OutcomeRow

STAGED_BYTES: Final = 8 * 1024 * 1024
"""Sent to the storage at a time; a larger file goes alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as somebody brought it."""

    name: str
    data: bytes
    media_type: str | None = None


def stage(
    setup: Setup, files: Iterable[Upload], *, by: str, mapping: JSON = None, replaces: UUID | None = None
) -> UUID:
    """The id of the batch that these files make; they are kept when this returns.

    A file that breaks a limit is refused alone and not kept. Raises UploadRefused, MappingRefused, UnknownRecord or
    ReplacementRefused, and keeps nothing, where the import as a whole cannot be taken.
    """
    staging = _Staging(setup, uuid7(), _normal(mapping))
    with setup.storage.transaction() as rows:
        if replaces is not None:
            get_record(rows, replaces)
            check_replaceable(rows, replaces)
        for upload in files:
            staging.add(upload)
            if staging.waiting_bytes >= STAGED_BYTES:
                rows.insert(staging.take_originals())
        staging.check_count(replaces)
        rows.insert(staging.take_originals())
        row = BatchRow(id=staging.batch, created=setup.now(), files=len(staging.items), wrapped=b"")
        rows.insert([setup.keys.close_members(row, by=by, replaces=str(replaces) if replaces else None)])
        rows.insert(staging.items)
        rows.insert(staging.refusals)
    return staging.batch


def _normal(mapping: JSON) -> JSON:
    """The one form of a column mapping, so that the same one is recognised; MappingRefused where it is none."""
    return CsvMapping.from_json(mapping).to_json() if mapping is not None else None


class _Staging:
    """The rows of a batch that is coming in."""

    def __init__(self, setup: Setup, batch: UUID, mapping: JSON) -> None:
        self.batch = batch
        self.items: list[ItemRow] = []
        self.refusals: list[OutcomeRow] = []
        self.waiting_bytes = 0
        self._keys, self._limits = setup.keys, setup.uploads
        self._mapping = mapping
        self._waiting: list[OriginalRow] = []
        self._total_bytes = 0

    def add(self, upload: Upload) -> None:
        position, name = len(self.items), upload.name[: self._limits.name_characters]
        if position >= self._limits.files:
            raise UploadRefused("too many files in one import", expected=f"at most {self._limits.files}", got="more")
        refusal = self._find_refusal(upload)
        if refusal is None:
            original = self._close_original(upload, name)
            self._count_bytes(original)
            self._waiting.append(original)
            self.items.append(self._close_item(name, original.id))
        else:
            self.items.append(self._close_item(name, None))
            row = OutcomeRow(self.batch, position, 0, "refused", None, b"")
            self.refusals.append(self._keys.close_members(row, reason=refusal, where=""))

    def take_originals(self) -> list[OriginalRow]:
        taken, self._waiting, self.waiting_bytes = self._waiting, [], 0
        return taken

    def check_count(self, replaces: UUID | None) -> None:
        files = len(self.items)
        if files == 0:
            raise UploadRefused("nothing to import", expected="at least one file", got="none")
        if replaces is not None and files != 1:
            raise UploadRefused("a record is replaced by one file", expected="1 file", got=f"{files} files")

    def _find_refusal(self, upload: Upload) -> str | None:
        if len(upload.data) <= self._limits.file_bytes:
            return None
        return f"the file is too large: expected at most {self._limits.file_bytes} bytes, got {len(upload.data)}"

    def _count_bytes(self, original: OriginalRow) -> None:
        self.waiting_bytes += original.size
        self._total_bytes += original.size
        if self._total_bytes > self._limits.batch_bytes:
            expected = f"at most {self._limits.batch_bytes} bytes"
            raise UploadRefused("the import is too large", expected=expected, got="more")

    def _close_original(self, upload: Upload, name: str) -> OriginalRow:
        key, original = os.urandom(KEY_SIZE), uuid7()
        content = encrypt(key, upload.data, owner=original)
        return self._keys.close_members(
            OriginalRow(id=original, size=len(upload.data), wrapped=b"", content=content),
            key=key.hex(),
            mapping=self._mapping,
            media_type=upload.media_type,
            name=name,
            sha256=sha256(upload.data).hexdigest(),
        )

    def _close_item(self, name: str, original: UUID | None) -> ItemRow:
        """The file's row: to be read, or, without an original, refused already."""
        refused = 0 if original else 1
        row = ItemRow(
            batch=self.batch,
            position=len(self.items),
            original=original,
            done=original is None,
            parts=refused,
            accepted=0,
            duplicates=0,
            refused=refused,
            wrapped=b"",
        )
        return self._keys.close_members(row, name=name)
