"""The normal form: one document as nested fields, whatever file it came in.

    Document(
        kind="invoice",
        fields={"kind": "invoice", "number": "NP-2026-0173", "currency": "EUR", "payable_amount": 520625,
                "seller": {"id": "HRB 20817", "name": "Northwind Parts GmbH"}, "lines": [{"net_amount": 437500}]},
        ...)

See docs/spec/documents.md for every name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from data_pool.documents.errors import NOWHERE, FieldRefused, Place
from data_pool.documents.values import to_exponent

Value: TypeAlias = str | int | bool
Node: TypeAlias = str | int | bool | list["Node"] | dict[str, "Node"]
Fields: TypeAlias = dict[str, Node]

INVOICE: Final = "invoice"
CREDIT_NOTE: Final = "credit-note"
BILLS: Final = frozenset({INVOICE, CREDIT_NOTE})
KINDS: Final = BILLS | {
    "order",
    "despatch-advice",
    "contract",
    "receivable",
    "payment",
    "warehouse-receipt",
    "device-reading",
    "file",
}

PARTIES: Final = ("seller", "buyer")
REQUIRED_OF_BILLS: Final = ("number", "issue_date", "currency", "payable_amount")
_EMAIL_SCHEME: Final = "EM"  # EAS code of an electronic address that is an e-mail address
_CREDITOR_SCHEME: Final = "SEPA"  # marks a bank's creditor identifier among a party's identifiers (BT-90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file inside the document. `fields["attachments"][position]` describes it."""

    position: int
    name: str
    media_type: str
    sha256: str  # lowercase hex of the SHA-256 of `data`
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One business document; `fields` can be flattened and committed to as they are."""

    kind: str
    fields: Fields
    attachments: tuple[Attachment, ...] = ()
    place: Place = NOWHERE

    @property
    def where(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One row or array element that is not taken while others of the same file are."""

    row: int
    reason: str
    place: Place = NOWHERE

    @property
    def where(self) -> str:
        return str(self.place)


def complete(kind: str, fields: Fields) -> None:
    """Adds what follows from other fields (a party's `id` and `name`); raises FieldRefused where one is missing."""
    for role in PARTIES:
        party = fields.get(role)
        if isinstance(party, dict):
            _complete_party(party)
    if kind in BILLS:
        _check_bill(kind, fields)


def _check_bill(kind: str, fields: Fields) -> None:
    for name in REQUIRED_OF_BILLS:
        if name not in fields:
            raise FieldRefused(f"the {kind} has no {name}", field=name)
    for name in ("number", "currency"):
        if not isinstance(fields[name], str):
            raise FieldRefused("not a text", field=name)
    to_exponent(str(fields["currency"]))
    for role in PARTIES:
        party = fields.get(role)
        if not isinstance(party, dict) or not isinstance(party.get("id"), str):
            raise FieldRefused(f"the {kind} does not name its {role}", field=role, expected="a name or identifier")


def _complete_party(party: Fields) -> None:
    if "name" not in party and "trading_name" in party:
        party["name"] = party["trading_name"]
    if "id" not in party:
        identifier = _find_identifier(party)
        if identifier is not None:
            party["id"] = identifier


def _find_identifier(party: Mapping[str, Node]) -> Node | None:
    """What names the party best: see docs/spec/documents.md, "Who a party is"."""
    endpoint = party.get("endpoint_id")
    is_email = party.get("endpoint_id_scheme") == _EMAIL_SCHEME or (isinstance(endpoint, str) and "@" in endpoint)
    candidates = (
        party.get("legal_id"),
        None if is_email else endpoint,
        party.get("vat_id"),
        _first_business_identifier(party.get("identifiers")),
        party.get("tax_id"),
        endpoint,
        party.get("name"),
    )
    return next((candidate for candidate in candidates if candidate), None)


def _first_business_identifier(identifiers: Node | None) -> Node | None:
    if not isinstance(identifiers, list):
        return None
    for identifier in identifiers:
        if isinstance(identifier, dict) and identifier.get("id_scheme") != _CREDITOR_SCHEME:
            return identifier.get("id")
    return None
