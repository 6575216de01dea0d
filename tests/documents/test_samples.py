"""The sample documents of the demo network: read, and right in their arithmetic (EN 16931-1, BR-CO-10 to BR-CO-17)."""

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from stdnum import ean, iban
from stdnum.eu import vat

from audit_chain.records.fields import flatten
from data_pool.documents import Document
from tests.documents.cast import documents_of, read, refusals_of

SAMPLES = Path(__file__).resolve().parents[2] / "apps" / "launch" / "samples"
FILES = sorted(file for file in SAMPLES.rglob("*") if file.is_file())
BILLS = [file for file in FILES if file.suffix == ".xml"]


def documents() -> list[Document]:
    return [document for file in FILES for document in documents_of(read(file.read_bytes()))]


def total(items: Any, name: str) -> int:
    return sum(item[name] for item in items or ())


def minor(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def test_every_pool_of_the_demo_has_samples() -> None:
    assert {file.parent.name for file in FILES} == {"northwind-parts", "lotus-electronics", "atlas-motors"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_sample_is_read_whole(file: Path) -> None:
    outcomes = read(file.read_bytes())

    assert outcomes
    assert not refusals_of(outcomes)


def test_no_two_samples_share_seller_and_number() -> None:
    keys = [(document.fields["seller"]["id"], document.fields["number"]) for document in documents()]

    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("file", BILLS, ids=lambda file: file.name)
def test_a_samples_totals_add_up(file: Path) -> None:
    [document] = documents_of(read(file.read_bytes()))
    fields: dict[str, Any] = document.fields
    lines = fields["lines"]

    assert fields["lines_amount"] == total(lines, "net_amount")
    assert fields.get("allowances_amount", 0) == total(fields.get("allowances"), "amount")
    assert fields.get("charges_amount", 0) == total(fields.get("charges"), "amount")
    assert fields["net_amount"] == (
        fields["lines_amount"] - fields.get("allowances_amount", 0) + fields.get("charges_amount", 0)
    )
    assert fields["tax_amount"] == total(fields["tax"], "amount")
    assert fields["net_amount"] == total(fields["tax"], "taxable_amount")
    assert fields["gross_amount"] == fields["net_amount"] + fields["tax_amount"]
    assert fields["payable_amount"] == fields["gross_amount"] - fields.get("prepaid_amount", 0)
    for tax in fields["tax"]:
        assert tax["amount"] == minor(tax["taxable_amount"] * Decimal(tax["rate"]) / 100)
    for item in [*fields.get("allowances", ()), *(a for line in lines for a in line.get("allowances", ()))]:
        assert item["amount"] == minor(item["base_amount"] * Decimal(item["percent"]) / 100)
    for line in lines:
        gross = minor(
            Decimal(line["quantity"]) * Decimal(line["unit_price"]) * 100 / Decimal(line.get("price_quantity", 1))
        )
        assert line["net_amount"] == gross - total(line.get("allowances"), "amount")


def test_the_samples_identifiers_are_well_formed() -> None:
    checks = {"vat_id": vat.is_valid, "endpoint_id": ean.is_valid, "standard_item_id": ean.is_valid}
    checked = 0
    for document in documents():
        for name, value in flatten(document.fields).items():
            if name.endswith(".account.id"):
                assert iban.is_valid(value), name
            elif check := checks.get(name.rpartition(".")[2]):
                assert check(value), name
                checked += 1
    assert checked > 40


def test_one_sample_carries_a_file() -> None:
    assert [len(document.attachments) for document in documents()].count(1) == 1
