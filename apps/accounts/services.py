"""Writes to organisations, users, memberships and tokens. Callers of the `organisation_` and `user_` ones are operators
(the set-up command); the rest take an Actor and hold its role against what is asked."""

from datetime import timedelta

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.errors import AlreadyExists, LastOwner, NotAllowed, NotFound, WrongInput
from apps.accounts.models import ApiToken, Invitation, Membership, Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import invitation_open
from apps.accounts.tokens import token_digest, token_make

INVITATION_LIFE = timedelta(days=7)
LAST_USED_STEP = timedelta(minutes=1)  # how exact "last used" is; finer would be one write per request


# Operators


def organisation_create(*, name: str, display_name: str, kind: str, pool: str | None = None) -> Organisation:
    """The new organisation. AlreadyExists where the name or the pool is taken."""
    organisation = Organisation(name=name, display_name=display_name, kind=kind, pool=pool)
    _fields_check(organisation)
    try:
        with transaction.atomic():
            organisation.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyExists(f"There is an organisation {name} already, or its pool belongs to another.") from error
    return organisation


def organisation_ensure(*, name: str, display_name: str, kind: str, pool: str | None = None) -> Organisation:
    """The organisation of that name, made where it was missing; an existing one is given the pool if it had none."""
    found = Organisation.objects.filter(name=name).first()
    if found is None:
        return organisation_create(name=name, display_name=display_name, kind=kind, pool=pool)
    if pool is not None and found.pool is None:
        organisation_set_pool(organisation=found, pool=pool)
    return found


def organisation_set_pool(*, organisation: Organisation, pool: str) -> None:
    """Gives the organisation its pool, once."""
    if organisation.pool not in (None, pool):
        raise AlreadyExists(f"{organisation.name} has the pool {organisation.pool}, so it cannot take {pool}.")
    organisation.pool = pool
    organisation.save(update_fields=["pool"])


@transaction.atomic
def user_create(
    *, email: str, password: str | None, organisation: Organisation, role: str, full_name: str = ""
) -> User:
    """The new user, already a member. Without a password nobody can sign in as this user."""
    user = User(email=_email(email), full_name=full_name.strip())
    if password is not None:
        _password_check(password, user)
    user.set_password(password)
    _fields_check(user)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyExists("There is a user with this e-mail address already.", where="email") from error
    Membership.objects.create(user=user, organisation=organisation, role=_role(role))
    return user


def user_ensure(
    *, email: str, password: str | None, organisation: Organisation, role: str, full_name: str = ""
) -> tuple[User, bool]:
    """The user with this e-mail and whether it was made now; an existing one keeps its password and roles."""
    found = User.objects.filter(email=_email(email)).first()
    if found is not None:
        return found, False
    made = user_create(email=email, password=password, organisation=organisation, role=role, full_name=full_name)
    return made, True


def password_change(*, user: User, current: str, new: str) -> None:
    """Sets the user's own new password. WrongInput where the current one is not that."""
    if not user.check_password(current):
        raise WrongInput("This is not your current password.", where="current")
    _password_check(new, user)
    user.set_password(new)
    user.save(update_fields=["password"])


# Members, by an owner


def member_invite(*, actor: Actor, email: str, role: str) -> tuple[Invitation, str]:
    """The invitation and the token of its link, which the owner hands over; a second one replaces the first.

    Nobody becomes a member by being named: whoever opened an account in somebody else's name would then be let in.
    """
    actor.require(Role.OWNER)
    address = _email(email)
    if Membership.objects.filter(organisation=actor.organisation, user__email=address).exists():
        raise AlreadyExists(f"{address} is a member already.", where="email")
    token = token_make()
    invitation = Invitation(
        organisation=actor.organisation,
        email=address,
        role=_role(role),
        digest=token_digest(token),
        created_by=actor.user,
        expires=timezone.now() + INVITATION_LIFE,
    )
    _fields_check(invitation)
    with transaction.atomic():
        Invitation.objects.filter(organisation=actor.organisation, email=address).delete()
        invitation.save(force_insert=True)
    return invitation, token


