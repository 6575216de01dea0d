import base64
import hashlib

import pytest

from audit_chain.records.fields import flatten
from data_pool.documents import DocumentRefused
from tests.documents.cast import INVOICE, read_one, spoiled

SELLER_ID = '<cbc:EndpointID schemeID="0088">9521234000013</cbc:EndpointID>'
LEGAL_ID = "<cbc:CompanyID>HRB 761804</cbc:CompanyID>"
VAT_ID = "<cbc:CompanyID>DE294816036</cbc:CompanyID>"


def refusal(data: bytes) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as refused:
        read_one(data)
    return refused.value


def test_an_invoice_has_the_names_of_the_normal_form() -> None:
    document = read_one(INVOICE)

    assert document.kind == "invoice"
    assert document.fields == {
        "kind": "invoice",
        "number": "INV-1",
        "issue_date": "2026-11-02",
        "due_date": "2026-12-02",
        "type_code": "380",
        "notes": ["Thank you for your order"],
        "currency": "EUR",
        "seller": {
            "id": "HRB 761804",
            "name": "Northwind Parts GmbH",
            "legal_id": "HRB 761804",
            "vat_id": "DE294816036",
            "endpoint_id": "9521234000013",
            "endpoint_id_scheme": "0088",
            "country": "DE",
            "address": {"city": "Esslingen"},
        },
        "buyer": {"id": "Atlas Motors SE", "name": "Atlas Motors SE"},
        "tax_amount": 1900,
        "tax": [{"taxable_amount": 10000, "amount": 1900, "category": "S", "rate": "19"}],
        "lines_amount": 10000,
        "net_amount": 10000,
        "gross_amount": 11900,
        "payable_amount": 11900,
        "lines": [
            {
                "id": "1",
                "quantity": "8",
                "unit": "H87",
                "net_amount": 10000,
                "name": "Brake disc",
                "tax_category": "S",
                "tax_rate": "19",
                "unit_price": "12.5",
            }
        ],
    }


def test_a_credit_note_is_told_from_an_invoice_and_takes_its_due_date_from_the_means_of_payment() -> None:
    text = (
        INVOICE.replace("xsd:Invoice-2", "xsd:CreditNote-2")
        .replace("<Invoice ", "<CreditNote ")
        .replace("</Invoice>", "</CreditNote>")
        .replace("InvoiceTypeCode>380</cbc:InvoiceTypeCode", "CreditNoteTypeCode>381</cbc:CreditNoteTypeCode")
        .replace("InvoiceLine>", "CreditNoteLine>")
        .replace("InvoicedQuantity", "CreditedQuantity")
        .replace("  <cbc:DueDate>2026-12-02</cbc:DueDate>\n", "")
    )
    means = (
        "<cac:PaymentMeans><cbc:PaymentMeansCode>58</cbc:PaymentMeansCode>"
        "<cbc:PaymentDueDate>2026-12-24</cbc:PaymentDueDate></cac:PaymentMeans>"
    )

    document = read_one(spoiled(text, "  <cac:TaxTotal>", f"{means}<cac:TaxTotal>"))

    assert document.kind == document.fields["kind"] == "credit-note"
    assert document.fields["due_date"] == "2026-12-24"
    assert document.fields["lines"][0]["quantity"] == "8"


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        ([], "HRB 761804"),
        ([LEGAL_ID], "9521234000013"),
        ([LEGAL_ID, SELLER_ID], "DE294816036"),
        ([LEGAL_ID, SELLER_ID, VAT_ID], "Northwind Parts GmbH"),
    ],
)
def test_a_party_is_named_by_its_first_good_identifier(removed: list[str], left: str) -> None:
    text = INVOICE
    for element in removed:
        text = spoiled(text, element, "").decode()

    assert read_one(text).fields["seller"]["id"] == left


def test_an_email_address_names_a_party_only_when_nothing_better_does() -> None:
    text = spoiled(INVOICE, SELLER_ID, '<cbc:EndpointID schemeID="EM">sales@nwp.example</cbc:EndpointID>').decode()
    without_legal = spoiled(text, LEGAL_ID, "").decode()
    without_both = spoiled(without_legal, VAT_ID, "").decode()

    assert read_one(without_legal).fields["seller"]["id"] == "DE294816036"
    assert read_one(without_both).fields["seller"]["id"] == "sales@nwp.example"


