"""Databases for pools: each belongs to a role of its own, and nobody else may connect."""

import secrets
from urllib.parse import urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from data_pool.errors import PoolError

NAME_LIMIT = 63  # bytes of a PostgreSQL identifier; the server cuts a longer one off without a word
PASSWORD_BYTES = 32
ADMIN_OWN = ("user", "password", "dbname")


def database_ensure(admin_url: str, pool: str) -> str:
    """The URL of the pool's database and role, made where they are missing, with a new password.

    The server gets the password as a SCRAM verifier: it stands in no statement, and so in no log.
    """
    name, password = _name(pool), secrets.token_urlsafe(PASSWORD_BYTES)
    role = sql.Identifier(name)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None
        command = "ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(command).format(role, sql.Literal(verifier)))
        # Whoever makes a database for a role has to belong to it; before PostgreSQL 16 making the role is not enough.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(role))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))
    address = {key: value for key, value in conninfo_to_dict(admin_url).items() if key not in ADMIN_OWN}
    return f"postgresql://{name}:{password}@/{name}?{urlencode(address)}"


def _name(pool: str) -> str:
    name = f"pool_{pool.replace('-', '_')}"
    if len(name) > NAME_LIMIT:
        expected = f"at most {NAME_LIMIT - len('pool_')} characters"
        raise PoolError("the pool's name is too long for a database", expected=expected, got=len(pool))
    return name
