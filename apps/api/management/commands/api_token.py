"""`manage.py api_token`: a token for a program, for whoever runs the portal. Owners make theirs on its pages."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.actor import Actor
from apps.accounts.errors import PortalError
from apps.accounts.roles import Role
from apps.accounts.selectors import organisation_find
from apps.accounts.services import token_create


class Command(BaseCommand):
    help = "Prints a new API token of an organisation. It is shown this once; the database keeps its hash."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, metavar="NAME", help="e.g. northwind-parts")
        parser.add_argument("--role", choices=Role.values, default=Role.VIEWER.value, help="what it may do")
        parser.add_argument("--label", default="command line", help="what people tell it apart by")

    def handle(self, *, organisation: str, role: str, label: str, **options: object) -> None:
        found = organisation_find(name=organisation)
        if found is None:
            raise CommandError(f"There is no organisation {organisation}.")
        operator = Actor(organisation=found, role=Role.OWNER, name="operator")
        try:
            _, text = token_create(actor=operator, label=label, role=role)
        except PortalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(text)