def test_an_element_that_no_table_knows_is_kept_with_its_path_and_attributes() -> None:
    new = '<cac:Item><cbc:Keyword languageID="en">disc</cbc:Keyword>'

    fields = read_one(spoiled(INVOICE, "<cac:Item>", new)).fields

    assert fields["other"] == [
        {"path": "InvoiceLine/Item/Keyword", "value": "disc"},
        {"path": "InvoiceLine/Item/Keyword@languageID", "value": "en"},
    ]


def test_an_extension_of_another_namespace_is_kept() -> None:
    extension = '<x:Extensions xmlns:x="urn:x"><x:E n="1">one</x:E><x:E>two</x:E></x:Extensions><cbc:ID>'

    fields = read_one(spoiled(INVOICE, "<cbc:ID>", extension)).fields

    assert fields["other"] == [
        {"path": "Extensions/E[1]", "value": "one"},
        {"path": "Extensions/E[1]@n", "value": "1"},
        {"path": "Extensions/E[2]", "value": "two"},
    ]


def test_an_attribute_where_ubl_has_none_is_kept() -> None:
    fields = read_one(spoiled(INVOICE, "<cac:Item>", '<cac:Item origin="x">')).fields

    assert fields["other"] == [{"path": "InvoiceLine/Item@origin", "value": "x"}]


def test_an_element_of_very_many_attributes_is_refused() -> None:
    attributes = " ".join(f'a{number}="b"' for number in range(200_000))

    assert "too many attributes" in refusal(spoiled(INVOICE, "<cbc:Note>", f"<cbc:Note {attributes}>")).reason


def test_what_en_16931_has_once_and_ubl_again_is_kept_from_the_second_on() -> None:
    terms = "<cac:PaymentTerms><cbc:Note>{}</cbc:Note></cac:PaymentTerms>"
    new = terms.format("30 days") + terms.format("Late interest applies") + "<cac:TaxTotal>"

    fields = read_one(spoiled(INVOICE, "<cac:TaxTotal>", new)).fields

    assert fields["payment"] == {"terms": "30 days"}
    assert fields["other"] == [{"path": "PaymentTerms[2]/Note", "value": "Late interest applies"}]


@pytest.mark.parametrize(
    "element",
    [
        "<cbc:ID>INV-1</cbc:ID>",
        "<cbc:IssueDate>2026-11-02</cbc:IssueDate>",
        '<cbc:PayableAmount currencyID="EUR">119.00</cbc:PayableAmount>',
        "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>",
        "<cbc:Name>Brake disc</cbc:Name>",
    ],
)
def test_an_element_that_may_stand_once_is_refused_when_it_stands_twice(element: str) -> None:
    error = refusal(spoiled(INVOICE, element, element * 2))

    assert "stands twice" in error.reason
    assert "[2]" in error.where


def test_a_second_seller_is_refused() -> None:
    start, end = INVOICE.index("<cac:AccountingSupplierParty>"), INVOICE.index("<cac:AccountingCustomerParty>")

    assert "stands twice" in refusal((INVOICE[:end] + INVOICE[start:]).encode()).reason


@pytest.mark.parametrize(
    ("element", "missing"),
    [
        ("<cbc:ID>INV-1</cbc:ID>", "number"),
        ("<cbc:IssueDate>2026-11-02</cbc:IssueDate>", "issue_date"),
        ("<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>", "currency"),
        ('<cbc:PayableAmount currencyID="EUR">119.00</cbc:PayableAmount>', "payable_amount"),
        ("<cbc:RegistrationName>Atlas Motors SE</cbc:RegistrationName>", "buyer"),
    ],
)
def test_an_invoice_without_what_every_bill_has_is_refused(element: str, missing: str) -> None:
    error = refusal(spoiled(INVOICE, element, ""))

    assert missing in error.reason
    assert error.where == missing


