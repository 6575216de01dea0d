"""`manage.py add_pool`: a pool for an organisation that is a member of the network."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import Organisation
from apps.network.errors import NetworkError
from apps.pools.services import pool_create
from audit_chain.errors import AuditChainError


class Command(BaseCommand):
    help = "Makes a pool in a database of its own and registers it on the beacon. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organisation", metavar="ORGANISATION", help="the organisation's short name")
        parser.add_argument("--name", metavar="NAME", help="the pool's name; the organisation's where not given")
        parser.add_argument(
            "--database-url", metavar="URL", help="the owner's own empty database, instead of a new one"
        )

    def handle(self, *, organisation: str, name: str | None, database_url: str | None, **options: object) -> None:
        owner = Organisation.objects.filter(name=organisation).first()
        if owner is None:
            raise CommandError(f"no organisation {organisation!r} on this portal")
        try:
            pool = pool_create(name=name or organisation, organisation=owner, database_url=database_url)
        except (NetworkError, AuditChainError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{pool.name}: the pool of {organisation}")
