"""Making a pool."""

from pathlib import Path

from django.conf import settings

from apps.accounts.models import Organisation
from apps.accounts.services import organisation_set_pool
from apps.network.beacon_client import BeaconClient
from apps.network.network_file import load
from apps.pools.databases import database_ensure
from apps.pools.folder import PoolFolder
from apps.pools.registry import get_pool
from audit_chain.log.keys import VerifierKey
from data_pool.pool import Pool
from data_pool.storage.postgres import PostgresStorage


def pool_create(*, name: str, organisation: Organisation, database_url: str | None = None) -> Pool:
    """The organisation's pool, registered on the beacon; the organisation is a member of the network already.

    Its database is made on the server of POOL_ADMIN_DATABASE_URL, under a role of its own, or is the empty one that
    `database_url` names. Can be repeated, and goes on where a stop left it: keys, database, registration, description.
    Only the description makes the pool visible; one that is there has its tables brought up to date. Raises Declined or
    Unreachable where the beacon does not register it.
    """
    folder = PoolFolder.of(Path(settings.VAR_DIR), name)
    network = load(Path(settings.NETWORK_FILE)).network
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.exists():
        key = folder.keys(network).signer.verifier_key
        url = database_url or database_ensure(settings.POOL_ADMIN_DATABASE_URL, name)
        _migrate(url)
        _register(name=name, member=organisation.name, key=key)
        folder.describe(network=network, database_url=url)
    else:
        _migrate(folder.database_url(network))
    organisation_set_pool(organisation=organisation, pool=name)
    return get_pool(name)


def _migrate(url: str) -> None:
    storage = PostgresStorage(url, connections=1)
    try:
        storage.migrate()
    finally:
        storage.close()


def _register(*, name: str, member: str, key: VerifierKey) -> None:
    beacon = BeaconClient(settings.BEACON_URL)
    try:
        beacon.register_pool(name=name, member=member, key=str(key), operator_token=settings.BEACON_OPERATOR_TOKEN)
    finally:
        beacon.close()
