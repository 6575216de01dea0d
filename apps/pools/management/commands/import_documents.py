"""`manage.py import_documents`: files and folders into a pool, with one outcome for each document."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.pools.registry import get_pool
from apps.pools.tasks import commit_pool
from audit_chain.errors import AuditChainError
from data_pool.imports import Item
from data_pool.pool import Pool
from data_pool.staging import Upload

BY = "command line"
FILES_AT_ONCE = 500
BYTES_AT_ONCE = 64 * 1024 * 1024
LOOK_EVERY = 0.1  # seconds


@dataclass(slots=True)
class Outcomes:
    """What became of every document, in the order of the files."""

    accepted: list[dict[str, str]] = field(default_factory=list)
    duplicates: list[dict[str, str]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)

    def add(self, path: Path, item: Item) -> None:
        match item.outcome:
            case "accepted":
                self.accepted.append({"file": str(path), "record": str(item.record_id)})
            case "duplicate":
                self.duplicates.append({"file": str(path), "record": str(item.record_id)})
            case _:
                reason = f"{item.where}: {item.reason}" if item.where else item.reason
                self.refused.append({"file": str(path), "reason": reason})

    def to_json(self) -> str:
        return json.dumps({"accepted": self.accepted, "duplicates": self.duplicates, "refused": self.refused})


class Command(BaseCommand):
    help = "Imports documents into a pool: invoices and credit notes in UBL, CSV tables, JSON. Folders are walked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--pool", required=True, metavar="NAME")
        parser.add_argument("--mapping", type=Path, metavar="FILE", help="JSON file with the columns of CSV tables")
        parser.add_argument("--replaces", type=UUID, metavar="ID", help="the record that the one document replaces")
        parser.add_argument("--json", action="store_true", help="print the outcomes as JSON")

    def handle(
        self,
        *,
        paths: Sequence[Path],
        pool: str,
        mapping: Path | None,
        replaces: UUID | None,
        json: bool,
        **options: object,
    ) -> None:
        files = list(_walk(map(Path, paths)))
        outcomes = Outcomes()
        try:
            opened, columns = get_pool(pool), _read_mapping(mapping)
            for portion in _portions(files):
                batch = opened.stage(_uploads(portion), by=BY, mapping=columns, replaces=replaces)
                _finish(opened, batch)
                for item in opened.every_item(batch):
                    outcomes.add(portion[item.position[0]], item)
        except (AuditChainError, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(outcomes.to_json() if json else "\n".join(_words(outcomes, pool)))


def _walk(paths: Iterator[Path]) -> Iterator[Path]:
    """The files named, and those in the folders named, in a settled order; hidden ones in folders are passed over."""
    for path in paths:
        if path.is_dir():
            below = (file for file in path.rglob("*") if file.is_file())
            yield from sorted(file for file in below if not _is_hidden(file.relative_to(path)))
        elif path.exists():
            yield path
        else:
            raise CommandError(f"no such file or folder: {path}")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _portions(files: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """The files in runs small enough to be staged at once."""
    portion, size = list[Path](), 0
    for file in files:
        portion.append(file)
        size += file.stat().st_size
        if len(portion) == FILES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _uploads(files: Sequence[Path]) -> Iterator[Upload]:
    return (Upload(name=file.name, data=file.read_bytes()) for file in files)


def _finish(pool: Pool, batch: UUID) -> None:
    """Returns when every file of the batch has been read, by this process or a worker that was faster."""
    while not pool.batch(batch).done:
        if pool.process(batch=batch):
            commit_pool.delay(pool.name)
        else:
            time.sleep(LOOK_EVERY)
    commit_pool.delay(pool.name)


def _read_mapping(path: Path | None) -> object:
    try:
        return None if path is None else json.loads(path.read_bytes())
    except ValueError as problem:
        raise CommandError(f"{path} is not JSON: {problem}") from problem


def _words(outcomes: Outcomes, pool: str) -> Iterator[str]:
    for refusal in outcomes.refused:
        yield f"refused: {refusal['file']}: {refusal['reason']}"
    yield (
        f"{pool}: {len(outcomes.accepted)} accepted, {len(outcomes.duplicates)} already there, "
        f"{len(outcomes.refused)} refused"
    )
