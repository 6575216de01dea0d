"""The field that a table's column holds, by its header alone."""

import re
from typing import Final

from audit_chain.records.fields import is_name

# Beside the names of the normal form themselves. Headers are compared in lower case, words joined by "_".
_SYNONYMS: Final = {
    "number": "invoice invoice_number invoice_no invoice_nr invoice_num invoice_id inv_no bill_number bill_no "
    "document_number document_no reference_number credit_note_number",
    "issue_date": "date invoice_date inv_date bill_date document_date date_of_issue issued issued_on",
    "due_date": "due due_on payment_due payment_due_date maturity maturity_date",
    "currency": "currency_code ccy curr",
    "payable_amount": "amount total total_amount invoice_amount invoice_total invoiced_value amount_due amount_payable "
    "grand_total payable total_due",
    "net_amount": "net net_total subtotal amount_excl_vat total_excl_vat",
    "tax_amount": "tax vat vat_amount tax_total total_vat",
    "gross_amount": "gross gross_total amount_incl_vat total_incl_vat",
    "kind": "document_kind document_type",
    "seller.name": "seller seller_name supplier supplier_name vendor vendor_name creditor creditor_name",
    "seller.id": "seller_id supplier_id supplier_no supplier_number vendor_id vendor_no vendor_number",
    "seller.vat_id": "seller_vat seller_vat_id supplier_vat supplier_vat_id vendor_vat supplier_vat_number",
    "seller.country": "seller_country supplier_country vendor_country",
    "buyer.name": "buyer buyer_name customer customer_name client client_name debtor debtor_name",
    "buyer.id": "buyer_id customer_id customer_no customer_number client_id debtor_id",
    "buyer.vat_id": "buyer_vat buyer_vat_id customer_vat customer_vat_id customer_vat_number",
    "buyer.country": "buyer_country customer_country client_country",
    "order_reference": "order order_number order_no po po_number po_no purchase_order purchase_order_number",
    "buyer_reference": "customer_reference your_reference",
    "contract_reference": "contract contract_number contract_no",
    "despatch_reference": "delivery_note delivery_note_number despatch_advice dispatch_note",
    "payment.terms": "terms payment_terms",
    "payment.means.0.account.id": "iban account bank_account",
    "payment.means.0.reference": "payment_reference remittance_information",
    "delivery.date": "delivery_date delivered_on",
    "notes.0": "note notes comment comments remark remarks",
}
_FIELDS: Final = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in (name, *synonyms.split())}
_GROUPS: Final = frozenset(
    {"seller", "buyer", "payee", "tax_representative", "payment", "delivery", "period", "lines", "tax", "notes"}
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS: Final = re.compile(r"[^\w.]+")


def find_field(header: str) -> str | None:
    """The field, or None for a header that could mean anything."""
    if "." in header and is_name(header) and header.split(".")[0] in _GROUPS:
        return header
    words = _BETWEEN_WORDS.sub("_", _CAMEL.sub("_", header)).strip("_.").lower()
    return _FIELDS.get(words)
