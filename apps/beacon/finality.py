"""Finality: what the state calls finalized, with the cosignatures and the state that prove it to others."""

from collections.abc import Collection, Iterable, Sequence

from django.db import connection, transaction

from apps.beacon.log import open_state_store, open_store
from apps.beacon.models import Block, Cosignature, Epoch, Finality
from apps.network.gathering import Cosigning
from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.beacon.casper.containers import ZERO_ROOT
from audit_chain.beacon.entries import Seal, parse_entry
from audit_chain.beacon.sealed_state import ProvenValue, SealedState
from audit_chain.beacon.state import State
from audit_chain.errors import Invalid, NotInLog, UnknownVersion
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, KeyKind
from audit_chain.log.note import Note, Signature
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.tiles import TileNodes
from audit_chain.merkle.prover import inclusion_proof
from audit_chain.proof.finality import verify_finality
from audit_chain.statemap.map import StateMap

COSIGNER_KINDS = (COSIGN_ED25519, COSIGN_MLDSA44)
COMPACT_KINDS = (COSIGN_ED25519,)
FINALITY_NAMES = ("casper", "network")
"""Values of the state that say which boundaries are justified and finalized."""


def final_size() -> int:
    """Size of the greatest tree that is final; 0 before the first."""
    return Block.objects.filter(decisive=True).order_by("-size").values_list("size", flat=True).first() or 0


def first_final(index: int) -> Finality | None:
    """The first finalized checkpoint over the entry at `index` that can be proven; None before there is one.

    A proof against this one says "no later than" a moment that no later signature can move.
    """
    return Finality.objects.filter(size__gt=index).exclude(proof="").order_by("size").first()


def checkpoint_note(size: int, network: NetworkFile, *, kinds: Collection[int] = COSIGNER_KINDS) -> Note:
    """The log's signed checkpoint of this size with its cosignatures so far, validators in the order of genesis."""
    seal = open_store().seal_at(size)
    if seal is None:
        raise NotInLog("no checkpoint of that size", got=size)
    ranks = {name: rank for rank, name in enumerate(_cosigners(network))}
    rows = Cosignature.objects.filter(size=size, kind__in=kinds).values_list("validator", "kind", "line")
    lines = [line for validator, _, line in sorted(rows, key=lambda row: (ranks.get(row[0], len(ranks)), row[:2]))]
    return Note.parse(seal.note).with_signatures(*map(Signature.parse, lines))


def sealed_state(
    size: int, names: Iterable[str], network: NetworkFile, *, kinds: Collection[int] = COMPACT_KINDS
) -> SealedState:
    """Those names' values in the state that the tree of this size is sealed with, proven.

    NotInLog where no block ends there, UnknownVersion where its state is not kept any more.
    """
    store = open_store()
    state = StateMap(open_state_store(), version=size)
    if state.version != size:
        raise UnknownVersion("no state of that size is kept", got=size)
    names = tuple(dict.fromkeys(names))
    values = state.get_many(names)
    seal = parse_entry(store.read_entries(size - 1, size)[0])
    if not isinstance(seal, Seal):
        raise NotInLog("no seal ends a tree of that size", got=size)
    return SealedState(
        note=checkpoint_note(size, network, kinds=kinds),
        seal=seal,
        path=tuple(inclusion_proof(size - 1, size, TileNodes(store.read_tiles, size))),
        values={name: ProvenValue(values.get(name), state.prove(name)) for name in names},
    )


def render(sealed: SealedState) -> str:
    return canonical.encode(sealed.to_json()).decode()


def cosignatures_record(cosignings: Sequence[Cosigning], network: NetworkFile) -> None:
    """Keeps verified signatures; the first line of each cosigner and kind of key stays.

    A stop before they are on disk loses the lines, and the validator is asked again. So nothing waits for the disk
    here: the next block does.
    """
    kinds = _key_kinds(network)
    rows = [
        Cosignature(
            size=cosigning.size,
            validator=cosigning.witness,
            kind=kinds[signature.name, signature.key_id],
            line=signature.line(),
            signed_at=timestamp_of(signature),
        )
        for cosigning in cosignings
        for signature in cosigning.signatures
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        Cosignature.objects.bulk_create(rows, ignore_conflicts=True)


def finality_record(state: State, network: NetworkFile, policy: TrustPolicy) -> None:
    """Writes down what the state, just committed, calls finalized, and proves what can be proven by now."""
    checkpoint = state.casper.finalized_checkpoint
    if checkpoint.root != ZERO_ROOT and not Finality.objects.filter(epoch=checkpoint.epoch).exists():
        size = Epoch.objects.get(number=checkpoint.epoch).size
        Finality.objects.create(size=size, epoch=checkpoint.epoch)
        Block.objects.filter(size=size).update(decisive=True)
        Block.objects.filter(size__lte=size, final=False).update(final=True)
        Epoch.objects.filter(number__lte=checkpoint.epoch, finalized=False).update(finalized=True)
    for unproven in Finality.objects.filter(proof="").order_by("size"):
        proof = _finality_proof(unproven, network, policy)
        if proof is not None:
            unproven.proof = render(proof)
            unproven.save(update_fields=["proof"])


def _finality_proof(finality: Finality, network: NetworkFile, policy: TrustPolicy) -> SealedState | None:
    """The first later boundary that a quorum cosigned and that proves it; None while there is none."""
    note = checkpoint_note(finality.size, network)
    for size in Epoch.objects.filter(number__gt=finality.epoch).order_by("number").values_list("size", flat=True):
        try:
            sealed = sealed_state(size, FINALITY_NAMES, network)
            verify_finality(policy, note, sealed)
        except (UnknownVersion, Invalid):
            continue
        return sealed
    return None


def _cosigners(network: NetworkFile) -> list[str]:
    return [node.name for node in network.validators] + [cosigner_name(node.name) for node in network.witnesses]


def cosigner_name(witness: str) -> str:
    """What a further witness is called here: no validator can have that name."""
    return f"witness/{witness}"


def _key_kinds(network: NetworkFile) -> dict[tuple[str, bytes], KeyKind]:
    keys = [key for node in network.validators for key in node.all_keys] + [node.key for node in network.witnesses]
    return {(key.name, key.key_id): key.kind for key in keys}
