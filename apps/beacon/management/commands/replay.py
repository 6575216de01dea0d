"""`manage.py replay`: whether the log leads to the states that its seals commit to."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from apps.beacon.replay import replay
from audit_chain.errors import AuditChainError


class Command(BaseCommand):
    help = "Replays the beacon's log in memory and compares the state's root at every seal. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from", dest="start", type=int, default=0, metavar="SIZE", help="from the kept state of this tree size"
        )

    def handle(self, *, start: int, **options) -> None:
        try:
            replayed = replay(start)
        except AuditChainError as problem:
            raise CommandError(f"{type(problem).__name__}: {problem}") from None
        if replayed.differing is not None:
            raise CommandError(
                f"the seal at tree size {replayed.size} commits to another state; the sections that differ here: "
                f"{', '.join(replayed.differing) or 'none that is kept'}"
            )
        self.stdout.write(
            f"{replayed.blocks} blocks from tree size {replayed.start} to {replayed.size}: every root is the sealed one"
        )
