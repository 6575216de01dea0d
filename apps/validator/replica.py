"""The beacon's log, replayed: every entry checked by the state transition, every root against a final checkpoint.

What a validator believes of the beacon has been signed by the beacon's key, cosigned by the quorum of the trust policy,
extends what it replayed before, and agrees with what it has cosigned itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from apps.network.log_client import LogClient
from apps.network.network_file import NetworkFile
from apps.network.state_rows import StateRows
from apps.validator.models import Replica, StateItem, Tile
from apps.validator.witnessing import latest_checkpoint
from audit_chain.beacon.names import beacon_origin
from audit_chain.beacon.transition import process_entry
from audit_chain.errors import Invalid, LogError, Malformed
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.tiles import TILE_WIDTH, TileKey, TileNodes, TileReader, grow
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.proof import verify_consistency
from audit_chain.merkle.prover import consistency_proof, root_hash

BUNDLES = 16  # replayed and kept at a time: 4096 entries


class BeaconDisbelieved(Invalid):
    """The beacon shows a history that contradicts what it or the validators have signed.

    `is_news` is False where the last look found the same.
    """

    is_news = True


def replayed_size() -> int:
    return _replica().size


def believed_problem() -> str | None:
    return _replica().problem


def catch_up(log: LogClient, network: NetworkFile) -> None:
    """Replays the log up to its latest final checkpoint.

    Raises BeaconDisbelieved, having noted it, where the log contradicts anything that is known of it; Unreachable and
    Declined where it cannot be read. A stop leaves the part that was replayed and proven; the next call goes on there.
    """
    try:
        _catch_up(log, network)
    except (Malformed, Invalid, LogError) as problem:
        disbelief = BeaconDisbelieved(f"{type(problem).__name__}: {problem}")
        disbelief.is_news = _note_problem(str(disbelief))
        raise disbelief from None
    _note_problem(None)


def _catch_up(log: LogClient, network: NetworkFile) -> None:
    _begin(network)
    checkpoint = network.policy().verify(log.checkpoint()).checkpoint
    tiles_there = log.tile_reader(checkpoint.size)
    size = replayed_size()
    if checkpoint.size < size:
        raise BeaconDisbelieved("the final checkpoint went back", expected=f"at least {size}", got=checkpoint.size)
    _check_extends(_kept(size), checkpoint, tiles_there)
    _check_agrees_with_cosigned(checkpoint, log, beacon_origin(network.network))
    for part in _parts(log, size, checkpoint.size):
        _replay(part, checkpoint, tiles_there)


def _begin(network: NetworkFile) -> None:
    """Entry 0 is not asked for: it follows from the network file, and the signed root has to agree."""
    if replayed_size() == 0:
        _keep(_computed(0, [network.genesis_entry()]))


@dataclass(frozen=True, slots=True)
class _Computed:
    """What some entries make of the replica; nothing of it is kept yet."""

    size: int
    root: bytes
    tiles: Mapping[TileKey, bytes]
    state: StateRows


def _replay(entries: tuple[int, list[bytes]], checkpoint: LogCheckpoint, tiles_there: TileReader) -> None:
    first, data = entries
    computed = _computed(first, data)
    _check_extends(LogCheckpoint(checkpoint.origin, computed.size, computed.root), checkpoint, tiles_there)
    _keep(computed)


def _computed(first: int, entries: Sequence[bytes]) -> _Computed:
    state = StateRows(StateItem.objects)
    for index, entry in enumerate(entries, first):
        process_entry(state, entry, index)
    size = first + len(entries)
    tiles = grow(first, [leaf_hash(entry) for entry in entries], read_tiles)
    root = root_hash(size, TileNodes(_over(tiles, read_tiles), size))
    return _Computed(size=size, root=root, tiles=tiles, state=state)


def _keep(computed: _Computed) -> None:
    with transaction.atomic():
        rows = [Tile(level=level, index=index, data=data) for (level, index), data in computed.tiles.items()]
        Tile.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["level", "index"], update_fields=["data"], batch_size=100
        )
        computed.state.write()
        Replica.objects.update_or_create(pk=1, defaults={"size": computed.size})


def _parts(log: LogClient, start: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Entries from `start` up to `size` in parts that end where bundles end, each with the index of its first."""
    while start < size:
        first_bundle = start // TILE_WIDTH
        bundles = range(first_bundle, min(first_bundle + BUNDLES, -(-size // TILE_WIDTH)))
        entries = [entry for bundle in bundles for entry in log.bundle(bundle, size=size)]
        part = entries[start - first_bundle * TILE_WIDTH :]
        yield start, part
        start += len(part)


def _check_extends(older: LogCheckpoint, newer: LogCheckpoint, tiles: TileReader) -> None:
    """Nothing, where the newer tree, whose tiles are read, begins with the older one."""
    proof = consistency_proof(older.size, newer.size, TileNodes(tiles, newer.size))
    verify_consistency(old_size=older.size, old_root=older.root, new_size=newer.size, new_root=newer.root, proof=proof)


def _check_agrees_with_cosigned(checkpoint: LogCheckpoint, log: LogClient, origin: str) -> None:
    cosigned = latest_checkpoint(origin)
    if cosigned is None:
        return
    older, newer = sorted((checkpoint, cosigned), key=lambda one: one.size)
    _check_extends(older, newer, log.tile_reader(newer.size))


def _kept(size: int) -> LogCheckpoint:
    return LogCheckpoint("", size, root_hash(size, TileNodes(read_tiles, size)))


def read_tiles(keys: Sequence[TileKey]) -> dict[TileKey, bytes]:
    """Those tiles of the replica that exist."""
    found: dict[TileKey, bytes] = {}
    for level in {level for level, _ in keys}:
        indexes = [index for other, index in keys if other == level]
        for index, data in Tile.objects.filter(level=level, index__in=indexes).values_list("index", "data"):
            found[level, index] = bytes(data)
    return found


def _over(changed: Mapping[TileKey, bytes], below: TileReader) -> TileReader:
    def read(keys: Sequence[TileKey]) -> dict[TileKey, bytes]:
        missing = [key for key in keys if key not in changed]
        return {**below(missing), **{key: changed[key] for key in keys if key in changed}}

    return read


def _replica() -> Replica:
    return Replica.objects.filter(pk=1).first() or Replica(pk=1)


def _note_problem(problem: str | None) -> bool:
    """Whether that is another one than before."""
    if _replica().problem == problem:
        return False
    Replica.objects.update_or_create(pk=1, defaults={"problem": problem})
    return True
