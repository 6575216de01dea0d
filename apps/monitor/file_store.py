"""A memory in a folder: `memory.json`, and beside it the evidence, one file each, named by its SHA-256.

The folder's lock is whoever runs the monitor: two of them on one folder overwrite each other's memory.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.monitor.alerts import Alert, AlertKind
from apps.monitor.forks import HeadBook
from apps.monitor.memory import Evidence, Measure, Memory
from apps.monitor.view import Head
from audit_chain.errors import AuditChainError


class UnreadableMemory(Exception):
    """The folder holds something else than a monitor's memory."""


class FileStore:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> Memory:
        """The memory of the folder; an empty one where there is none yet. UnreadableMemory where it is no memory."""
        try:
            document = json.loads((self._folder / "memory.json").read_bytes())
            return self._read(document)
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError, KeyError, TypeError, AuditChainError) as problem:
            raise UnreadableMemory(f"{self._folder / 'memory.json'}: {type(problem).__name__}") from None

    def save(self, memory: Memory) -> None:
        """Evidence first: a memory never names a file that is not there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for one in memory.evidence:
            if not self._evidence(one.digest).exists():
                _write(self._evidence(one.digest), one.file)
        heads = [head.note.decode() for heads in memory.book.heads.values() for head in heads]
        document = {
            "alerts": [asdict(alert) for alert in memory.alerts],
            "evidence": [
                {"digest": one.digest, "kind": one.kind, "offender": one.offender, "submitted": one.submitted}
                for one in memory.evidence
            ],
            "heads": heads,
        }
        _write(self._folder / "memory.json", json.dumps(document, indent=1).encode())

    def _read(self, document: Any) -> Memory:
        book = HeadBook()
        for note in document["heads"]:
            book.add(Head.of(note.encode()))
        alerts = [Alert(**{**item, "kind": AlertKind(item["kind"])}) for item in document["alerts"]]
        evidence = [Evidence(file=self._evidence(item["digest"]).read_bytes(), **item) for item in document["evidence"]]
        measures: Sequence[Measure] = ()
        return Memory(alerts, evidence, book, measures)

    def _evidence(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"


def _write(path: Path, data: bytes) -> None:
    """Replaces the file as a whole, so that a stop leaves the old one or the new one."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
