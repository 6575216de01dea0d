"""`manage.py beacon_restart`: goes on from the latest justified checkpoint under the next origin and a new key.

    manage.py beacon_restart propose > motion.json      makes the key, and the motion that validators sign
    manage.py beacon_restart apply ballot-1 ballot-2 …   with the signed ballots of two thirds of the weight

While it is applied no sequencer may be at work. Afterwards every node needs the new network file.
"""

import threading
import time
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.beacon.network import key_path, network_file
from apps.beacon.ordering import EmbeddedOrdering
from apps.beacon.restart import is_restarted, parse_restart, restart, restart_motion
from apps.beacon.sealing import Sealing
from apps.beacon.sequencer import is_at_work, only_writer
from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import ed25519_key, write_durably
from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.beacon.entries import Restart
from audit_chain.beacon.key_set import parse_key
from audit_chain.beacon.names import beacon_origin
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note


class Command(BaseCommand):
    help = "Restarts the beacon's log from its latest justified checkpoint, once two thirds of the weight have signed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("propose", help="print the motion that the validators sign with their governance keys")
        apply = actions.add_parser("apply", help="restart with the signed ballots")
        apply.add_argument("ballots", nargs="+", type=Path, help="files, each with the note of one ballot")

    def handle(self, *, action: str, ballots: list[Path] | None = None, **options) -> None:
        try:
            network = network_file()
            if action == "propose":
                self.stdout.write(
                    canonical.encode(restart_motion(_next_signer(network).verifier_key).to_json()).decode()
                )
            else:
                self._apply(network, [Note.parse(path.read_bytes()) for path in ballots or []])
        except (AuditChainError, NetworkFileInvalid, OSError) as problem:
            raise CommandError(f"{type(problem).__name__}: {problem}") from None

    def _apply(self, network: NetworkFile, ballots: list[Note]) -> None:
        motion = parse_restart(Restart(tuple(ballots)).encode()).ballots[0].motion
        signer = _next_signer(network)
        if parse_key(str(motion.content["key"])) != signer.verifier_key:
            raise CommandError(f"the motion is for another key than {key_path(len(network.earlier) + 1)}")
        if is_at_work():
            raise CommandError("a sequencer is at work: stop it first")
        restarted = network.restarted(signer.verifier_key)
        with only_writer(threading.Event()):
            if not is_restarted(signer.verifier_key):
                sealing = Sealing(signer, EmbeddedOrdering(), restarted)
                seal = restart(ballots, sealing, network, now=int(time.time()))
                self.stdout.write(f"restarted as {signer.name} at tree size {motion.content['size']}, now {seal.size}")
        # A stop before this leaves a log that goes on under a key that the file does not name: apply again.
        path = Path(settings.NETWORK_FILE)
        draft = path.with_name(f".{path.name}")
        write_durably(draft, restarted.render(), mode=0o600)
        draft.replace(path)
        self.stdout.write(f"{path} names the new key; give it to every node")


def _next_signer(network: NetworkFile) -> NoteSigner:
    """The signer of the next origin, with its key file, made where there is none."""
    restarts = len(network.earlier) + 1
    return NoteSigner(beacon_origin(network.network, restarts), ed25519_key(key_path(restarts)))
