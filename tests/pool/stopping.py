"""A storage that stops whoever uses it at a chosen step, as a killed process would: its transaction is rolled back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from data_pool.storage.memory import MemoryStorage
from data_pool.storage.ports import PoolStorage

MANY_STEPS = 300


def numbers_of_steps(storage: PoolStorage) -> range:
    """Where to stop: at every step over memory, at every fifth over PostgreSQL, where each takes a while."""
    return range(0, MANY_STEPS, 1 if isinstance(storage, MemoryStorage) else 5)


class Stopped(BaseException):
    """Nothing in the code under test catches it."""


class StoppingStorage:
    """Lets `steps` steps through: calls on the storage, a transaction, its log and state, and commits; then stops."""

    def __init__(self, storage: PoolStorage, *, steps: int) -> None:
        self._storage = storage
        self._left = steps

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self._step()
        with self._storage.transaction() as rows:
            yield _Counted(rows, self._step)
            self._step()  # Before the commit ...
        self._step()  # ... and after it.

    @contextmanager
    def claim(self, **options: Any) -> Iterator[Any]:
        self._step()
        with self._storage.claim(**options) as items:
            yield items

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def _step(self) -> None:
        if self._left == 0:
            raise Stopped
        self._left -= 1


class _Counted:
    def __init__(self, rows: Any, step: Callable[[], None]) -> None:
        self._rows = rows
        self._step = step

    @property
    def log(self) -> Any:
        return _Counted(self._rows.log, self._step)

    @property
    def state(self) -> Any:
        return _Counted(self._rows.state, self._step)

    def __getattr__(self, name: str) -> Any:
        self._step()
        return getattr(self._rows, name)
