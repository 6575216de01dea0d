"""What the beacon answers: the log, where things stand in it, and proofs."""

from collections.abc import Collection, Iterable, Sequence

from django.db import connection

from apps.beacon.errors import FinalityRefusal, not_found
from apps.beacon.finality import checkpoint_note, final_size, first_final_size
from apps.beacon.log import open_store
from apps.beacon.models import Block, Cosignature, StateItem
from apps.network import beacon_api as api
from apps.network.network_file import NetworkFile
from apps.network.state_rows import StateRows
from audit_chain import canonical
from audit_chain.beacon.state import RegisteredMember, RegisteredPool, get_crosslink, get_deposits, get_member, get_pool
from audit_chain.encoding import to_time
from audit_chain.errors import UnknownMember, UnknownPool
from audit_chain.log.store import Seal
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, TileIndex, TileNodes, encode_entry_bundle
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.merkle.prover import inclusion_proof

PAGE_LIMIT = 200  # blocks


def has_genesis() -> bool:
    return Block.objects.exists()


def published_checkpoint(network: NetworkFile) -> bytes:
    """The latest final checkpoint with all its cosignatures; not found before the first."""
    size = final_size()
    if not size:
        raise not_found("checkpoint yet")
    return checkpoint_note(size, network).render()


def tile_content(tile: TileIndex) -> bytes:
    """A tile of hashes or a bundle of entries, of any width that the sealed log has."""
    store = open_store()
    if tile.end > store.head().tree_size:
        raise not_found("tile")
    if tile.level == ENTRIES:
        first = tile.index * TILE_WIDTH
        return encode_entry_bundle(store.read_entries(first, first + tile.width))
    key = (tile.level, tile.index)
    return store.read_tiles([key])[key][: tile.width * HASH_SIZE]


def entry_proof(index: int, network: NetworkFile, *, kinds: Collection[int]) -> api.EntryProof:
    """The entry at `index`, proven against the first final checkpoint over it with its cosignatures of these kinds."""
    store = open_store()
    if index >= store.head().tree_size:
        raise not_found("entry")
    size = first_final_size(index)
    if size is None:
        raise FinalityRefusal(final_size())
    hashes = inclusion_proof(index, size, TileNodes(store.read_tiles, size))
    checkpoint = checkpoint_note(size, network, kinds=kinds).render()
    proof = TlogProof(index=index, hashes=tuple(hashes), checkpoint=checkpoint)
    (entry,) = store.read_entries(index, index + 1)
    return api.EntryProof(entry=entry.decode(), proof=proof.render().decode())


def entry(index: int) -> api.Entry:
    store = open_store()
    if index >= store.head().tree_size:
        raise not_found("entry")
    (data,) = store.read_entries(index, index + 1)
    place = placements([index])[index]
    return api.Entry(
        entry=data.decode(), type=_type(data), index=index, block=place.block, time=place.time, final=place.final
    )


