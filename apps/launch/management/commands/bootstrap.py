"""`manage.py bootstrap`: the demo network's members, pools, accounts and sample documents."""

import time

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.services import organisation_ensure, user_ensure
from apps.launch import sign_ins
from apps.launch.cast import CAST, Organisation
from apps.network import genesis
from apps.network.beacon_client import BeaconClient
from apps.network.errors import Declined, Unreachable
from apps.pools.services import pool_create

PLACED_WITHIN = 30.0  # seconds until the sequencer has put a member into the beacon's log
LOOK_EVERY = 0.05  # seconds


class Command(BaseCommand):
    help = "Makes what is missing of the demo network: members, pools, accounts, sample documents. Safe to repeat."

    def handle(self, **options) -> None:
        accounts = {sign_in.email: sign_in for sign_in in sign_ins.ensure(settings.VAR_DIR)}
        beacon = BeaconClient(settings.BEACON_URL)
        try:
            for member in CAST:
                self._join(member, beacon, accounts)
        except (Declined, Unreachable) as problem:
            raise CommandError(f"The beacon did not register {member.name}: {problem}") from problem
        finally:
            beacon.close()
        for member in CAST:
            if member.has_pool:
                self._import(member)

    def _join(self, member: Organisation, beacon: BeaconClient, accounts: dict[str, sign_ins.SignIn]) -> None:
        """Registers the member on the beacon, then gives it its pool and its people here."""
        network = genesis.load(settings.NETWORK_FILE).network
        path = settings.VAR_DIR / "keys" / "members" / f"{member.name}.pem"
        signer = genesis.member_signer(path, network=network, name=member.name)
        beacon.register_member(
            name=member.name, key=str(signer.verifier_key), operator_token=settings.BEACON_OPERATOR_TOKEN
        )
        _wait_until_placed(member.name, beacon)
        organisation = organisation_ensure(name=member.name, display_name=member.display_name, kind=member.kind)
        if member.has_pool:
            pool_create(name=member.name, organisation=organisation)
        for role, person in member.people:
            email = member.email(person)
            user_ensure(
                email=email,
                password=accounts[email].password,
                organisation=organisation,
                role=role,
                full_name=f"{person} of {member.display_name}",
            )
        self.stdout.write(f"{member.display_name}: member{', pool' if member.has_pool else ''} and accounts")

    def _import(self, member: Organisation) -> None:
        documents = [str(path) for path in member.documents()]
        call_command("import_documents", *documents, pool=member.name, stdout=self.stdout, stderr=self.stderr)


def _wait_until_placed(name: str, beacon: BeaconClient) -> None:
    """Returns when the member stands in the beacon's log; before, no pool can be registered as its own."""
    end = time.monotonic() + PLACED_WITHIN
    while True:
        try:
            beacon.member(name)
        except Declined as problem:
            if problem.status != 404 or time.monotonic() > end:
                raise
            time.sleep(LOOK_EVERY)
        else:
            return
