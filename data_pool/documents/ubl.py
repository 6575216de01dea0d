"""UBL 2.1 invoices and credit notes in the normal form.

One table per aggregate says which field each element becomes: EN 16931-3-2, the binding to UBL. The rules that only
UBL needs come first, then the tables, leaves before what holds them, then the reading of a document.
"""

from collections.abc import Mapping
from typing import Final

from data_pool.documents.document import CREDIT_NOTE, INVOICE, Document, Fields, complete
from data_pool.documents.errors import DocumentRefused, FieldRefused, Place
from data_pool.documents.values import to_decimal, to_minor_units, to_truth
from data_pool.documents.xml_rules import (
    Reading,
    Rule,
    Shape,
    append,
    attributes_of,
    content_of,
    date,
    decimal,
    embedded_file,
    find_child,
    find_text,
    first,
    identifier,
    many,
    nested,
    nothing,
    part,
    place_of,
    put,
    read_children,
    refused,
    text,
    texts,
    within,
)
from data_pool.documents.xml_source import Element

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE_TAG: Final = f"{{{_UBL}Invoice-2}}Invoice"
CREDIT_NOTE_TAG: Final = f"{{{_UBL}CreditNote-2}}CreditNote"
_CAC: Final = f"{{{_UBL}CommonAggregateComponents-2}}"
_CBC: Final = f"{{{_UBL}CommonBasicComponents-2}}"

_INVOICED_OBJECT: Final = "130"  # UNTDID 1001: the document reference is the invoiced object (BT-18, BT-128)
_PROJECT: Final = "50"  # UNTDID 1001: the project, which a credit note has no element for (BT-11)
_VAT: Final = "VAT"
_SUB_LINE_DEPTH: Final = 5  # lines.N five times more, and an object in a list of the last: 15 of 16 parts of a name


def _shape(leaves: Mapping[str, Rule], aggregates: Mapping[str, Rule] | None = None) -> dict[str, Rule]:
    """The rules by qualified name: UBL keeps what holds text (cbc) and what holds elements (cac) apart."""
    shape = {_CBC + name: rule for name, rule in leaves.items()}
    shape.update({_CAC + name: rule for name, rule in (aggregates or {}).items()})
    return shape


# Money


def _currency_of(element: Element, reading: Reading) -> str:
    currency = element.get("currencyID")
    if not currency:
        raise DocumentRefused("an amount has no currency", place=place_of(element), expected="attribute currencyID")
    if len(element.keys()) > 1:
        for attribute, value in attributes_of(element):
            if attribute != "currencyID":
                reading.keep_attribute(element, attribute, value)
    return currency


def _read_amount(element: Element, fields: Fields, name: str, reading: Reading) -> str:
    """Puts the amount and returns its currency."""
    value = content_of(element)
    currency = _currency_of(element, reading)
    try:
        units = to_minor_units(value, currency)
        if units is None:
            put(element, fields, f"{name}_decimal", to_decimal(value))
        else:
            put(element, fields, name, units)
    except FieldRefused as error:
        raise refused(element, error) from None
    return currency


def _amount(name: str) -> Rule:
    """Money in minor units of the document's currency."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        reading.currencies.add(_read_amount(element, fields, name, reading))

    return rule


def _price(name: str) -> Rule:
    """Money per unit: exact, with as many decimals as it has."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        reading.currencies.add(_currency_of(element, reading))
        try:
            put(element, fields, name, to_decimal(content_of(element)))
        except FieldRefused as error:
            raise refused(element, error) from None

    return rule


# Taxes


def _tax_scheme(name: str) -> Rule:
    """The scheme of a tax, left out where it is VAT."""
    shape = _shape({"ID": text(name)})

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        children = element[:]
        is_plain = len(children) == 1 and not children[0].keys() and find_text(element, _CBC + "ID") == _VAT
        if not is_plain:
            read_children(element, shape, fields, reading)

    return rule


_VAT_REGISTRATION: Final = _shape({"CompanyID": identifier("vat_id")}, {"TaxScheme": _tax_scheme("vat_scheme")})
_TAX_REGISTRATION: Final = _shape({"CompanyID": identifier("tax_id")}, {"TaxScheme": _tax_scheme("tax_scheme")})


