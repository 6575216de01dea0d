"""The state map's tables, which are no models."""

from django.db import migrations

from apps.validator.state_store import STATE_SCHEMA


class Migration(migrations.Migration):
    dependencies = [("validator", "0001_initial")]

    operations = [migrations.RunSQL(list(STATE_SCHEMA), migrations.RunSQL.noop)]
