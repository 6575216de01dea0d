"""Making a pool."""

import secrets
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from apps.accounts.models import Organisation
from apps.network.beacon_client import BeaconClient
from apps.network.network_file import load
from apps.pools.folder import PoolFolder
from apps.pools.registry import get_pool
from audit_chain.log.keys import VerifierKey
from data_pool.pool import Pool
from data_pool.storage.postgres import PostgresStorage


def pool_create(*, name: str, organisation: Organisation) -> Pool:
    """The organisation's pool, in a database and under a role of its own, registered on the beacon.

    Can be repeated, and goes on where a stop left it: keys, database, registration, description. Only the description
    makes the pool visible. Raises Declined or Unreachable where the beacon does not register it.
    """
    folder = PoolFolder.of(Path(settings.VAR_DIR), name)
    network = load(Path(settings.NETWORK_FILE)).network
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.exists():
        key = folder.keys(network).signer.verifier_key
        url = _database_create(f"pool_{name.replace('-', '_')}")
        storage = PostgresStorage(url)
        try:
            storage.migrate()
        finally:
            storage.close()
        _register(name=name, member=organisation.name, key=key)
        folder.describe(network=network, database_url=url)
    if organisation.pool != name:
        organisation.pool = name
        organisation.full_clean()
        organisation.save(update_fields=["pool"])
    return get_pool(name)


def _register(*, name: str, member: str, key: VerifierKey) -> None:
    beacon = BeaconClient(settings.BEACON_URL)
    try:
        beacon.register_pool(name=name, member=member, key=str(key), operator_token=settings.BEACON_OPERATOR_TOKEN)
    finally:
        beacon.close()


def _database_create(name: str) -> str:
    """The URL of the database of that name, which belongs to a role of that name; nobody else may connect."""
    admin_url, password = settings.POOL_ADMIN_DATABASE_URL, secrets.token_urlsafe(32)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        role = sql.Identifier(name)
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        connection.execute("SET password_encryption = 'scram-sha-256'")
        command = "ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(command).format(role, sql.Literal(password)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(role))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))
    address = conninfo_to_dict(admin_url)
    host, port = quote(str(address.get("host", "localhost")), safe=""), address.get("port", 5432)
    return f"postgresql://{name}:{password}@/{name}?host={host}&port={port}"
