"""Who acts: one organisation, one role, one name. Services and selectors that guard something take an Actor."""

from dataclasses import dataclass

from apps.accounts.errors import NotAllowed, NotFound
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role


@dataclass(frozen=True, slots=True)
class Actor:
    organisation: Organisation
    role: Role
    name: str  # an e-mail address, or a token's label; kept in the organisation's own pool beside what was done
    user: User | None = None  # None: a program with a token

    def require(self, needed: Role) -> None:
        """Raises NotAllowed unless the actor's role reaches `needed`."""
        if not self.role.reaches(needed):
            raise NotAllowed(f"This takes the role {needed.label.lower()}; yours here is {self.role.label.lower()}.")

    def pool(self, needed: Role = Role.VIEWER) -> str:
        """The name of the pool that the actor may use. An organisation without one has no such page at all."""
        if self.organisation.pool is None:
            raise NotFound(f"{self.organisation.display_name} keeps no records here.")
        self.require(needed)
        return self.organisation.pool

    @property
    def is_regulator(self) -> bool:
        return self.organisation.kind == Organisation.Kind.REGULATOR

    @property
    def keeps_records(self) -> bool:
        return self.organisation.pool is not None

    @property
    def is_staff(self) -> bool:
        return self.role.reaches(Role.STAFF)

    @property
    def is_owner(self) -> bool:
        return self.role.reaches(Role.OWNER)
