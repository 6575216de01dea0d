"""The beacon's state as rows of a table, for `audit_chain.beacon` to read and change: each node keeps its own."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from audit_chain import canonical
from audit_chain.canonical import JSON


class StateRows(MutableMapping[str, JSON]):
    """Reads each key once, also to learn that it is not there, and keeps changes back until `write`.

    Use one per transaction or request: what somebody else writes meanwhile is not seen.
    `rows` is the manager of a Django model with the fields `key` (the primary key) and `value` (canonical JSON).
    """

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self._read: dict[str, JSON] = {}
        self._absent: set[str] = set()
        self._changed: dict[str, JSON] = {}

    def load(self, prefix: str) -> list[str]:
        """What follows the prefix in each key that begins with it, in order; their values are read with one query."""
        for key, value in self._rows.filter(key__startswith=prefix).values_list("key", "value"):
            self._read[key] = canonical.decode(bytes(value))
        return sorted(key.removeprefix(prefix) for key in {**self._read, **self._changed} if key.startswith(prefix))

    def write(self) -> None:
        """Writes the changes into the table."""
        rows = [self._rows.model(key=key, value=canonical.encode(value)) for key, value in self._changed.items()]
        self._rows.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["value"])
        self._read.update(self._changed)
        self._absent -= self._changed.keys()
        self._changed.clear()

    def __getitem__(self, key: str) -> JSON:
        if key in self._changed:
            return self._changed[key]
        if key not in self._read:
            self._read[key] = self._fetch(key)
        return self._read[key]

    def __setitem__(self, key: str, value: JSON) -> None:
        self._changed[key] = value

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"the beacon's state forgets nothing, least of all {key}")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._rows.values_list("key", flat=True), *self._changed}))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _fetch(self, key: str) -> JSON:
        if key not in self._absent:
            for value in self._rows.filter(key=key).values_list("value", flat=True):
                return canonical.decode(bytes(value))
            self._absent.add(key)
        raise KeyError(key)
