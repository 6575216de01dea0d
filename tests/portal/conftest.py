from uuid import UUID

import pytest
from django.core.cache import cache

from tests.api.cast import World
from tests.api.conftest import module_world, world
from tests.portal.people import People, make_people

__all__ = ["module_world", "world"]


@pytest.fixture
def people(db: None, world: World) -> People:
    cache.clear()
    return make_people()


@pytest.fixture
def record(world: World) -> UUID:
    """A final record of the supplier's."""
    return world.final_record()
