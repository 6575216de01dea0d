"""The databases of an embedded server: one role each, which alone may connect."""

import psycopg
from pgmq.install import get_embedded_install_sql
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from apps.launch.errors import LaunchError
from apps.launch.installation import BROKER, POOL_ADMIN, Database, Settings


def ensure(superuser_url: str, settings: Settings) -> None:
    """Makes what is missing, and sets the roles' passwords to those in the settings."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for database in settings.embedded:
            _ensure_role(connection, database.name, settings.password(database))
            _ensure_database(connection, database)
        if POOL_ADMIN in settings.embedded:
            # May make a role and a database for each pool; nothing more.
            connection.execute(sql.SQL("ALTER ROLE {} CREATEROLE CREATEDB").format(sql.Identifier(POOL_ADMIN.name)))


def ensure_broker(url: str) -> None:
    """Installs the queue's tables and functions where the broker is PostgreSQL and lacks them."""
    scheme, _, rest = url.partition("://")
    if scheme != BROKER.scheme:
        return
    address = make_conninfo(**conninfo_to_dict(f"postgresql://{rest}"))
    try:
        with psycopg.connect(address) as connection:
            if connection.execute("SELECT to_regnamespace('pgmq')").fetchone() == (None,):
                connection.execute(get_embedded_install_sql().encode())  # One transaction: all of it or nothing.
    except psycopg.OperationalError as error:
        raise LaunchError(f"The task queue's database does not answer: {error}") from error


def _ensure_role(connection: Connection, name: str, password: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    command = "ALTER ROLE {} PASSWORD {}" if found else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(command).format(sql.Identifier(name), sql.Literal(password)))


def _ensure_database(connection: Connection, database: Database) -> None:
    name = sql.Identifier(database.name)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database.name]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(name))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
