"""What the beacon answers about its log: tiles, blocks, entries and proofs."""

from collections.abc import Collection, Iterable, Sequence

from django.db import connection

from apps.beacon.errors import FinalityRefusal, not_found
from apps.beacon.finality import checkpoint_note, final_size, first_final
from apps.beacon.log import open_store
from apps.beacon.models import Block, Cosignature, Finality
from apps.beacon.readers import readable
from apps.network import beacon_api as api
from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.beacon.casper.presets import PRESETS
from audit_chain.log.store import Seal
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, TileIndex, TileNodes, encode_entry_bundle
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.merkle.prover import inclusion_proof

PAGE_LIMIT = 200  # blocks or epochs


def has_genesis() -> bool:
    return Block.objects.exists()


def published_checkpoint(network: NetworkFile) -> bytes:
    """The latest finalized checkpoint with its cosignatures, as many as others read; not found before the first."""
    size = final_size()
    if not size:
        raise not_found("checkpoint yet")
    return readable(checkpoint_note(size, network)).render()


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
    """The entry at `index`, proven against the first finalized checkpoint over it, with cosignatures of these kinds."""
    store = open_store()
    if index >= store.head().tree_size:
        raise not_found("entry")
    finality = first_final(index)
    if finality is None:
        raise FinalityRefusal(final_size())
    size = finality.size
    hashes = inclusion_proof(index, size, TileNodes(store.read_tiles, size))
    checkpoint = checkpoint_note(size, network, kinds=kinds).render()
    proof = TlogProof(index=index, hashes=tuple(hashes), checkpoint=checkpoint)
    (entry,) = store.read_entries(index, index + 1)
    return api.EntryProof(entry=entry.decode(), proof=proof.render().decode(), finality=finality.proof)


def finality_proof(size: int | None, network: NetworkFile, *, kinds: Collection[int]) -> api.FinalityProof:
    """That the checkpoint of this size is finalized, or the latest one that is."""
    found = Finality.objects.exclude(proof="").order_by("-size")
    finality = found.first() if size is None else found.filter(size=size).first()
    if finality is None:
        raise not_found("finalized checkpoint")
    return api.FinalityProof(
        epoch=finality.epoch,
        size=finality.size,
        checkpoint=checkpoint_note(finality.size, network, kinds=kinds).render().decode(),
        finality=finality.proof,
    )


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
    return api.BlockPage(blocks=block_summaries(page, network), before=following)


def block(number: int, network: NetworkFile) -> api.Block:
    found = Block.objects.filter(number=number).first()
    if found is None:
        raise not_found("block")
    (summary,) = block_summaries([found], network)
    entries = open_store().read_entries(found.first, found.size)
    return api.Block(
        block=summary,
        checkpoint=checkpoint_note(found.size, network).render().decode(),
        entries=tuple(api.EntryLine(index=index, type=_type(data)) for index, data in enumerate(entries, found.first)),
    )


def block_summaries(page: Sequence[Block], network: NetworkFile) -> tuple[api.BlockSummary, ...]:
    """Of blocks that follow one another, newest first."""
    if not page:
        return ()
    seals = {seal.size: seal for seal in open_store().seals(page[-1].size - 1, len(page))}
    signers: dict[int, set[str]] = {}
    for size, validator in Cosignature.objects.filter(size__in=list(seals)).values_list("size", "validator"):
        signers.setdefault(size, set()).add(validator)
    return tuple(_summary(block, seals[block.size], signers.get(block.size, set()), network) for block in page)


def _summary(block: Block, seal: Seal, signers: set[str], network: NetworkFile) -> api.BlockSummary:
    known = [node.name for node in network.validators if node.name in signers]
    return api.BlockSummary(
        number=block.number,
        epoch=block.number // slots_per_epoch(network),
        time=seal.time,
        first=block.first,
        size=block.size,
        root=seal.root,
        entries=block.entries,
        crosslinks=block.crosslinks,
        final=block.final,
        cosigners=(*known, *sorted(signers - {*known})),
    )


def slots_per_epoch(network: NetworkFile) -> int:
    """No motion changes it."""
    return PRESETS[network.preset].slots_per_epoch


def _type(data: bytes) -> str:
    """The type of an entry of our own log."""
    match canonical.decode(data):
        case {"type": str(kind)}:
            return kind
    return "unknown"
