"""`manage.py rotate_keys`: new cosigner keys for this validator, with a validity of their own.

Makes the keys, has the rotation signed with the governance key taken into the beacon's log, waits until this validator
has replayed it, and names the keys in the network file. The earlier key files stay: what they signed stays valid.
Stopped at any point, the next call goes on with the same keys.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from apps.network import key_files
from apps.network.beacon_client import BeaconClient
from apps.network.errors import NetworkError, NetworkFileInvalid
from apps.validator.identity import Identity, identity
from apps.validator.state_store import SqliteStateStore
from audit_chain import canonical
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Rotation
from audit_chain.beacon.state import State, get_validator
from audit_chain.encoding import to_time
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44
from audit_chain.log.note import Note
from audit_chain.statemap.map import StateMap

DAY = 24 * 3600  # seconds
LOOK_EVERY = 0.5  # seconds


class Command(BaseCommand):
    help = "Gives this validator new cosigner keys. Afterwards give the network file to every node and restart them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=730, help="how long the new keys are valid from now on")
        parser.add_argument("--patience", type=float, default=600, help="seconds to wait for the beacon")

    def handle(self, *args: Any, days: int, patience: float, **options: Any) -> None:
        own = identity()
        folder = settings.VAR_DIR / "keys" / "validators" / own.node.name
        try:
            keys = _next_keys(folder, own.node.keys[0].name, days)
            if not _stands(own, keys):
                _submit(own, keys)
                self.stdout.write("handed in; waiting until it stands in the replayed state")
                _wait(lambda: _stands(own, keys), patience)
            _take_over(folder, keys)
            network = own.network.rotated(own.node.name, keys)
            key_files.replace_durably(Path(settings.NETWORK_FILE), network.render())
            (folder / "next.json").unlink()
        except (AuditChainError, NetworkError, NetworkFileInvalid, OSError) as problem:
            raise CommandError(f"{type(problem).__name__}: {problem}") from None
        self.stdout.write(f"valid from {keys.not_before} to {keys.not_after}: {keys.ed25519}")
        self.stdout.write(f"{settings.NETWORK_FILE} names them: give it to every node, restart this validator last")


def _next_keys(folder: Path, name: str, days: int) -> KeySet:
    """The keys of the rotation that is under way, or of a new one."""
    plan = folder / "next.json"
    if not plan.exists():
        ed25519 = CosignerEd25519(name, key_files.ed25519_key(folder / "ed25519-next.pem"))
        mldsa44 = CosignerMLDSA44(name, key_files.mldsa44_key(folder / "mldsa44-next.pem"))
        now = int(time.time())
        keys = KeySet((ed25519.verifier_key, mldsa44.verifier_key), to_time(now), to_time(now + days * DAY))
        key_files.replace_durably(plan, canonical.encode(keys.to_json()))
    return KeySet.from_json(canonical.decode(plan.read_bytes()))


def _submit(own: Identity, keys: KeySet) -> None:
    text = Rotation(own.network.network, own.node.name, keys).text()
    signer = import_string(settings.GOVERNANCE_SIGNER)(own.node.name, own.node.governance)
    BeaconClient(own.network.beacon.url).submit_rotation(Note(text, (signer.sign(text),)).render())


def _stands(own: Identity, keys: KeySet) -> bool:
    return keys in get_validator(State(StateMap(SqliteStateStore())), own.node.name).key_sets


def _wait(condition: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise CommandError("the beacon's log does not have it yet; call again to go on")
        time.sleep(LOOK_EVERY)


def _take_over(folder: Path, keys: KeySet) -> None:
    """Puts the new key files where the validator looks for them."""
    for kind, key in zip(("ed25519", "mldsa44"), keys.keys, strict=True):
        target = folder / f"{kind}-{key.key_id.hex()}.pem"
        if not target.exists():
            (folder / f"{kind}-next.pem").rename(target)