def _party_tax_scheme(element: Element, fields: Fields, reading: Reading) -> None:
    """The VAT identifier (BT-31, BT-48, BT-63) or the tax registration of another scheme (BT-32)."""
    is_vat = find_text(find_child(element, _CAC + "TaxScheme"), _CBC + "ID") in ("", _VAT)
    if ("vat_id" if is_vat else "tax_id") in fields:
        reading.keep(element)
    else:
        read_children(element, _VAT_REGISTRATION if is_vat else _TAX_REGISTRATION, fields, reading)


def _tax_total(element: Element, fields: Fields, reading: Reading) -> None:
    """Put aside: which total it is depends on currencies that may stand later."""
    reading.put_aside.append(element)


# Allowances and charges


def _charge_indicator(element: Element, fields: Fields, reading: Reading) -> None:
    try:
        put(element, fields, "is_charge", to_truth(content_of(element)))
    except FieldRefused as error:
        raise refused(element, error) from None


def _allowance_or_charge(element: Element, fields: Fields, reading: Reading) -> None:
    item: Fields = {}
    read_children(element, _ALLOWANCE_CHARGE, item, reading)
    is_charge = item.pop("is_charge", None)
    if is_charge is None:
        raise DocumentRefused("neither an allowance nor a charge: ChargeIndicator is missing", place=place_of(element))
    if item:
        append(fields, "charges" if is_charge else "allowances", item)


def _price_allowance(element: Element, fields: Fields, reading: Reading) -> None:
    """The discount that leads from the gross to the net price (BT-147, BT-148)."""
    is_discount = find_text(element, _CBC + "ChargeIndicator") in ("", "false", "0")
    if not is_discount or "price_discount" in fields:
        reading.keep(element)
    else:
        read_children(element, _PRICE_ALLOWANCE, fields, reading)


# Payment


