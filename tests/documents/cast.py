"""One valid document of each format, and the way to spoil one thing in it."""

from collections.abc import Iterable

from data_pool.documents import Document, Refusal, read_documents

INVOICE = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
  xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:ID>INV-1</cbc:ID>
  <cbc:IssueDate>2026-11-02</cbc:IssueDate>
  <cbc:DueDate>2026-12-02</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:Note>Thank you for your order</cbc:Note>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty>
    <cac:Party>
      <cbc:EndpointID schemeID="0088">9521234000013</cbc:EndpointID>
      <cac:PostalAddress>
        <cbc:CityName>Esslingen</cbc:CityName>
        <cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country>
      </cac:PostalAddress>
      <cac:PartyTaxScheme>
        <cbc:CompanyID>DE294816036</cbc:CompanyID>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:PartyTaxScheme>
      <cac:PartyLegalEntity>
        <cbc:RegistrationName>Northwind Parts GmbH</cbc:RegistrationName>
        <cbc:CompanyID>HRB 761804</cbc:CompanyID>
      </cac:PartyLegalEntity>
    </cac:Party>
  </cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty>
    <cac:Party>
      <cac:PartyLegalEntity><cbc:RegistrationName>Atlas Motors SE</cbc:RegistrationName></cac:PartyLegalEntity>
    </cac:Party>
  </cac:AccountingCustomerParty>
  <cac:TaxTotal>
    <cbc:TaxAmount currencyID="EUR">19.00</cbc:TaxAmount>
    <cac:TaxSubtotal>
      <cbc:TaxableAmount currencyID="EUR">100.00</cbc:TaxableAmount>
      <cbc:TaxAmount currencyID="EUR">19.00</cbc:TaxAmount>
      <cac:TaxCategory>
        <cbc:ID>S</cbc:ID>
        <cbc:Percent>19</cbc:Percent>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:TaxCategory>
    </cac:TaxSubtotal>
  </cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="EUR">119.00</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="EUR">119.00</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  <cac:InvoiceLine>
    <cbc:ID>1</cbc:ID>
    <cbc:InvoicedQuantity unitCode="H87">8</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
    <cac:Item>
      <cbc:Name>Brake disc</cbc:Name>
      <cac:ClassifiedTaxCategory>
        <cbc:ID>S</cbc:ID>
        <cbc:Percent>19.00</cbc:Percent>
        <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
      </cac:ClassifiedTaxCategory>
    </cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="EUR">12.5000</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>
</Invoice>
"""

TABLE = """number,issue_date,currency,payable_amount,seller.name,buyer.name
INV-1,2026-11-02,EUR,119.00,Northwind Parts,Atlas Motors
INV-2,2026-11-03,EUR,40.50,Northwind Parts,Atlas Motors
"""

OBJECT = {
    "kind": "invoice",
    "number": "INV-1",
    "issue_date": "2026-11-02",
    "currency": "EUR",
    "payable_amount": "119.00",
    "seller": {"name": "Northwind Parts"},
    "buyer": {"name": "Atlas Motors"},
}


def spoiled(text: str, old: str, new: str) -> bytes:
    """`text` with `old` replaced once; a spoiling that changes nothing is a mistake of the test."""
    assert old in text, f"{old!r} is not in the text"
    return text.replace(old, new, 1).encode()


def read(data: str | bytes, **options: object) -> list[Document | Refusal]:
    return list(read_documents(data.encode() if isinstance(data, str) else data, **options))


def read_one(data: str | bytes, **options: object) -> Document:
    [document] = read(data, **options)
    assert isinstance(document, Document), document
    return document


def documents_of(outcomes: Iterable[Document | Refusal]) -> list[Document]:
    return [outcome for outcome in outcomes if isinstance(outcome, Document)]


def refusals_of(outcomes: Iterable[Document | Refusal]) -> list[Refusal]:
    return [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
