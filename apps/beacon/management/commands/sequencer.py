"""`manage.py sequencer`: runs the beacon's single writer until it is told to stop."""

import signal
import threading

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from apps.beacon.finality import cosigner_name
from apps.beacon.log import open_store
from apps.beacon.network import log_signer, network_file
from apps.beacon.ordering import EmbeddedOrdering, SubmissionWatch
from apps.beacon.sealing import Sealing
from apps.beacon.sequencer import HEARTBEAT, Sequencer, only_writer
from apps.network.errors import NetworkFileInvalid
from apps.network.gathering import Gathering
from apps.network.witness_client import WitnessClient
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import NoteSigner
from audit_chain.log.sealed_log import SealedLog

RECONNECT_AFTER = 1.0  # seconds
LOST = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class Command(BaseCommand):
    help = "Seals the beacon's blocks and gathers the validators' votes. A second one stands by for the first."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--heartbeat", type=float, default=HEARTBEAT, help="seconds between empty blocks")

    def handle(self, *, heartbeat: float, **options) -> None:
        try:
            network, signer = network_file(), log_signer()
        except NetworkFileInvalid as problem:
            raise CommandError(str(problem)) from None
        validators = [WitnessClient.of(node) for node in network.validators]
        others = [WitnessClient(cosigner_name(node.name), node.url, (node.key,)) for node in network.witnesses]
        gathering = Gathering([*validators, *others], _consistency_prover(signer))
        stop = _stop_on_signals(gathering)
        watch = SubmissionWatch(gathering.wake)
        watch.start()
        try:
            while not stop.is_set():
                sealing = Sealing(signer, EmbeddedOrdering(), network, kept_epochs=settings.BEACON_KEPT_EPOCHS)
                self._work(Sequencer(sealing, gathering, validators, network, heartbeat=heartbeat), stop)
        except AuditChainError as problem:
            raise CommandError(f"{type(problem).__name__}: {problem}") from None
        finally:
            watch.close()
            gathering.close()

    def _work(self, sequencer: Sequencer, stop: threading.Event) -> None:
        """Ends when told to or when the database is lost; what was under way is then done again on a new connection."""
        try:
            with only_writer(stop) as held:
                if held:
                    sequencer.run(stop)
        except LOST as problem:
            self.stderr.write(f"the database does not answer ({type(problem).__name__}); trying again")
            connection.close()
            stop.wait(RECONNECT_AFTER)
        except DatabaseError as problem:
            raise CommandError(
                f"the database refuses: {type(problem).__name__}; are the migrations applied?"
            ) from problem


def _consistency_prover(signer: NoteSigner):
    return lambda old, new: SealedLog(open_store(), signer).consistency_proof(old, new)


def _stop_on_signals(gathering: Gathering) -> threading.Event:
    stop = threading.Event()

    def handle(*_: object) -> None:
        stop.set()
        gathering.wake()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop
