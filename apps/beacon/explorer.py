"""What explorers ask besides: where a hash stands, and which pools an epoch links."""

from django.db import connection

from apps.beacon.models import Block
from apps.beacon.selectors import slots_per_epoch
from apps.network import beacon_api as api
from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.log.tiles import TILE_WIDTH
from audit_chain.merkle.hashing import HASH_SIZE

EPOCHS_LIMIT = 50
LATEST = 2**40  # an epoch that no network reaches
_CROSSLINK = b'"type":"crosslink"'  # in canonical JSON; a text's quotes are escaped, so it stands in no other entry


def hash_places(value: bytes) -> api.HashPlaces:
    """The block whose tree has this root, and the first entry with this leaf hash; None for what is not there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number FROM log_seal JOIN beacon_block USING (size) WHERE root = %s ORDER BY size LIMIT 1", [value]
        )
        block = cursor.fetchone()
        cursor.execute(
            "SELECT index, data FROM log_tile WHERE level = 0 AND position(%s::bytea IN data) > 0 ORDER BY index",
            [value],
        )
        tiles = cursor.fetchall()
    entry = next((index for tile, data in tiles if (index := _place(value, tile, bytes(data))) is not None), None)
    return api.HashPlaces(block=block[0] if block else None, entry=entry)


def crosslinks(network: NetworkFile, *, first: int, epochs: int) -> api.Crosslinks:
    """The crosslinks that stand in the blocks of so many epochs from the first one on, in the log's order."""
    slots = slots_per_epoch(network)
    first = min(first, LATEST)
    until = first + max(1, min(epochs, EPOCHS_LIMIT))
    blocks = list(
        Block.objects.filter(number__gte=first * slots, number__lt=until * slots, crosslinks__gt=0).order_by("number")
    )
    if not blocks:
        return api.Crosslinks(())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT index, data FROM log_entry WHERE index >= %s AND index < %s AND position(%s::bytea IN data) > 0"
            " ORDER BY index",
            [blocks[0].first, blocks[-1].size, _CROSSLINK],
        )
        rows = cursor.fetchall()
    found = []
    for index, data in rows:
        match canonical.decode(bytes(data)):
            case {"pool": str(pool), "type": "crosslink"}:
                number = next(block.number for block in blocks if index < block.size)
                found.append(api.PlacedCrosslink(pool=pool, index=index, block=number, epoch=number // slots))
    return api.Crosslinks(tuple(found))


def _place(value: bytes, tile: int, data: bytes) -> int | None:
    """Where among the tile's entries the hash stands; None where the bytes only happen to stand across two hashes."""
    hashes = (data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE))
    return next((tile * TILE_WIDTH + place for place, found in enumerate(hashes) if found == value), None)
