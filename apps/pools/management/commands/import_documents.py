"""`manage.py import_documents`: files and folders into a pool, with one outcome for each document.

refused: november/broken.xml: line 12, column 3: not well-formed
northwind-parts: 4 accepted, 1 already there, 1 refused
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.network.errors import NetworkError
from apps.pools.registry import get_pool
from audit_chain.canonical import JSON
from audit_chain.errors import AuditChainError
from data_pool.imports import Item
from data_pool.pool import Pool
from data_pool.staging import Upload

BY = "command line"
FILES_AT_ONCE = 500
BYTES_AT_ONCE = 64 * 1024 * 1024
LOOK_EVERY = 0.1  # seconds, while a worker reads some of our files


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
                self.refuse(path, f"{item.where}: {item.reason}" if item.where else item.reason)

    def refuse(self, path: Path, reason: str) -> None:
        self.refused.append({"file": str(path), "reason": reason})

    def to_json(self) -> str:
        outcomes = {"accepted": self.accepted, "duplicates": self.duplicates, "refused": self.refused}
        return json.dumps(outcomes, ensure_ascii=False)


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
            for portion in _portions(files, outcomes):
                _import(opened, portion, outcomes, mapping=columns, replaces=replaces)
        except (AuditChainError, NetworkError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(outcomes.to_json() if json else "\n".join(_words(outcomes, pool)))


def _import(
    pool: Pool, portion: Sequence[tuple[Path, Upload]], outcomes: Outcomes, *, mapping: JSON, replaces: UUID | None
) -> None:
    """Takes the files in. Sealing and anchoring are left to the workers, which look every second."""
    batch = pool.stage((upload for _, upload in portion), by=BY, mapping=mapping, replaces=replaces)
    pool.finish(batch, wait=LOOK_EVERY)
    for item in pool.every_item(batch):
        outcomes.add(portion[item.position[0]][0], item)


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


def _portions(files: Sequence[Path], outcomes: Outcomes) -> Iterator[Sequence[tuple[Path, Upload]]]:
    """The files in runs small enough to be held in memory and staged at once; one that cannot be read is refused."""
    portion, size = list[tuple[Path, Upload]](), 0
    for file in files:
        try:
            upload = Upload(name=file.name, data=file.read_bytes())
        except OSError as problem:
            outcomes.refuse(file, f"the file cannot be read ({problem.strerror})")
            continue
        portion.append((file, upload))
        size += len(upload.data)
        if len(portion) == FILES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _read_mapping(path: Path | None) -> JSON:
    try:
        mapping: JSON = None if path is None else json.loads(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise CommandError(f"the mapping {path} cannot be read: {problem}") from problem
    return mapping


def _words(outcomes: Outcomes, pool: str) -> Iterator[str]:
    for refusal in outcomes.refused:
        yield f"refused: {refusal['file']}: {refusal['reason']}"
    yield (
        f"{pool}: {len(outcomes.accepted)} accepted, {len(outcomes.duplicates)} already there, "
        f"{len(outcomes.refused)} refused"
    )
