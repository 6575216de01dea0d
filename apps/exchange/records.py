"""Records of the actor's own pool: found, read, given a place in a line of versions, shared, deposited as evidence."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from apps.accounts.actor import Actor
from apps.accounts.errors import Conflict, WrongInput
from apps.accounts.models import Organisation
from apps.accounts.roles import Role
from apps.exchange.evidence import NotFinalYet, evidence_deposit
from apps.exchange.models import Deposit, Share
from apps.exchange.own_pool import own_pool
from data_pool.attesting import Attestation
from data_pool.life import Stage
from data_pool.records import Original, Record
from data_pool.search import Page, RecordQuery
from data_pool.status import Status

SOURCE_DIGEST = "source.sha256"
NOT_FINAL_YET = "The record is not final yet, so nobody could verify it. This usually takes a few seconds."


def pool_status(*, actor: Actor) -> Status:
    with own_pool(actor) as pool:
        return pool.status()


def records_find(*, actor: Actor, query: RecordQuery, before: int | None = None, limit: int = 50) -> Page:
    with own_pool(actor) as pool:
        return pool.search(query, before=before, limit=limit)


def record_get(*, actor: Actor, record_id: UUID) -> Record:
    with own_pool(actor) as pool:
        return pool.record(record_id)


def attestations_get(*, actor: Actor, record_id: UUID) -> tuple[Attestation, ...]:
    """Whose signatures make the record final, earliest first."""
    with own_pool(actor) as pool:
        return pool.attestations(record_id)


def original_get(*, actor: Actor, record_id: UUID) -> Original:
    """The file that the record was read from, as it came."""
    with own_pool(actor) as pool:
        return pool.original(record_id)


def version_declare(*, actor: Actor, newer: UUID, older: UUID) -> None:
    """Says that `newer` replaces `older`. This stands in the pool's log and cannot be taken back."""
    with own_pool(actor, Role.STAFF) as pool:
        pool.declare_replacement(newer, replaces=older, by=actor.name)


def record_share(*, actor: Actor, record_id: UUID, names: Collection[str], recipient: str, request: UUID) -> Share:
    """The bundle in the recipient's inbox. The same `request` twice gives the same share.

    The pool remembers the disclosure before the bundle exists here: stopped between the two, the owner knows of a
    bundle that nobody received, and never the other way round.
    """
    actor.pool(Role.STAFF)
    receiver = Organisation.objects.filter(name=recipient).exclude(pk=actor.organisation.pk).first()
    if receiver is None:
        raise WrongInput("There is no such recipient.", where="recipient")
    if not names:
        raise WrongInput("Choose at least one field.", where="fields")
    with transaction.atomic(), own_pool(actor, Role.STAFF) as pool:
        # One share of an organisation at a time: of a form sent twice, the second finds the first one's share.
        Organisation.objects.select_for_update().get(pk=actor.organisation.pk)
        made = Share.objects.select_related("recipient").filter(sender=actor.organisation, request=request).first()
        if made is not None:
            return made
        _shareable_check(pool.record(record_id), names)
        bundle = pool.disclose(record_id, names, recipient=receiver.name, by=actor.name)
        return Share.objects.create(sender=actor.organisation, recipient=receiver, request=request, bundle=bundle)


def record_disclose(*, actor: Actor, record_id: UUID, names: Collection[str]) -> bytes:
    """A bundle for the organisation to hand on itself, in nobody's inbox. The pool remembers that it was made."""
    with own_pool(actor, Role.STAFF) as pool:
        _shareable_check(pool.record(record_id), names)
        return pool.disclose(record_id, names, recipient=actor.organisation.name, by=actor.name)


def original_deposit(*, actor: Actor, record_id: UUID) -> Deposit:
    """Puts the digest of the record's original on the shared chain, for everybody who has the file to find."""
    with own_pool(actor, Role.STAFF) as pool:
        digest = pool.record(record_id).fields.get(SOURCE_DIGEST)
    if not isinstance(digest, str):
        raise Conflict("This record has no original file.")
    return evidence_deposit(actor=actor, digest=bytes.fromhex(digest))


def _shareable_check(record: Record, names: Collection[str]) -> None:
    if record.life.stage is not Stage.FINAL:
        raise NotFinalYet(NOT_FINAL_YET)
    missing = sorted(set(names) - record.fields.keys())
    if missing:
        raise WrongInput(f"The record has no field {missing[0][:100]}.", where="fields")
