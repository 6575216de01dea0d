"""Reads of organisations, users, memberships and tokens."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.errors import NotFound
from apps.accounts.models import ApiToken, Invitation, Membership, Organisation, User
from apps.accounts.roles import Role
from apps.accounts.tokens import is_token, token_digest


@dataclass(frozen=True, slots=True)
class Standing:
    """What a signed-in user may act as: the chosen membership, and all of them for the switcher."""

    actor: Actor | None
    memberships: tuple[Membership, ...]


def standing_get(*, user: User, organisation_id: int | None) -> Standing:
    """The user's standing, as the chosen organisation if that is still theirs, else as the first. One query."""
    memberships = tuple(
        Membership.objects.filter(user=user).select_related("organisation").order_by("organisation__display_name")
    )
    chosen = next((m for m in memberships if m.organisation_id == organisation_id), None) or next(
        iter(memberships), None
    )
    if chosen is None:
        return Standing(None, memberships)
    return Standing(
        Actor(organisation=chosen.organisation, role=Role(chosen.role), name=user.email, user=user), memberships
    )


def token_find(*, text: str) -> ApiToken | None:
    """The live token with this text, or None. One query at most."""
    if not is_token(text):
        return None
    return (
        ApiToken.objects.select_related("organisation").filter(digest=token_digest(text), revoked__isnull=True).first()
    )


def invitation_open(*, token: str, lock: bool = False) -> Invitation:
    """The invitation that this link's token opens; NotFound where it was used, withdrawn or is too old."""
    rows = Invitation.objects.select_related("organisation")
    if lock:
        rows = rows.select_for_update(of=("self",))
    found = rows.filter(digest=token_digest(token), expires__gt=timezone.now()).first() if is_token(token) else None
    if found is None:
        raise NotFound("This invitation has been used, was withdrawn, or is more than seven days old.")
    return found


def organisation_find(*, name: str) -> Organisation | None:
    return Organisation.objects.filter(name=name).first()


def organisation_names() -> dict[str, str]:
    """Display name by member name, for reading what stands on the shared chain."""
    return dict(Organisation.objects.values_list("name", "display_name"))


def recipients_list(*, actor: Actor) -> QuerySet[Organisation]:
    """Every organisation that something can be shared with."""
    return Organisation.objects.exclude(pk=actor.organisation.pk).order_by("display_name")


def members_list(*, actor: Actor) -> QuerySet[Membership]:
    actor.require(Role.OWNER)
    return actor.organisation.memberships.select_related("user").order_by("user__email")


def invitations_list(*, actor: Actor) -> QuerySet[Invitation]:
    """Invitations that still wait for somebody."""
    actor.require(Role.OWNER)
    return actor.organisation.invitations.filter(expires__gt=timezone.now()).order_by("email")


def tokens_list(*, actor: Actor) -> QuerySet[ApiToken]:
    """The organisation's tokens, live ones first."""
    actor.require(Role.OWNER)
    return actor.organisation.tokens.select_related("created_by").order_by("revoked", "-created")
