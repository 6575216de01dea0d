"""`manage.py trust_policy`: what a verifier has to trust, as a file."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.network.errors import NetworkFileInvalid
from apps.network.network_file import load


class Command(BaseCommand):
    help = "Writes this network's trust policy: the beacon's key, the validators' keys and the quorum."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write it")

    def handle(self, *, out: Path, **options: object) -> None:
        try:
            network = load(Path(settings.NETWORK_FILE))
            out.write_bytes(network.policy().render())
        except (NetworkFileInvalid, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"{out}: the trust policy of {network.network}, "
            f"{len(network.validators)} validators. Hand it to verifiers by a way they trust."
        )
