"""Organisations, users, memberships, API tokens. Rules live in `services`; the database holds what it can by itself."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from apps.accounts.roles import Role

organisation_name = RegexValidator(
    r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "A name is made of small letters, digits and single hyphens, like northwind-parts."
)


class Organisation(models.Model):
    """A party of the network. Its name is also its member name on the shared chain."""

    class Kind(models.TextChoices):
        SUPPLIER = "supplier", "Supplier"
        CORE_ENTERPRISE = "core-enterprise", "Core enterprise"
        LOGISTICS = "logistics", "Logistics"
        BANK = "bank", "Bank"
        REGULATOR = "regulator", "Regulator"
        COURT = "court", "Court"

    name = models.CharField(max_length=63, unique=True, validators=[organisation_name])
    display_name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    pool = models.CharField(max_length=63, unique=True, null=True, blank=True)  # NULL: keeps no records here
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="organisation_kind_is_known",
                condition=models.Q(kind__in=["supplier", "core-enterprise", "logistics", "bank", "regulator", "court"]),
            ),
            models.CheckConstraint(name="organisation_pool_is_not_empty", condition=~models.Q(pool="")),
        ]

    def __str__(self) -> str:
        return self.display_name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person. The e-mail address is the sign-in name, kept in small letters; it is never sent anywhere."""

    email = models.EmailField(max_length=254, unique=True)
    full_name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    objects = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="user_email_is_in_small_letters", condition=models.Q(email=Lower("email"))),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="membership_once_per_organisation", fields=["user", "organisation"]),
            models.CheckConstraint(
                name="membership_role_is_known", condition=models.Q(role__in=["viewer", "staff", "owner"])
            ),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} in organisation {self.organisation_id}: {self.role}"


class Invitation(models.Model):
    """An owner's word that whoever holds the link may join with this address. Used once, good for some days."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role.choices)
    digest = models.BinaryField(max_length=32, unique=True)  # SHA-256 of the link's token
    created = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    expires = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="invitation_once_per_address", fields=["organisation", "email"]),
            models.CheckConstraint(
                name="invitation_email_is_in_small_letters", condition=models.Q(email=Lower("email"))
            ),
            models.CheckConstraint(
                name="invitation_role_is_known", condition=models.Q(role__in=["viewer", "staff", "owner"])
            ),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email} to organisation {self.organisation_id} as {self.role}"

    def user_exists(self) -> bool:
        """Whether the invited address has an account, whose owner then has to sign in to accept."""
        return User.objects.filter(email=self.email).exists()


class ApiToken(models.Model):
    """What a program signs in with. Only the SHA-256 of the token is kept: 256 random bits need no slow hash."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=60)
    role = models.CharField(max_length=10, choices=Role.choices)
    digest = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=4)  # the token's last letters, for people to tell tokens apart
    created = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="token_role_is_known", condition=models.Q(role__in=["viewer", "staff", "owner"])
            ),
        ]

    def __str__(self) -> str:
        return f"token {self.label} of organisation {self.organisation_id}"


class SignInFailures(models.Model):
    """Failed sign-ins of one address or from one place, in one window. The key is a keyed hash: no address is kept."""

    key = models.BinaryField(max_length=32, primary_key=True)
    count = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} failures since {self.since:%Y-%m-%d %H:%M} UTC"
