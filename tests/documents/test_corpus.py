"""Real invoices of many makers, with what others say about them: an index of their main terms and official verdicts."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from audit_chain.records.fields import flatten
from data_pool.documents import Document, DocumentRefused, read_documents
from data_pool.documents.currency import EXPONENTS
from data_pool.documents.values import to_decimal
from tests.documents.cast import read_one

_CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
# Elements whose content is in the name of a field and not in its value.
_SAID_BY_NAMES = {"ChargeIndicator"}


@pytest.fixture(scope="module")
def invoices(corpora: Path) -> Path:
    return corpora / "invoices"


@pytest.fixture(scope="module")
def index(invoices: Path) -> dict[str, dict[str, Any]]:
    entries = json.loads((invoices / "INDEX.json").read_text(encoding="utf-8"))
    return {entry["file"].removeprefix("shared/invoices/"): entry for entry in entries}


@pytest.fixture(scope="module")
def ubl_files(invoices: Path, index: dict[str, dict[str, Any]]) -> dict[Path, dict[str, Any]]:
    return {
        invoices / file: entry
        for file, entry in index.items()
        if entry.get("kind") in ("UBL Invoice", "UBL CreditNote") and (invoices / file).is_file()
    }


def test_every_invoice_and_credit_note_in_ubl_is_read_with_its_main_terms(
    ubl_files: dict[Path, dict[str, Any]],
) -> None:
    assert len(ubl_files) >= 88
    for file, entry in ubl_files.items():
        fields = read_one(file.read_bytes()).fields
        expected = {
            "number": entry["no"],
            "issue_date": entry["date"],
            "due_date": entry["due"] or fields.get("due_date"),
            "currency": entry["cur"],
            "tax_currency": entry["taxcur"] or None,
            "type_code": entry["type"],
            "payable_amount": int(Decimal(entry["payable"]).scaleb(EXPONENTS[entry["cur"]])),
        }

        assert {name: fields.get(name) for name in expected} == expected, file
        assert entry["seller_vat"] in ("", fields["seller"].get("vat_id"), fields["seller"].get("tax_id")), file
        assert len(fields["lines"]) == entry["lines"], file


def test_every_invoice_that_the_official_rules_call_valid_is_read(
    invoices: Path, index: dict[str, dict[str, Any]]
) -> None:
    verdicts = json.loads((invoices / "EN16931_VERDICTS.json").read_text(encoding="utf-8"))
    valid = [
        file
        for name, verdict in verdicts.items()
        if verdict.get("en16931_valid")
        and str(index[file := name.removeprefix("shared/invoices/")].get("kind")) in ("UBL Invoice", "UBL CreditNote")
    ]

    assert len(valid) >= 60
    for file in valid:
        assert read_one((invoices / file).read_bytes()).fields["number"], file


def test_no_text_of_an_invoice_is_lost(ubl_files: dict[Path, dict[str, Any]]) -> None:
    for file in ubl_files:
        data = file.read_bytes()
        values = Counter(str(value) for value in flatten(read_one(data).fields).values())
        for element in etree.fromstring(data).iter(etree.Element):
            for text in texts_of(element):
                assert values[text], f"{file.name}, line {element.sourceline}: {text}"


def texts_of(element: Any) -> list[str]:
    """The texts of an element and its attributes as a field would hold them, but for what stands in names."""
    name = etree.QName(element).localname
    text = (element.text or "").strip()
    if element.getparent() is None or len(element) or not text or name in _SAID_BY_NAMES:
        return []
    if name == "EmbeddedDocumentBinaryObject":
        return list(element.attrib.values())
    if text == "VAT" and etree.QName(element.getparent()).localname == "TaxScheme":
        return []
    if name == "DocumentTypeCode" and text in ("130", "50"):
        return []
    attributes = [value for attribute, value in element.attrib.items() if attribute != "currencyID" and value.strip()]
    if "currencyID" in element.attrib and (amount := as_fields(element, text)) is not None:
        return [amount, *attributes]
    if name in ("Percent", "MultiplierFactorNumeric", "BaseQuantity", "InvoicedQuantity", "CreditedQuantity"):
        return [to_decimal(text), *attributes]
    return [text, *attributes]


def as_fields(element: Any, text: str) -> str | None:
    """An amount in minor units, a price as a decimal; None for one that is kept as it stands."""
    ancestors = [etree.QName(ancestor).localname for ancestor in element.iterancestors()]
    if "PrepaidPayment" in ancestors:
        return None
    if "Price" in ancestors:
        return to_decimal(text)
    return str(int(Decimal(text).scaleb(EXPONENTS[element.get("currencyID")])))


def test_every_other_file_is_refused_with_a_name_for_it(invoices: Path, ubl_files: dict[Path, dict[str, Any]]) -> None:
    refused: Counter[str] = Counter()
    for file in invoices.rglob("*"):
        if file in ubl_files or not file.is_file() or file.suffix.lower() not in (".xml", ".pdf"):
            continue
        with pytest.raises(DocumentRefused) as error:
            read_documents(file.read_bytes(), name=file.name)
        refused[error.value.reason.split(" is not read;")[0].split(":")[0]] += 1

    assert refused["a PDF file"] >= 48
    assert refused["a Cross Industry Invoice (CII, Factur-X)"] >= 130
    assert refused["a FatturaPA invoice"] >= 7
    assert refused["a UBL Order"] >= 8
    assert refused["a UBL DespatchAdvice"] >= 4
    assert refused["a set of validator tests, several fragments in a wrapper,"] == 1
    assert refused["not well-formed XML"] == 1  # an Italian invoice that was cut off


def test_embedded_files_are_handed_over_as_they_are_described(ubl_files: dict[Path, dict[str, Any]]) -> None:
    attachments = 0
    for file in ubl_files:
        document: Document = read_one(file.read_bytes())
        for attachment in document.attachments:
            described = document.fields["attachments"][attachment.position]
            assert described["sha256"] == attachment.sha256
            assert described["size"] == len(attachment.data)
            attachments += 1
    assert attachments >= 16
