"""What can be wrong with a hosted pool as such."""

from data_pool.errors import PoolError


class UnknownPool(PoolError):
    """This portal hosts no pool of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("no such pool here", got=repr(name))


class PoolFolderInvalid(PoolError):
    """A file that belongs to a pool is missing or unreadable; needs a person."""
