"""The operator has looked: the validator may sign again."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.validator.models import Replica


class Command(BaseCommand):
    help = "Lets this validator sign again after it has stopped. Find out first what was wrong: `manage.py replay`."

    def handle(self, *args: Any, **options: Any) -> None:
        problem = Replica.objects.filter(pk=1).values_list("problem", flat=True).first()
        Replica.objects.filter(pk=1).update(problem=None)
        self.stdout.write(f"cleared: {problem}" if problem else "nothing was wrong")
