"""The page on the normal form names every field that real documents have."""

import json
import re
from pathlib import Path

from audit_chain.records.fields import flatten
from data_pool.documents import CsvMapping
from tests.documents.cast import documents_of, read, read_one

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "spec" / "documents.md").read_text(encoding="utf-8")
NAMES = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))


def to_documented(name: str) -> str:
    """The name as the page writes it: N for positions, one table for what has several places."""
    name = re.sub(r"\.\d+(?=\.|$)", ".N", name)
    name = re.sub(r"^(lines\.N\.)+(?=lines\.N\.)", "", name)
    name = re.sub(r"^(?:lines\.N\.)?(?:allowances|charges)\.", "allowances.", name)
    name = re.sub(r"^(?:seller|buyer|payee|tax_representative)\.", "<party>.", name)
    name = re.sub(r"^delivery\.address\..*", "delivery.address.*", name)
    return re.sub(r"_scheme$", "", name)


def test_every_field_of_the_samples_is_on_the_page() -> None:
    samples = (ROOT / "apps" / "launch" / "samples").rglob("*.xml")
    names = {
        name
        for file in samples
        for document in documents_of(read(file.read_bytes()))
        for name in flatten(document.fields)
    }

    assert {to_documented(name) for name in names} - NAMES == set()


def test_every_field_of_real_invoices_is_on_the_page(corpora: Path) -> None:
    names: set[str] = set()
    for file in (corpora / "invoices").rglob("*.[xX][mM][lL]"):
        data = file.read_bytes()
        if b"ubl:schema:xsd:Invoice-2" in data or b"ubl:schema:xsd:CreditNote-2" in data:
            names.update(*(flatten(document.fields) for document in documents_of(read(data))))

    missing = {to_documented(name) for name in names} - NAMES
    assert missing - {"<party>.tax", "allowances.N.tax", "tax.N.scheme"} == set()


def test_the_examples_on_the_page_are_read_as_they_say() -> None:
    normal_form, table, order = re.findall(r"```\n(.*?)```", PAGE, flags=re.DOTALL)
    rows, mapping = table.split("\n\n")

    assert read_one(normal_form).fields == json.loads(normal_form)
    assert read_one(rows, mapping=CsvMapping.from_json(json.loads(mapping))).fields["payable_amount"] == 125050
    assert read_one(order).fields["lines"][0]["net_amount"] == 2137500
