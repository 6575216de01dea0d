"""`manage.py replay`: the beacon's log replayed from its genesis into memory, beside what this validator keeps."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.network.beacon_client import BeaconClient
from apps.network.errors import NetworkError
from apps.validator.identity import identity
from apps.validator.replica import replayed_size
from audit_chain.beacon.state import State, get_latest_seal
from audit_chain.beacon.transition import process_entry
from audit_chain.encoding import to_hex
from audit_chain.errors import AuditChainError, StateMismatch
from audit_chain.log.tiles import TILE_WIDTH
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore


class Command(BaseCommand):
    help = "Reads the beacon's log from its first entry and compares every state root. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=int, metavar="SIZE", help="tree size; as far as this validator has come")

    def handle(self, *args: Any, to: int | None, **options: Any) -> None:
        size = replayed_size() if to is None else to
        beacon = BeaconClient(identity().network.beacon.url)
        state = State(StateMap(MemoryStateStore()))
        blocks = 0
        for index, entry in enumerate(_entries(beacon, size)):
            try:
                process_entry(state, entry, index)
            except StateMismatch as problem:
                raise CommandError(_explain(problem, beacon, index + 1)) from None
            except AuditChainError as problem:
                raise CommandError(f"entry {index}: {type(problem).__name__}: {problem}") from None
            if get_latest_seal(state).index == index:
                state.commit(index + 1)
                blocks += 1
        self.stdout.write(f"{blocks} blocks up to tree size {size}: every state root is the sealed one")


def _entries(beacon: BeaconClient, size: int) -> Any:
    try:
        for bundle in range(-(-size // TILE_WIDTH)):
            yield from beacon.log.bundle(bundle, size=size)
    except NetworkError as problem:
        raise CommandError(f"the beacon's log cannot be read: {problem}") from None


def _explain(problem: StateMismatch, beacon: BeaconClient, size: int) -> str:
    lines = [f"tree size {size}: {problem}"]
    try:
        theirs = {section.name: section.root for section in beacon.state_sections(size).sections}
    except NetworkError as silence:
        return f"{lines[0]}\nthe beacon does not say which sub-roots it has: {silence}"
    for name in sorted(problem.subroots.keys() | theirs.keys()):
        own, other = problem.subroots.get(name), theirs.get(name)
        if own != other:
            lines.append(
                f"{name}: here {to_hex(own) if own else 'nothing'}, there {to_hex(other) if other else 'nothing'}"
            )
    return "\n".join(lines)


def _text(root: bytes | None) -> str:
    return to_hex(root) if root else "nothing"