def test_an_invoice_without_lines_is_refused() -> None:
    start, end = INVOICE.index("  <cac:InvoiceLine>"), INVOICE.index("</Invoice>")

    assert "no lines" in refusal((INVOICE[:start] + INVOICE[end:]).encode()).reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (">119.00</cbc:PayableAmount", ">119.005</cbc:PayableAmount", "too many decimals"),
        (">119.00</cbc:PayableAmount", ">1e2</cbc:PayableAmount", "not a decimal number"),
        (">119.00</cbc:PayableAmount", ">" + "9" * 30 + "</cbc:PayableAmount", "too large"),
        ('"EUR">119.00</cbc:PayableAmount', '"USD">119.00</cbc:PayableAmount', "not in the document's currency"),
        ('"EUR">12.5000<', '"USD">12.5000<', "not in the document's currency"),
        (' currencyID="EUR">119.00</cbc:PayableAmount', ">119.00</cbc:PayableAmount", "no currency"),
        ('"EUR">119.00</cbc:PayableAmount', '"EURO">119.00</cbc:PayableAmount', "unknown currency"),
        ("2026-12-02", "2026-02-30", "not a day of the calendar"),
        ("2026-12-02", "02.12.2026", "not a date"),
        (">8<", ">eight<", "not a decimal number"),
        ("INV-1", "INV<cbc:Note/>-1", "elements where text is expected"),
        ("<cac:Item>", "<cac:Item>stray", "text stands beside elements"),
        ("</cac:Item>", "</cac:Item>stray", "text stands beside elements"),
        ("INV-1", "N" * 65_537, "a text is too long"),
    ],
)
def test_a_value_that_its_field_cannot_take_is_refused_with_its_place(old: str, new: str, reason: str) -> None:
    error = refusal(spoiled(INVOICE, old, new))

    assert reason in error.reason
    assert error.place.line is not None
    assert error.place.field


def test_a_place_names_the_line_and_the_path() -> None:
    error = refusal(spoiled(INVOICE, "2026-12-02", "soon"))

    assert error.where == "line 7, DueDate"


def test_an_amount_that_its_currency_cannot_count_is_kept_as_text() -> None:
    text = INVOICE.replace("EUR", "JPY").replace(">19.00<", ">19.50<")

    fields = read_one(text).fields

    assert fields["tax_amount_decimal"] == "19.5"
    assert "tax_amount" not in fields
    assert fields["payable_amount"] == 119


def test_tax_in_the_tax_currency_is_counted_in_that_currency() -> None:
    text = spoiled(
        INVOICE,
        "<cac:LegalMonetaryTotal>",
        '<cac:TaxTotal><cbc:TaxAmount currencyID="KWD">6.375</cbc:TaxAmount></cac:TaxTotal><cac:LegalMonetaryTotal>',
    ).decode()
    text = spoiled(
        text, "</cbc:DocumentCurrencyCode>", "</cbc:DocumentCurrencyCode><cbc:TaxCurrencyCode>KWD</cbc:TaxCurrencyCode>"
    ).decode()

    fields = read_one(text).fields

    assert (fields["tax_amount"], fields["tax_currency_amount"]) == (1900, 6375)
    assert "other" not in fields


def allowance(indicator: str, amount: str) -> str:
    return (
        f"<cac:AllowanceCharge><cbc:ChargeIndicator>{indicator}</cbc:ChargeIndicator>"
        f'<cbc:Amount currencyID="EUR">{amount}</cbc:Amount></cac:AllowanceCharge>'
    )


def embedded(element: str, attributes: str, content: str) -> str:
    return (
        f"<cac:{element}><cbc:ID>PL-1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject {attributes}>{content}"
        f"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:{element}>"
    )


def test_allowances_and_charges_are_told_apart_by_their_indicator() -> None:
    new = allowance("false", "5.00") + allowance("1", "7.50") + "<cac:TaxTotal>"

    fields = read_one(spoiled(INVOICE, "<cac:TaxTotal>", new)).fields

    assert fields["allowances"] == [{"amount": 500}]
    assert fields["charges"] == [{"amount": 750}]


