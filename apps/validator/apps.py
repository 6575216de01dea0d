from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class ValidatorConfig(AppConfig):
    name = "apps.validator"
    verbose_name = "Validator"

    def ready(self) -> None:
        """Refuses a store on which two requests could both pass the check before either is kept."""
        database = settings.DATABASES["default"]
        is_sqlite = database["ENGINE"] == "django.db.backends.sqlite3"
        if not is_sqlite or database.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE":
            raise ImproperlyConfigured('a validator needs SQLite with OPTIONS {"transaction_mode": "IMMEDIATE"}')
