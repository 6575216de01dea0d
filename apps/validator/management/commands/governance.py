"""`manage.py governance`: motions and ballots of this validator, signed with its governance key.

manage.py governance list
manage.py governance propose suspend kind=pool name=northwind-parts
manage.py governance propose join --file registration.json
manage.py governance vote 7f0c…              the motion with that digest, or the only one whose digest begins so
manage.py governance vote --file motion.json  prints the ballot for a restart; hands in any other
"""

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from apps.network.beacon_client import BeaconClient
from apps.network.errors import NetworkError
from apps.validator.identity import identity
from apps.validator.restarting import check_restart
from audit_chain import canonical
from audit_chain.beacon.motion import ACTIONS, SERIAL_SIZE, Ballot, Motion
from audit_chain.canonical import JSON
from audit_chain.encoding import to_hex
from audit_chain.errors import AuditChainError
from audit_chain.log.note import Note

EXPIRES_AFTER = 1000  # epochs


class Command(BaseCommand):
    help = "Lists motions, makes one, or votes for one with this validator's governance key."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="what", required=True)
        actions.add_parser("list", help="motions that ballots were cast for")
        propose = actions.add_parser("propose", help="make a motion and vote for it")
        propose.add_argument("action", choices=sorted(set(ACTIONS) - {"restart"}))
        propose.add_argument("members", nargs="*", metavar="member=value")
        propose.add_argument("--file", type=Path, help="the motion's members as a JSON object")
        propose.add_argument("--epochs", type=int, default=EXPIRES_AFTER, help="how many epochs ballots count")
        vote = actions.add_parser("vote", help="say yes to a motion")
        vote.add_argument("digest", nargs="?", help="its digest in hex, or the beginning of it")
        vote.add_argument("--file", type=Path, help="the motion as canonical JSON")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        beacon = BeaconClient(identity().network.beacon.url)
        try:
            if what == "list":
                self._list(beacon)
            elif what == "propose":
                self._vote(beacon, _motion(beacon, **_chosen(options, "action", "members", "file", "epochs")))
            elif options["file"]:
                self._vote(beacon, Motion.from_json(canonical.decode(options["file"].read_bytes().strip())))
            else:
                self._vote(beacon, _known_motion(beacon, options["digest"] or ""))
        except (AuditChainError, NetworkError, OSError) as problem:
            raise CommandError(f"{type(problem).__name__}: {problem}") from None

    def _list(self, beacon: BeaconClient) -> None:
        found = beacon.motions()
        for one in found.motions:
            outcome = f"carried by entry {one.carried.index}" if one.carried else f"open until epoch {one.expires}"
            self.stdout.write(f"{to_hex(one.digest)}  {outcome}  yes: {', '.join(one.voters)}\n    {one.motion}")
        if not found.motions:
            self.stdout.write("no motions")

    def _vote(self, beacon: BeaconClient, motion: Motion) -> None:
        if motion.action == "restart":
            # All ballots for a restart stand in one entry, which whoever runs the beacon writes.
            check_restart(motion)
            self.stdout.write(sign_ballot(motion).render().decode(), ending="")
            return
        ballot = sign_ballot(motion)
        beacon.submit_ballot(ballot.render())
        self.stdout.write(f"voted for {to_hex(motion.digest)}: {canonical.encode(motion.to_json()).decode()}")


def sign_ballot(motion: Motion) -> Note:
    """The ballot of this validator."""
    own = identity()
    signer = import_string(settings.GOVERNANCE_SIGNER)(own.node.name, own.node.governance)
    ballot = Ballot(own.network.network, own.node.name, motion)
    return Note(ballot.text(), (signer.sign(ballot.text()),))


def _motion(beacon: BeaconClient, *, action: str, members: list[str], file: Path | None, epochs: int) -> Motion:
    content: dict[str, JSON] = {}
    if file:
        read = canonical.decode(file.read_bytes().strip())
        if not isinstance(read, dict):
            raise CommandError(f"{file} holds no JSON object")
        content.update(read)
    for member in members:
        name, equals, value = member.partition("=")
        if not equals:
            raise CommandError(f"expected member=value, got {member!r}; {action} has {', '.join(ACTIONS[action])}")
        content[name] = int(value) if value.isdecimal() else value
    serial = to_hex(secrets.token_bytes(SERIAL_SIZE))
    expires = beacon.motions().epoch + epochs
    return Motion.from_json({**content, "action": action, "expires": expires, "serial": serial})


def _known_motion(beacon: BeaconClient, digest: str) -> Motion:
    found = [one for one in beacon.motions().motions if to_hex(one.digest).startswith(digest)]
    if len(found) != 1:
        raise CommandError(f"{len(found)} motions have a digest that begins so; see `manage.py governance list`")
    return Motion.from_json(canonical.decode(found[0].motion.encode()))


def _chosen(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names}