def test_an_allowance_without_indicator_is_refused() -> None:
    new = '<cac:AllowanceCharge><cbc:Amount currencyID="EUR">5.00</cbc:Amount></cac:AllowanceCharge><cac:TaxTotal>'

    assert "ChargeIndicator" in refusal(spoiled(INVOICE, "<cac:TaxTotal>", new)).reason


def test_an_embedded_file_is_described_in_the_fields_and_handed_over_whole() -> None:
    content = b"pallet;pieces\n1;120\n" * 50
    encoded = base64.encodebytes(content).decode()  # with line ends, as many programs write it
    reference = embedded("AdditionalDocumentReference", 'mimeCode="text/csv" filename="list.csv"', encoded)

    document = read_one(spoiled(INVOICE, "<cac:AccountingSupplierParty>", reference + "<cac:AccountingSupplierParty>"))

    digest = hashlib.sha256(content).hexdigest()
    assert document.fields["attachments"] == [
        {"id": "PL-1", "name": "list.csv", "media_type": "text/csv", "size": len(content), "sha256": digest}
    ]
    [attachment] = document.attachments
    assert (attachment.position, attachment.sha256, attachment.data) == (0, digest, content)


def test_an_embedded_file_that_is_not_base64_is_refused() -> None:
    reference = embedded("AdditionalDocumentReference", 'mimeCode="a/b"', "AAA*")

    error = refusal(spoiled(INVOICE, "<cac:AccountingSupplierParty>", reference + "<cac:AccountingSupplierParty>"))

    assert "base64" in error.reason


def test_a_file_embedded_where_no_table_expects_it_is_handed_over_too() -> None:
    reference = embedded("DocumentReference", 'mimeCode="a/b" filename="f"', "AAAA")

    document = read_one(spoiled(INVOICE, "<cac:Item>", reference + "<cac:Item>"))

    assert [attachment.data for attachment in document.attachments] == [b"\x00\x00\x00"]
    [described] = document.fields["attachments"]
    assert described["path"] == "InvoiceLine/DocumentReference/Attachment/EmbeddedDocumentBinaryObject"


def with_sub_lines(depth: int) -> bytes:
    opened = "".join(f"<cac:SubInvoiceLine><cbc:ID>{level}</cbc:ID>{allowance('true', '1')}" for level in range(depth))
    return spoiled(INVOICE, "<cac:Item>", opened + "</cac:SubInvoiceLine>" * depth + "<cac:Item>")


def test_lines_in_lines_are_read_as_deep_as_a_field_name_goes_and_no_deeper() -> None:
    deepest = flatten(read_one(with_sub_lines(5)).fields)

    assert deepest["lines.0.lines.0.lines.0.lines.0.lines.0.lines.0.charges.0.amount"] == 100
    assert "too deep" in refusal(with_sub_lines(6)).reason


def test_more_fields_than_a_record_can_have_are_refused() -> None:
    notes = "<cbc:Note>n</cbc:Note>" * 70_000

    assert "too many fields" in refusal(spoiled(INVOICE, "<cbc:Note>", notes + "<cbc:Note>")).reason


def test_a_file_of_unknown_elements_is_refused_in_time_that_grows_with_its_size() -> None:
    strays = "<cbc:Stray>s</cbc:Stray>" * 70_000

    assert "too many fields" in refusal(spoiled(INVOICE, "<cbc:Note>", strays + "<cbc:Note>")).reason


def test_comments_and_instructions_are_no_part_of_a_value() -> None:
    assert read_one(spoiled(INVOICE, "INV-1", "IN<!-- a --><?b c?>V-1")).fields["number"] == "INV-1"


@pytest.mark.parametrize("value", ["canary-4711", "<cbc:X>canary-4711</cbc:X>", "canary-4711" * 10_000, "4711 &amp;"])
@pytest.mark.parametrize("old", ["EUR", "2026-12-02", "100.00", "8<", "12.5000"])
def test_a_refusal_never_repeats_a_value(old: str, value: str) -> None:
    error = refusal(spoiled(INVOICE, old, value + old[old.find("<") :] if "<" in old else value))

    assert "4711" not in f"{error.reason} {error.where} {error}"