def _in_payment(rule_inside: Rule) -> Rule:
    """Fields of the object `payment`, which several elements fill."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        payment = fields.get("payment", {})
        if not isinstance(payment, dict):
            return
        rule_inside(element, payment, reading)
        if payment:
            fields["payment"] = payment

    return rule


# References


def _reference(name: str) -> dict[str, Rule]:
    return _shape({"ID": identifier(name)})


def _document_reference(names: Mapping[str, str], *, otherwise: str | None) -> Rule:
    """A bare reference becomes the field that its type code names; any other joins the list `otherwise`."""
    shapes = {code: _shape({"ID": identifier(name), "DocumentTypeCode": nothing}) for code, name in names.items()}

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        code = find_text(element, _CBC + "DocumentTypeCode")
        if code in shapes and names[code] not in fields and find_child(element, _CAC + "Attachment") is None:
            read_children(element, shapes[code], fields, reading)
        elif otherwise is not None:
            many(otherwise, _SUPPORTING_DOCUMENT)(element, fields, reading)
        else:
            reading.keep(element)

    return rule


# The tables


_ADDRESS: Final = _shape(
    {
        "StreetName": text("street"),
        "AdditionalStreetName": text("additional_street"),
        "CityName": text("city"),
        "PostalZone": text("postal_code"),
        "CountrySubentity": text("region"),
    },
    {
        "AddressLine": first(_shape({"Line": text("additional_line")})),
        "Country": within(_shape({"IdentificationCode": text("country"), "Name": text("country_name")})),
    },
)


def _address(element: Element, fields: Fields, reading: Reading) -> None:
    """The address, and beside it the country, which is asked for far more often than the rest."""
    _ADDRESS_PART(element, fields, reading)
    address = fields.get("address")
    if isinstance(address, dict) and "country" in address and "country" not in fields:
        fields["country"] = address.pop("country")
        if not address:
            del fields["address"]


_ADDRESS_PART: Final = part("address", _ADDRESS)
_CONTACT: Final = _shape(
    {"Name": text("name"), "Telephone": text("phone"), "Telefax": text("fax"), "ElectronicMail": text("email")}
)


def _party(name_from_party_name: str) -> Shape:
    """A party; `name_from_party_name` is what PartyName means where the party stands."""
    return _shape(
        {"EndpointID": identifier("endpoint_id")},
        {
            "PartyIdentification": many("identifiers", _reference("id")),
            "PartyName": first(_shape({"Name": text(name_from_party_name)})),
            "PostalAddress": _address,
            "PartyTaxScheme": _party_tax_scheme,
            "PartyLegalEntity": first(
                _shape(
                    {
                        "RegistrationName": text("name"),
                        "CompanyID": identifier("legal_id"),
                        "CompanyLegalForm": text("legal_form"),
                    }
                )
            ),
            "Contact": part("contact", _CONTACT),
        },
    )


_TRADER: Final = _shape({}, {"Party": within(_party("trading_name"))})
_NAMED_PARTY: Final = _party("name")

_TAX_CATEGORY: Final = _shape(
    {"ID": text("tax_category"), "Percent": decimal("tax_rate")},
    {"TaxScheme": _tax_scheme("tax_scheme")},
)
_ALLOWANCE_CHARGE: Final = _shape(
    {
        "ChargeIndicator": _charge_indicator,
        "AllowanceChargeReasonCode": text("reason_code"),
        "AllowanceChargeReason": text("reason", repeats=True),
        "MultiplierFactorNumeric": decimal("percent"),
        "Amount": _amount("amount"),
        "BaseAmount": _amount("base_amount"),
    },
    {"TaxCategory": first(_TAX_CATEGORY)},
)
_TAX_TOTAL: Final = _shape(
    {"TaxAmount": _amount("tax_amount")},
    {
        "TaxSubtotal": many(
            "tax",
            _shape(
                {"TaxableAmount": _amount("taxable_amount"), "TaxAmount": _amount("amount")},
                {
                    "TaxCategory": within(
                        _shape(
                            {
                                "ID": text("category"),
                                "Percent": decimal("rate"),
                                "TaxExemptionReasonCode": text("exemption_reason_code"),
                                "TaxExemptionReason": text("exemption_reason", repeats=True),
                            },
                            {"TaxScheme": _tax_scheme("scheme")},
                        )
                    )
                },
            ),
        )
    },
)
_TOTALS: Final = _shape(
    {
        "LineExtensionAmount": _amount("lines_amount"),
        "AllowanceTotalAmount": _amount("allowances_amount"),
        "ChargeTotalAmount": _amount("charges_amount"),
        "TaxExclusiveAmount": _amount("net_amount"),
        "TaxInclusiveAmount": _amount("gross_amount"),
        "PrepaidAmount": _amount("prepaid_amount"),
        "PayableRoundingAmount": _amount("rounding_amount"),
        "PayableAmount": _amount("payable_amount"),
    }
)

_ACCOUNT: Final = _shape(
    {"ID": identifier("id"), "Name": text("name")},
    {"FinancialInstitutionBranch": within(_shape({"ID": identifier("bic")}))},
)
_PAYMENT_MEANS: Final = _shape(
    {
        "PaymentMeansCode": text("code", {"name": "text"}),
        "PaymentDueDate": date("due_date"),
        "PaymentID": text("reference", repeats=True),
    },
    {
        "CardAccount": part(
            "card",
            _shape(
                {
                    "PrimaryAccountNumberID": text("number"),
                    "NetworkID": text("network"),
                    "HolderName": text("holder"),
                }
            ),
        ),
        "PayeeFinancialAccount": part("account", _ACCOUNT, repeats=True),
        "PaymentMandate": part(
            "mandate",
            _shape({"ID": identifier("id")}, {"PayerFinancialAccount": part("account", _ACCOUNT)}),
        ),
    },
)
_PAYMENT_TERMS: Final = first(_shape({"Note": text("terms", repeats=True)}))
_PERIOD: Final = _shape({"StartDate": date("start_date"), "EndDate": date("end_date")})
_DOCUMENT_PERIOD: Final = _PERIOD | _shape({"DescriptionCode": text("tax_point_code", repeats=True)})
_DELIVERY: Final = _shape(
    {"ActualDeliveryDate": date("date")},
    {
        "DeliveryLocation": within(_shape({"ID": identifier("location_id")}, {"Address": _address})),
        "DeliveryParty": within(_shape({}, {"PartyName": first(_shape({"Name": text("name")}))})),
    },
)
_SUPPORTING_DOCUMENT: Final = _shape(
    {
        "ID": identifier("id"),
        "DocumentTypeCode": text("type_code"),
        "DocumentDescription": text("description", repeats=True),
    },
    {
        "Attachment": within(
            _shape(
                {"EmbeddedDocumentBinaryObject": embedded_file},
                {"ExternalReference": within(_shape({"URI": text("url")}))},
            )
        )
    },
)
_PRECEDING: Final = _shape(
    {},
    {"InvoiceDocumentReference": within(_shape({"ID": text("number"), "IssueDate": date("issue_date")}))},
)

_PRICE_ALLOWANCE: Final = _shape(
    {"ChargeIndicator": nothing, "Amount": _price("price_discount"), "BaseAmount": _price("gross_price")}
)
_PRICE: Final = _shape(
    {"PriceAmount": _price("unit_price"), "BaseQuantity": decimal("price_quantity", {"unitCode": "price_unit"})},
    {"AllowanceCharge": _price_allowance},
)
_ITEM: Final = _shape(
    {"Name": text("name"), "Description": text("description", repeats=True)},
    {
        "SellersItemIdentification": within(_reference("seller_item_id")),
        "BuyersItemIdentification": within(_reference("buyer_item_id")),
        "StandardItemIdentification": within(_reference("standard_item_id")),
        "OriginCountry": within(_shape({"IdentificationCode": text("origin_country")})),
        "CommodityClassification": many(
            "classifications",
            _shape({"ItemClassificationCode": text("code", {"listID": "scheme", "listVersionID": "scheme_version"})}),
        ),
        "ClassifiedTaxCategory": first(_TAX_CATEGORY),
        "AdditionalItemProperty": many("properties", _shape({"Name": text("name"), "Value": text("value")})),
    },
)


def _line(quantity: str, sub_line: str) -> dict[str, Rule]:
    line = _shape(
        {
            "ID": text("id"),
            "Note": text("note", repeats=True),
            quantity: decimal("quantity", {"unitCode": "unit"}),
            "LineExtensionAmount": _amount("net_amount"),
            "AccountingCost": text("accounting_reference"),
        },
        {
            "InvoicePeriod": part("period", _PERIOD, repeats=True),
            "OrderLineReference": first(_shape({"LineID": text("order_line")})),
            "DocumentReference": _document_reference({_INVOICED_OBJECT: "object_id"}, otherwise=None),
            "AllowanceCharge": _allowance_or_charge,
            "Item": within(_ITEM),
            "Price": within(_PRICE),
        },
    )
    line[_CAC + sub_line] = nested("lines", line, depth=_SUB_LINE_DEPTH)
    return line


_DOCUMENT: Final = _shape(
    {
        "CustomizationID": text("specification"),
        "ProfileID": text("business_process"),
        "ID": text("number"),
        "IssueDate": date("issue_date"),
        "DueDate": date("due_date"),
        "InvoiceTypeCode": text("type_code"),
        "CreditNoteTypeCode": text("type_code"),
        "Note": texts("notes"),
        "TaxPointDate": date("tax_point_date"),
        "DocumentCurrencyCode": text("currency"),
        "TaxCurrencyCode": text("tax_currency"),
        "AccountingCost": text("accounting_reference"),
        "BuyerReference": text("buyer_reference"),
    },
    {
        "InvoicePeriod": part("period", _DOCUMENT_PERIOD, repeats=True),
        "OrderReference": within(
            _shape({"ID": text("order_reference"), "SalesOrderID": text("sales_order_reference")})
        ),
        "BillingReference": many("preceding_invoices", _PRECEDING),
        "DespatchDocumentReference": first(_reference("despatch_reference")),
        "ReceiptDocumentReference": first(_reference("receipt_reference")),
        "OriginatorDocumentReference": first(_reference("tender_reference")),
        "ContractDocumentReference": first(_reference("contract_reference")),
        "ProjectReference": first(_reference("project_reference")),
        "AccountingSupplierParty": part("seller", _TRADER),
        "AccountingCustomerParty": part("buyer", _TRADER),
        "PayeeParty": part("payee", _NAMED_PARTY),
        "TaxRepresentativeParty": part("tax_representative", _NAMED_PARTY),
        "Delivery": part("delivery", _DELIVERY, repeats=True),
        "PaymentMeans": _in_payment(many("means", _PAYMENT_MEANS)),
        "PaymentTerms": _in_payment(_PAYMENT_TERMS),
        "AllowanceCharge": _allowance_or_charge,
        "TaxTotal": _tax_total,
        "LegalMonetaryTotal": within(_TOTALS),
    },
)
_SHAPES: Final = {
    INVOICE_TAG: _DOCUMENT
    | _shape(
        {},
        {
            "AdditionalDocumentReference": _document_reference(
                {_INVOICED_OBJECT: "invoiced_object_id"}, otherwise="attachments"
            ),
            "InvoiceLine": many("lines", _line("InvoicedQuantity", "SubInvoiceLine")),
        },
    ),
    CREDIT_NOTE_TAG: _DOCUMENT
    | _shape(
        {},
        {
            "AdditionalDocumentReference": _document_reference(
                {_INVOICED_OBJECT: "invoiced_object_id", _PROJECT: "project_reference"}, otherwise="attachments"
            ),
            "CreditNoteLine": many("lines", _line("CreditedQuantity", "SubCreditNoteLine")),
        },
    ),
}


# The document


def read_ubl(root: Element) -> Document:
    """The document whose root element is an Invoice or a CreditNote."""
    kind = INVOICE if root.tag == INVOICE_TAG else CREDIT_NOTE
    fields: Fields = {"kind": kind}
    reading = Reading(embedded_tag=_CBC + "EmbeddedDocumentBinaryObject")
    read_children(root, _SHAPES[root.tag], fields, reading)
    _read_tax_totals(fields, reading)
    _settle_due_date(fields)
    attachments = reading.finish(fields)
    try:
        complete(kind, fields)
    except FieldRefused as error:
        raise DocumentRefused(str(error), place=Place(field=error.field)) from None
    if "lines" not in fields:
        raise DocumentRefused(f"the {kind} has no lines", expected="at least one")
    _check_currencies(root, fields, reading)
    return Document(kind=kind, fields=fields, attachments=attachments)


def _read_tax_totals(fields: Fields, reading: Reading) -> None:
    """One total in the document's currency with its breakdown, one in the tax currency without (BT-110, BT-111)."""
    for element in reading.put_aside:
        amount = find_child(element, _CBC + "TaxAmount")
        currency = amount.get("currencyID") if amount is not None else None
        if currency == fields.get("currency") and "tax_amount" not in fields:
            read_children(element, _TAX_TOTAL, fields, reading)
        elif currency == fields.get("tax_currency") and amount is not None and "tax_currency_amount" not in fields:
            _read_amount(amount, fields, "tax_currency_amount", reading)
            for child in element[:]:
                if child is not amount:
                    reading.keep(child)
        else:
            reading.keep(element)


def _settle_due_date(fields: Fields) -> None:
    """A credit note has its due date among the means of payment (BT-9)."""
    payment = fields.get("payment")
    means = payment.get("means") if isinstance(payment, dict) else None
    if "due_date" in fields or not isinstance(means, list):
        return
    dates = [item["due_date"] for item in means if isinstance(item, dict) and "due_date" in item]
    if dates and all(day == dates[0] for day in dates):
        fields["due_date"] = dates[0]


def _check_currencies(root: Element, fields: Fields, reading: Reading) -> None:
    """Amounts are in the document's currency (EN 16931-1, BT-5)."""
    strange = reading.currencies - {str(fields["currency"])}
    if not strange:
        return
    for element in root.iter():
        if element.get("currencyID") in strange:
            raise DocumentRefused("an amount is not in the document's currency", place=place_of(element))
