from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from data_pool.storage.postgres_log import LOG_SCHEMA_SQL
from data_pool.storage.postgres_state import STATE_SCHEMA_SQL


def create(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    with editor.connection.cursor() as cursor:
        cursor.execute(LOG_SCHEMA_SQL)
        cursor.execute(STATE_SCHEMA_SQL)


class Migration(migrations.Migration):
    """The tables of the log and of the state map."""

    dependencies = [("beacon", "0001_initial")]
    operations = [migrations.RunPython(create)]
