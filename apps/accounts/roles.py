"""Roles within an organisation, each holding all that the ones before it may do."""

from django.db import models


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"  # reads, searches, verifies
    STAFF = "staff", "Staff"  # also imports, shares, declares versions, deposits evidence
    OWNER = "owner", "Owner"  # also decides on members and tokens

    def reaches(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may do."""
        return _RANK[self] >= _RANK[needed]


_RANK = {Role.VIEWER: 0, Role.STAFF: 1, Role.OWNER: 2}