def invitation_withdraw(*, actor: Actor, invitation_id: int) -> None:
    """Makes the link useless."""
    actor.require(Role.OWNER)
    deleted, _ = actor.organisation.invitations.filter(pk=invitation_id).delete()
    if not deleted:
        raise NotFound("There is no such invitation.")


@transaction.atomic
def invitation_accept(*, token: str, user: User | None, password: str = "", full_name: str = "") -> User:
    """The user who is a member from now on: the one signed in with the invited address, or a new one."""
    invitation = invitation_open(token=token, lock=True)
    if user is not None:
        if user.email != invitation.email:
            raise NotAllowed(f"This invitation is for {invitation.email}; you are signed in as {user.email}.")
        Membership.objects.get_or_create(
            user=user, organisation=invitation.organisation, defaults={"role": invitation.role}
        )
    else:
        user = user_create(
            email=invitation.email,
            password=password,
            organisation=invitation.organisation,
            role=invitation.role,
            full_name=full_name,
        )
    invitation.delete()
    return user


@transaction.atomic
def member_set_role(*, actor: Actor, membership_id: int, role: str) -> Membership:
    """The membership with its new role. LastOwner when nobody would be left to decide."""
    membership = _member_locked(actor, membership_id)
    new_role = _role(role)
    if membership.role == Role.OWNER and new_role != Role.OWNER:
        _other_owner_check(membership)
    membership.role = new_role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def member_remove(*, actor: Actor, membership_id: int) -> str:
    """The e-mail address of the one who is no member any more. The account itself stays, without this organisation."""
    membership = _member_locked(actor, membership_id)
    if membership.role == Role.OWNER:
        _other_owner_check(membership)
    membership.delete()
    return membership.user.email


def _member_locked(actor: Actor, membership_id: int) -> Membership:
    actor.require(Role.OWNER)
    # Everyone who changes members waits here, so that two owners cannot remove each other at once.
    Organisation.objects.select_for_update().get(pk=actor.organisation.pk)
    membership = (
        Membership.objects.select_related("user").filter(pk=membership_id, organisation=actor.organisation).first()
    )
    if membership is None:
        raise NotFound("There is no such member.")
    return membership


def _other_owner_check(membership: Membership) -> None:
    others = Membership.objects.filter(organisation_id=membership.organisation_id, role=Role.OWNER)
    if not others.exclude(pk=membership.pk).filter(user__is_active=True).exists():
        raise LastOwner("This is the last owner. Make somebody else an owner first.")


# Tokens, by an owner


def token_create(*, actor: Actor, label: str, role: str) -> tuple[ApiToken, str]:
    """The kept token and its text, which exists here and nowhere else."""
    actor.require(Role.OWNER)
    label = label.strip()
    if not 1 <= len(label) <= 60 or not label.isprintable():
        raise WrongInput("A label has 1 to 60 printable characters.", where="label")
    text = token_make()
    token = ApiToken.objects.create(
        organisation=actor.organisation,
        label=label,
        role=_role(role),
        digest=token_digest(text),
        hint=text[-4:],
        created_by=actor.user,
    )
    return token, text


def token_revoke(*, actor: Actor, token_id: int) -> ApiToken:
    """The token, of no use from now on. Revoking twice changes nothing."""
    actor.require(Role.OWNER)
    token = actor.organisation.tokens.filter(pk=token_id).first()
    if token is None:
        raise NotFound("There is no such token.")
    if token.revoked is None:
        token.revoked = timezone.now()
        token.save(update_fields=["revoked"])
    return token


def token_used(*, token: ApiToken) -> None:
    """Notes that the token was used, to the minute."""
    now = timezone.now()
    if token.last_used is None or now - token.last_used >= LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)


def _email(text: str) -> str:
    return text.strip().lower()


def _fields_check(row: Model) -> None:
    try:
        row.clean_fields(exclude=["password"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise WrongInput(messages[0], where=field) from error


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise WrongInput(f"A role is one of {', '.join(Role.values)}.", where="role") from error


def _password_check(password: str, user: User) -> None:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise WrongInput(" ".join(error.messages), where="password") from error