def placements(indexes: Iterable[int]) -> dict[int, api.Placement]:
    """Where each of these entries stands, by its index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.index, block.number, seal.time, block.final"
            " FROM unnest(%s::bigint[]) AS wanted (index)"
            " CROSS JOIN LATERAL"
            " (SELECT * FROM beacon_block WHERE size > wanted.index ORDER BY size LIMIT 1) AS block"
            " JOIN log_seal AS seal ON seal.size = block.size",
            [list(indexes)],
        )
        rows = cursor.fetchall()
    return {
        index: api.Placement(index=index, block=number, time=time, final=final) for index, number, time, final in rows
    }


def blocks(network: NetworkFile, *, before: int | None, limit: int) -> api.BlockPage:
    """Blocks below number `before`, newest first."""
    found = Block.objects.order_by("-number")
    if before is not None:
        found = found.filter(number__lt=before)
    page = list(found[: max(1, min(limit, PAGE_LIMIT))])
    following = page[-1].number if page and page[-1].first > 0 else None
    return api.BlockPage(blocks=_summaries(page, network), before=following)


def block(number: int, network: NetworkFile) -> api.Block:
    found = Block.objects.filter(number=number).first()
    if found is None:
        raise not_found("block")
    (summary,) = _summaries([found], network)
    entries = open_store().read_entries(found.first, found.size)
    return api.Block(
        block=summary,
        checkpoint=checkpoint_note(found.size, network).render().decode(),
        entries=tuple(api.EntryLine(index=index, type=_type(data)) for index, data in enumerate(entries, found.first)),
    )


def validators(network: NetworkFile) -> api.Validators:
    states = []
    for node in network.validators:
        latest = Cosignature.objects.filter(validator=node.name).order_by("-size").first()
        states.append(
            api.ValidatorState(
                name=node.name,
                url=node.url,
                keys=tuple(map(str, node.keys)),
                weight=node.weight,
                cosigned=_cosigned(latest) if latest else None,
            )
        )
    size = open_store().head().tree_size
    return api.Validators(size=size, final_size=final_size(), validators=tuple(states))


def pools() -> api.Pools:
    state = StateRows(StateItem.objects)
    names = state.load("pool/")
    state.load("crosslink/")
    return api.Pools(_pool_states(state, [get_pool(state, name) for name in names]))


def pool(name: str) -> api.PoolState:
    state = StateRows(StateItem.objects)
    (found,) = _pool_states(state, [_pool(state, name)])
    return found


def crosslink(name: str) -> api.PoolCrosslink:
    return pool(name).crosslink


def members() -> api.Members:
    state = StateRows(StateItem.objects)
    return api.Members(_member_states([get_member(state, name) for name in state.load("member/")]))


def member(name: str) -> api.MemberState:
    try:
        (found,) = _member_states([get_member(StateRows(StateItem.objects), name)])
    except UnknownMember:
        raise not_found("member") from None
    return found


def deposits(digest: bytes) -> api.Deposits:
    """Every deposit of the file with this SHA-256 digest, the earliest first."""
    found = get_deposits(StateRows(StateItem.objects), digest)
    places = placements(deposit.index for deposit in found)
    return api.Deposits(
        tuple(
            api.Deposit(
                member=deposit.member,
                index=deposit.index,
                block=places[deposit.index].block,
                time=places[deposit.index].time,
                final=places[deposit.index].final,
            )
            for deposit in found
        )
    )


def _pool(state: StateRows, name: str) -> RegisteredPool:
    try:
        return get_pool(state, name)
    except UnknownPool:
        raise not_found("pool") from None


def _pool_states(state: StateRows, found: Sequence[RegisteredPool]) -> tuple[api.PoolState, ...]:
    crosslinks = {pool.name: get_crosslink(state, pool.name) for pool in found}
    indexes = [pool.index for pool in found]
    indexes += [current.index for current in crosslinks.values() if current.index is not None]
    places = placements(indexes)
    states = []
    for pool in found:
        current = crosslinks[pool.name]
        place = None if current.index is None else places[current.index]
        states.append(
            api.PoolState(
                name=pool.name,
                member=pool.member,
                key=str(pool.key),
                registered=places[pool.index],
                crosslink=api.PoolCrosslink(
                    pool=pool.name,
                    index=current.index,
                    size=current.size,
                    root=current.root,
                    block=place.block if place else None,
                    time=place.time if place else None,
                    final=place.final if place else False,
                ),
            )
        )
    return tuple(states)


def _member_states(found: Sequence[RegisteredMember]) -> tuple[api.MemberState, ...]:
    places = placements(member.index for member in found)
    return tuple(
        api.MemberState(name=member.name, key=str(member.key), registered=places[member.index]) for member in found
    )


def _summaries(page: Sequence[Block], network: NetworkFile) -> tuple[api.BlockSummary, ...]:
    if not page:
        return ()
    seals = {seal.size: seal for seal in open_store().seals(page[-1].size - 1, len(page))}
    signers: dict[int, set[str]] = {}
    for size, validator in Cosignature.objects.filter(size__in=list(seals)).values_list("size", "validator"):
        signers.setdefault(size, set()).add(validator)
    return tuple(_summary(block, seals[block.size], signers.get(block.size, set()), network) for block in page)


def _summary(block: Block, seal: Seal, signers: set[str], network: NetworkFile) -> api.BlockSummary:
    return api.BlockSummary(
        number=block.number,
        time=seal.time,
        first=block.first,
        size=block.size,
        root=seal.root,
        final=block.final,
        cosigners=tuple(node.name for node in network.validators if node.name in signers),
    )


def _cosigned(cosignature: Cosignature) -> api.Cosigned:
    place = placements([cosignature.size - 1])[cosignature.size - 1]
    return api.Cosigned(size=cosignature.size, block=place.block, time=to_time(cosignature.signed_at))


def _type(data: bytes) -> str:
    """The type of an entry of our own log."""
    match canonical.decode(data):
        case {"type": str(kind)}:
            return kind
    return "unknown"
