"""`manage.py proof_bundle`: a record's chosen fields with everything that proves them, as one file."""

import time
from pathlib import Path
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.pools.registry import get_pool
from audit_chain.errors import AuditChainError
from data_pool.life import Stage
from data_pool.pool import Pool

RECIPIENT = "command line"
LOOK_EVERY = 0.2  # seconds


class Command(BaseCommand):
    help = "Writes a proof bundle that shows the named fields of one record. The disclosure is recorded in the pool."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pool", required=True, metavar="NAME")
        parser.add_argument("--record", required=True, type=UUID, metavar="ID")
        parser.add_argument("--disclose", required=True, metavar="FIELD,FIELD", help="e.g. number,payable_amount")
        parser.add_argument("--out", required=True, type=Path, metavar="FILE")
        parser.add_argument("--recipient", default=RECIPIENT, help="for whom it is, as the pool records it")
        parser.add_argument(
            "--wait-final", type=float, default=0, metavar="SECONDS", help="wait up to so long until it is final"
        )

    def handle(
        self, *, pool: str, record: UUID, disclose: str, out: Path, recipient: str, wait_final: float, **options: object
    ) -> None:
        names = [name.strip() for name in disclose.split(",") if name.strip()]
        try:
            opened = get_pool(pool)
            self._wait(opened, record, wait_final)
            bundle = opened.disclose(record, names, recipient=recipient, by=RECIPIENT)
            out.write_bytes(bundle)
        except (AuditChainError, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{out}: {len(names)} fields of record {record}, {len(bundle):,} bytes")

    def _wait(self, pool: Pool, record: UUID, seconds: float) -> None:
        end = time.monotonic() + seconds
        while pool.record(record).life.stage is not Stage.FINAL and time.monotonic() < end:
            time.sleep(LOOK_EVERY)
