"""`manage.py fsck`: whether everything that is stored still is as it was written."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.beacon.fsck import check_beacon
from apps.network.errors import NetworkFileInvalid
from apps.network.network_file import load
from apps.pools.registry import get_pool, pool_names
from audit_chain.errors import AuditChainError
from data_pool.findings import Report

BEACON = "beacon"


class Command(BaseCommand):
    help = (
        "Derives every root again from the stored rows, and opens every box, of all pools and the beacon or of those "
        "named. Exit code 1 and the first wrong row and checkpoint where something differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--pool", metavar="NAME", help="this pool only")
        what.add_argument("--beacon", action="store_true", help="the beacon only")
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *, pool: str | None, beacon: bool, json: bool, **options: object) -> None:
        reports = {}
        for name, check in _checks(pool=pool, beacon=beacon):
            try:
                reports[name] = check()
            except (AuditChainError, NetworkFileInvalid, psycopg.Error, OSError) as problem:
                raise CommandError(f"{name}: {problem}") from problem
        self.stdout.write(_as_json(reports) if json else "\n".join(_words(reports)))
        if not all(report.sound for report in reports.values()):
            sys.exit(1)


def _checks(*, pool: str | None, beacon: bool) -> Iterator[tuple[str, Callable[[], Report]]]:
    if not beacon:
        for name in [pool] if pool else pool_names():
            yield f"pool {name}", lambda name=name: get_pool(name).fsck()
    if not pool:
        yield BEACON, _check_beacon


def _check_beacon() -> Report:
    if not settings.BEACON_DATABASE_URL:
        raise CommandError("BEACON_DATABASE_URL is not set: fsck of the beacon runs where the beacon's database is")
    with psycopg.connect(settings.BEACON_DATABASE_URL) as connection:
        return check_beacon(connection, load(Path(settings.NETWORK_FILE)))


def _as_json(reports: dict[str, Report]) -> str:
    return json.dumps({name: {"sound": report.sound, **asdict(report)} for name, report in reports.items()}, indent=2)


def _words(reports: dict[str, Report]) -> Iterator[str]:
    for name, report in reports.items():
        rows = sum(report.counts.values())
        if report.sound:
            yield f"{name}: sound, {rows:,} rows checked"
        else:
            yield f"{name}: {len(report.problems)} wrong, of {rows:,} rows checked"
            yield from (f"  {problem}" for problem in report.problems)
