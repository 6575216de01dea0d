"""`manage.py slashing_protection export|import FILE`: what this validator's keys have signed, as EIP-3076.

Stop the validator before either: what it signs afterwards is not in the file.
"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import replace_durably
from apps.validator import protection
from apps.validator.identity import identity
from audit_chain.beacon.slashing_protection import Interchange
from audit_chain.errors import MalformedInterchange


class Command(BaseCommand):
    help = "Carries what this validator's keys have signed to another machine, or from one (EIP-3076)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("direction", choices=["export", "import"])
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, direction: str, file: Path, **options: Any) -> None:
        try:
            network = protection.network_root(identity().network.beacon.key)
            if direction == "export":
                self._export(network, file)
            else:
                self._import(network, file)
        except (NetworkFileInvalid, MalformedInterchange, OSError) as problem:
            raise CommandError(f"{file}: {problem}") from None

    def _export(self, network: bytes, file: Path) -> None:
        interchange = protection.export(network)
        replace_durably(file, interchange.render())
        votes = sum(len(history.votes) for history in interchange.histories.values())
        self.stdout.write(f"{votes} votes of {len(interchange.histories)} keys are in {file}")

    def _import(self, network: bytes, file: Path) -> None:
        interchange = Interchange.parse(file.read_bytes())
        if interchange.genesis_validators_root != network:
            raise CommandError(f"{file} is of another network, or of the beacon's log before a restart")
        with transaction.atomic():
            protection.take_in(interchange)
        self.stdout.write(f"took in the history of {len(interchange.histories)} keys")
