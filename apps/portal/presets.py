"""Choices of fields that make sense together, for whoever shares a record."""

from collections.abc import Mapping
from dataclasses import dataclass

Fields = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    label: str
    explanation: str
    names: tuple[str, ...]


_FINANCING = (
    "kind", "number", "issue_date", "due_date", "currency", "payable_amount",
    "seller.id", "seller.name", "buyer.id", "buyer.name",
)  # fmt: skip
_AMOUNT = ("number", "due_date", "currency", "payable_amount")
_PARTIES = ("kind", "number", "issue_date", "seller.name", "buyer.name")


def presets(fields: Fields) -> tuple[Preset, ...]:
    """The presets with those of their fields that the record has."""

    def there(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in fields)

    return (
        Preset("financing", "For financing", "who owes whom how much, and until when", there(_FINANCING)),
        Preset("amount", "Amount and due date", "no partner", there(_AMOUNT)),
        Preset("parties", "Parties", "no amount", there(_PARTIES)),
        Preset("all", "Everything", "every field of the document", tuple(fields)),
        Preset("none", "Nothing yet", "choose one by one", ()),
    )


def find(key: str | None, fields: Fields) -> Preset:
    """The preset of that key, or the first."""
    every = presets(fields)
    return next((preset for preset in every if preset.key == key), every[0])
