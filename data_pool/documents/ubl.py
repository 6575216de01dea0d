"""UBL 2.1 invoices and credit notes in the normal form.

One table per aggregate says which field each element becomes (EN 16931-3-2, the binding to UBL). An element that no
table knows is kept under `other` with its path, so that nothing is lost; an element that may occur once and occurs
again is refused, because nobody could say which one counts.
"""

import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from audit_chain.records.fields import MAX_FIELDS
from data_pool.documents.document import CREDIT_NOTE, INVOICE, Attachment, Document, Fields, Node, complete
from data_pool.documents.errors import DocumentRefused, FieldRefused, Place
from data_pool.documents.values import to_date, to_decimal, to_minor_units, to_text, to_truth
from data_pool.documents.xml_source import Element, Paths, local_name

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE_TAG: Final = f"{{{_UBL}Invoice-2}}Invoice"
CREDIT_NOTE_TAG: Final = f"{{{_UBL}CreditNote-2}}CreditNote"
_CAC: Final = f"{{{_UBL}CommonAggregateComponents-2}}"
_CBC: Final = f"{{{_UBL}CommonBasicComponents-2}}"

_EMBEDDED: Final = _CBC + "EmbeddedDocumentBinaryObject"
_INVOICED_OBJECT: Final = "130"  # UNTDID 1001: the document reference is the invoiced object (BT-18, BT-128)
_PROJECT: Final = "50"  # UNTDID 1001: the project, which a credit note has no element for (BT-11)
_VAT: Final = "VAT"
MAX_SUB_LINE_DEPTH: Final = 5  # lines.N five times more, and an object in a list of the last: 15 of 16 parts of a name
_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}


class _Reading:
    """What is gathered across one document while its elements are read."""

    __slots__ = ("currencies", "files", "other", "paths", "root", "stray_files", "sub_line_depth", "tax_totals")

    def __init__(self, root: Element) -> None:
        self.root = root
        self.paths = Paths()
        self.sub_line_depth = 0
        self.currencies: set[str] = set()
        self.tax_totals: list[Element] = []
        self.files: list[tuple[Fields, bytes]] = []  # description and content of every embedded file
        self.stray_files: list[Node] = []  # descriptions of those that no table knows
        self.other: list[Node] = []

    def keep(self, element: Element) -> None:
        """Every text, attribute and embedded file of `element` and below it, under `other`."""
        for inner in element.iter():
            if inner.tag == _EMBEDDED:
                description: Fields = {"path": self.paths.of(inner)}
                _embedded(inner, description, self)
                self.stray_files.append(description)
                continue
            if len(inner):
                _refuse_stray_text(inner, inner.text)
            elif text := _content(inner):
                self._keep_value(inner, self.paths.of(inner), text)
            if inner is not element:
                _refuse_stray_text(inner, inner.tail)
            for name, value in inner.items():
                self.keep_attribute(inner, name, value)

    def keep_attribute(self, element: Element, name: str, value: str) -> None:
        if value := value.strip():
            self._keep_value(element, f"{self.paths.of(element)}@{local_name(name)}", value)

    def _keep_value(self, element: Element, path: str, value: str) -> None:
        if len(self.other) >= MAX_FIELDS:
            raise DocumentRefused("the document has too many fields", expected=f"at most {MAX_FIELDS}")
        try:
            self.other.append({"path": path, "value": to_text(value)})
        except FieldRefused as error:
            raise _refused(element, error) from None


Rule: TypeAlias = Callable[[Element, Fields, _Reading], None]
Shape: TypeAlias = dict[str, Rule]


def read_ubl(root: Element) -> Document:
    """The document whose root element is an Invoice or a CreditNote."""
    kind = INVOICE if root.tag == INVOICE_TAG else CREDIT_NOTE
    fields: Fields = {"kind": kind}
    reading = _Reading(root)
    _read(root, _SHAPES[str(root.tag)], fields, reading)
    _read_tax_totals(fields, reading)
    _settle_due_date(fields)
    for description in reading.stray_files:
        _append(fields, "attachments", description)
    if reading.other:
        fields["other"] = reading.other
    try:
        complete(kind, fields)
    except FieldRefused as error:
        raise DocumentRefused(str(error), place=Place(field=error.field)) from None
    _check_lines(fields)
    _check_currencies(fields, reading)
    return Document(kind=kind, fields=fields, attachments=_attachments(fields, reading))


def _read(element: Element, shape: Shape, fields: Fields, reading: _Reading) -> None:
    if element.text:
        _refuse_stray_text(element, element.text)
    for child in element[:]:
        rule = shape.get(child.tag)
        if rule is None:
            reading.keep(child)
        else:
            rule(child, fields, reading)
        if child.tail:
            _refuse_stray_text(child, child.tail)


# Rules for leaves


def _content(element: Element) -> str:
    """The text of a leaf, "" if there is none."""
    _refuse_elements(element)
    text = element.text
    return text.strip() if text else ""


def _text_of(element: Element, name: str) -> str:
    """The text of the leaf `name` in `element`, "" if there is none."""
    leaf = element.find(_CBC + name)
    return "" if leaf is None else _content(leaf)


def _refuse_elements(element: Element) -> None:
    if len(element):
        raise DocumentRefused("an element holds elements where text is expected", place=_place(element))


def _checked(element: Element, text: str) -> str:
    try:
        return to_text(text)
    except FieldRefused as error:
        raise _refused(element, error) from None


def _put(element: Element, fields: Fields, name: str, value: Node) -> None:
    if name in fields:
        raise _repeated(element)
    fields[name] = value


def _leaf(
    name: str, convert: Callable[[str], str], attributes: Mapping[str, str] = _NO_ATTRIBUTES, *, repeats: bool = False
) -> Rule:
    """One value; `attributes` maps attributes to fields; what `repeats` is kept under `other` from the second on."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        text = element.text
        if text is None or not (text := text.strip()) or len(element):
            _refuse_elements(element)
            return
        if name in fields:
            if not repeats:
                raise _repeated(element)
            reading.keep(element)
            return
        try:
            fields[name] = convert(text)
        except FieldRefused as error:
            raise _refused(element, error) from None
        for attribute, value in element.items():
            if attribute in attributes and (value := value.strip()):
                fields[attributes[attribute]] = _checked(element, value)
            else:
                reading.keep_attribute(element, attribute, value)

    return rule


def _text(name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES, *, repeats: bool = False) -> Rule:
    return _leaf(name, to_text, attributes, repeats=repeats)


def _identifier(name: str) -> Rule:
    return _leaf(name, to_text, {"schemeID": f"{name}_scheme"})


def _date(name: str) -> Rule:
    return _leaf(name, to_date)


def _decimal(name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES) -> Rule:
    return _leaf(name, to_decimal, attributes)


def _texts(name: str) -> Rule:
    """One more text of a list."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        if text := _content(element):
            _append(fields, name, _checked(element, text))
        for attribute, value in element.items():
            reading.keep_attribute(element, attribute, value)

    return rule


def _currency_of(element: Element, reading: _Reading) -> str:
    currency = ""
    for attribute, value in element.items():
        if attribute == "currencyID":
            currency = value
        else:
            reading.keep_attribute(element, attribute, value)
    if not currency:
        raise DocumentRefused("an amount has no currency", place=_place(element), expected="attribute currencyID")
    return currency


def _read_amount(element: Element, fields: Fields, name: str, reading: _Reading) -> str:
    """Puts the amount and returns its currency."""
    text = _content(element)
    currency = _currency_of(element, reading)
    try:
        units = to_minor_units(text, currency)
        if units is None:
            _put(element, fields, f"{name}_decimal", to_decimal(text))
        else:
            _put(element, fields, name, units)
    except FieldRefused as error:
        raise _refused(element, error) from None
    return currency


def _amount(name: str) -> Rule:
    """Money in minor units of the document's currency."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        reading.currencies.add(_read_amount(element, fields, name, reading))

    return rule


def _price(name: str) -> Rule:
    """Money per unit: exact, with as many decimals as it has."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        reading.currencies.add(_currency_of(element, reading))
        try:
            _put(element, fields, name, to_decimal(_content(element)))
        except FieldRefused as error:
            raise _refused(element, error) from None

    return rule


# Rules for aggregates


def _append(fields: Fields, name: str, value: Node) -> None:
    items = fields.setdefault(name, [])
    if isinstance(items, list):
        items.append(value)


def _within(shape: Shape) -> Rule:
    """The elements inside become fields beside, not below."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        _read(element, shape, fields, reading)

    return rule


def _first(shape: Shape) -> Rule:
    """Like `_within`, for what EN 16931 has once and UBL allows again: a later one is kept under `other`."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        previous = element.getprevious()
        if previous is not None and previous.tag == element.tag:
            reading.keep(element)
        else:
            _read(element, shape, fields, reading)

    return rule


def _part(name: str, shape: Shape, *, repeats: bool = False) -> Rule:
    """One object; a second one is refused or, where UBL lets it `repeat`, kept under `other`."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        if name in fields:
            if not repeats:
                raise _repeated(element)
            reading.keep(element)
            return
        part: Fields = {}
        _read(element, shape, part, reading)
        if part:
            fields[name] = part

    return rule


def _many(name: str, shape: Shape) -> Rule:
    """One more object of a list."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        item: Fields = {}
        _read(element, shape, item, reading)
        if item:
            _append(fields, name, item)

    return rule


def _sub_lines(line: Shape) -> Rule:
    """One more line inside a line (XRechnung's extension), as deep as a field's name can go."""
    read_line = _many("lines", line)

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        reading.sub_line_depth += 1
        if reading.sub_line_depth > MAX_SUB_LINE_DEPTH:
            expected = f"at most {MAX_SUB_LINE_DEPTH} levels"
            raise DocumentRefused("lines stand too deep in lines", place=_place(element), expected=expected)
        read_line(element, fields, reading)
        reading.sub_line_depth -= 1

    return rule


def _allowance_or_charge(element: Element, fields: Fields, reading: _Reading) -> None:
    item: Fields = {}
    _read(element, _ALLOWANCE_CHARGE, item, reading)
    is_charge = item.pop("is_charge", None)
    if is_charge is None:
        raise DocumentRefused("neither an allowance nor a charge: ChargeIndicator is missing", place=_place(element))
    _append(fields, "charges" if is_charge else "allowances", item)


def _charge_indicator(element: Element, fields: Fields, reading: _Reading) -> None:
    try:
        _put(element, fields, "is_charge", to_truth(_content(element)))
    except FieldRefused as error:
        raise _refused(element, error) from None


def _price_allowance(element: Element, fields: Fields, reading: _Reading) -> None:
    """The discount that leads from the gross to the net price (BT-147, BT-148)."""
    indicator = element.find(_CBC + "ChargeIndicator")
    is_discount = indicator is None or _content(indicator) in ("false", "0")
    if not is_discount or "price_discount" in fields:
        reading.keep(element)
        return
    _read(element, _PRICE_ALLOWANCE, fields, reading)


def _ignore(element: Element, fields: Fields, reading: _Reading) -> None:
    """Its meaning is in the name of the field that its neighbours become."""


def _tax_scheme(name: str) -> Rule:
    """The scheme of a tax category, left out where it is VAT."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        scheme = element.find(_CBC + "ID")
        if len(element) != 1 or scheme is None or scheme.items() or _content(scheme) != _VAT:
            _read(element, {_CBC + "ID": _text(name)}, fields, reading)

    return rule


def _party_tax_scheme(element: Element, fields: Fields, reading: _Reading) -> None:
    found: Fields = {}
    _read(element, _PARTY_TAX, found, reading)
    scheme = found.pop("scheme", None)
    name = "vat_id" if scheme is None or scheme == _VAT else "tax_id"
    if not found:
        return
    if name in fields:
        reading.keep(element)
        return
    fields[name] = found["id"]
    if "id_scheme" in found:
        fields[f"{name}_scheme"] = found["id_scheme"]
    if name == "tax_id" and isinstance(scheme, str):
        fields["tax_scheme"] = scheme


def _payment_means(element: Element, fields: Fields, reading: _Reading) -> None:
    item: Fields = {}
    _read(element, _PAYMENT_MEANS, item, reading)
    payment = fields.setdefault("payment", {})
    if item and isinstance(payment, dict):
        _append(payment, "means", item)


def _payment_terms(element: Element, fields: Fields, reading: _Reading) -> None:
    payment = fields.setdefault("payment", {})
    if isinstance(payment, dict):
        _PAYMENT_TERMS(element, payment, reading)


def _tax_total(element: Element, fields: Fields, reading: _Reading) -> None:
    """Put aside: which total it is depends on currencies that may stand later."""
    reading.tax_totals.append(element)


def _document_reference(names: dict[str, str], *, otherwise: str | None) -> Rule:
    """A bare reference becomes the field that its type code names; any other joins the list `otherwise`."""

    def rule(element: Element, fields: Fields, reading: _Reading) -> None:
        type_code = _text_of(element, "DocumentTypeCode")
        name = names.get(type_code)
        if name is not None and name not in fields and element.find(_CAC + "Attachment") is None:
            _read(element, {_CBC + "ID": _identifier(name), _CBC + "DocumentTypeCode": _ignore}, fields, reading)
        elif otherwise is not None:
            item: Fields = {}
            _read(element, _SUPPORTING_DOCUMENT, item, reading)
            if item:
                _append(fields, otherwise, item)
        else:
            reading.keep(element)

    return rule


def _embedded(element: Element, fields: Fields, reading: _Reading) -> None:
    """The description of a file in the document; the file itself goes to the attachments."""
    data = _from_base64(element)
    for attribute, value in element.items():
        if attribute == "filename" and value:
            fields["name"] = _checked(element, value)
        elif attribute == "mimeCode" and value:
            fields["media_type"] = _checked(element, value)
        else:
            reading.keep_attribute(element, attribute, value)
    fields["size"] = len(data)
    fields["sha256"] = hashlib.sha256(data).hexdigest()
    reading.files.append((fields, data))


def _from_base64(element: Element) -> bytes:
    text = _content(element)
    try:
        if any(space in text for space in " \n\r\t"):
            text = "".join(text.split())
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise DocumentRefused("an embedded file is not in base64", place=_place(element)) from None


# What follows from several elements


def _read_tax_totals(fields: Fields, reading: _Reading) -> None:
    for element in reading.tax_totals:
        amount = element.find(_CBC + "TaxAmount")
        currency = amount.get("currencyID") if amount is not None else None
        if currency == fields.get("currency") and "tax_amount" not in fields:
            _read(element, _TAX_TOTAL, fields, reading)
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
    if "due_date" in fields or not isinstance(payment, dict):
        return
    means = payment.get("means")
    if not isinstance(means, list):
        return
    dates = [item["due_date"] for item in means if isinstance(item, dict) and "due_date" in item]
    if dates and all(date == dates[0] for date in dates):
        fields["due_date"] = dates[0]


def _attachments(fields: Fields, reading: _Reading) -> tuple[Attachment, ...]:
    descriptions = fields.get("attachments")
    if not reading.files or not isinstance(descriptions, list):
        return ()
    positions = {id(description): position for position, description in enumerate(descriptions)}
    return tuple(
        Attachment(
            position=positions[id(description)],
            name=str(description.get("name", "")),
            media_type=str(description.get("media_type", "application/octet-stream")),
            sha256=str(description["sha256"]),
            data=data,
        )
        for description, data in reading.files
    )


def _check_lines(fields: Fields) -> None:
    if "lines" not in fields:
        raise DocumentRefused("the document has no lines", expected="at least one")


def _check_currencies(fields: Fields, reading: _Reading) -> None:
    """Amounts are in the document's currency (EN 16931-1, BT-5)."""
    strange = reading.currencies - {str(fields["currency"])}
    if not strange:
        return
    for element in reading.root.iter():
        if element.get("currencyID") in strange:
            raise DocumentRefused("an amount is not in the document's currency", place=_place(element))


# What is wrong, and where


def _repeated(element: Element) -> DocumentRefused:
    return DocumentRefused("an element stands twice where one is expected", place=_place(element))


def _refuse_stray_text(element: Element, text: str | None) -> None:
    """UBL holds text in leaves only; text beside elements would be lost unseen."""
    if text and not text.isspace():
        raise DocumentRefused("text stands beside elements", place=_place(element))


def _refused(element: Element, error: FieldRefused) -> DocumentRefused:
    return DocumentRefused(str(error), place=_place(element))


def _place(element: Element) -> Place:
    return Place(line=element.sourceline, field=Paths().of(element))


# The tables


def _shape(texts: dict[str, Rule], aggregates: dict[str, Rule] | None = None) -> Shape:
    """The rules by qualified name: UBL keeps what holds text (cbc) and what holds elements (cac) apart."""
    shape = {_CBC + name: rule for name, rule in texts.items()}
    shape.update({_CAC + name: rule for name, rule in (aggregates or {}).items()})
    return shape


def _id_of(name: str) -> Shape:
    return _shape({"ID": _identifier(name)})


_ADDRESS: Final = _shape(
    {
        "StreetName": _text("street"),
        "AdditionalStreetName": _text("additional_street"),
        "CityName": _text("city"),
        "PostalZone": _text("postal_code"),
        "CountrySubentity": _text("region"),
    },
    {
        "AddressLine": _first(_shape({"Line": _text("additional_line")})),
        "Country": _within(_shape({"IdentificationCode": _text("country"), "Name": _text("country_name")})),
    },
)
_CONTACT: Final = _shape(
    {"Name": _text("name"), "Telephone": _text("phone"), "Telefax": _text("fax"), "ElectronicMail": _text("email")}
)
_PARTY_TAX: Final = _shape(
    {"CompanyID": _identifier("id")},
    {"TaxScheme": _within(_shape({"ID": _text("scheme")}))},
)


def _party(name_from_party_name: str) -> Shape:
    """A party; `name_from_party_name` is what PartyName means where the party stands."""
    return _shape(
        {"EndpointID": _identifier("endpoint_id")},
        {
            "PartyIdentification": _many("identifiers", _id_of("id")),
            "PartyName": _first(_shape({"Name": _text(name_from_party_name)})),
            "PostalAddress": _part("address", _ADDRESS),
            "PartyTaxScheme": _party_tax_scheme,
            "PartyLegalEntity": _first(
                _shape(
                    {
                        "RegistrationName": _text("name"),
                        "CompanyID": _identifier("legal_id"),
                        "CompanyLegalForm": _text("legal_form"),
                    }
                )
            ),
            "Contact": _part("contact", _CONTACT),
        },
    )


_TRADER: Final = _shape({}, {"Party": _within(_party("trading_name"))})
_NAMED_PARTY: Final = _party("name")

_TAX_CATEGORY: Final = _shape(
    {"ID": _text("tax_category"), "Percent": _decimal("tax_rate")},
    {"TaxScheme": _tax_scheme("tax_scheme")},
)
_ALLOWANCE_CHARGE: Final = _shape(
    {
        "ChargeIndicator": _charge_indicator,
        "AllowanceChargeReasonCode": _text("reason_code"),
        "AllowanceChargeReason": _text("reason", repeats=True),
        "MultiplierFactorNumeric": _decimal("percent"),
        "Amount": _amount("amount"),
        "BaseAmount": _amount("base_amount"),
    },
    {"TaxCategory": _first(_TAX_CATEGORY)},
)
_TAX_TOTAL: Final = _shape(
    {"TaxAmount": _amount("tax_amount")},
    {
        "TaxSubtotal": _many(
            "tax",
            _shape(
                {"TaxableAmount": _amount("taxable_amount"), "TaxAmount": _amount("amount")},
                {
                    "TaxCategory": _within(
                        _shape(
                            {
                                "ID": _text("category"),
                                "Percent": _decimal("rate"),
                                "TaxExemptionReasonCode": _text("exemption_reason_code"),
                                "TaxExemptionReason": _text("exemption_reason", repeats=True),
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
    {"ID": _identifier("id"), "Name": _text("name")},
    {"FinancialInstitutionBranch": _within(_shape({"ID": _identifier("bic")}))},
)
_PAYMENT_MEANS: Final = _shape(
    {
        "PaymentMeansCode": _text("code", {"name": "text"}),
        "PaymentDueDate": _date("due_date"),
        "PaymentID": _text("reference", repeats=True),
    },
    {
        "CardAccount": _part(
            "card",
            _shape(
                {
                    "PrimaryAccountNumberID": _text("number"),
                    "NetworkID": _text("network"),
                    "HolderName": _text("holder"),
                }
            ),
        ),
        "PayeeFinancialAccount": _part("account", _ACCOUNT, repeats=True),
        "PaymentMandate": _part(
            "mandate",
            _shape({"ID": _identifier("id")}, {"PayerFinancialAccount": _part("account", _ACCOUNT)}),
        ),
    },
)
_PAYMENT_TERMS: Final = _first(_shape({"Note": _text("terms", repeats=True)}))
_PERIOD: Final = _shape({"StartDate": _date("start_date"), "EndDate": _date("end_date")})
_DOCUMENT_PERIOD: Final = _PERIOD | _shape({"DescriptionCode": _text("tax_point_code", repeats=True)})
_DELIVERY: Final = _shape(
    {"ActualDeliveryDate": _date("date")},
    {
        "DeliveryLocation": _within(
            _shape({"ID": _identifier("location_id")}, {"Address": _part("address", _ADDRESS)})
        ),
        "DeliveryParty": _within(_shape({}, {"PartyName": _first(_shape({"Name": _text("name")}))})),
    },
)
_SUPPORTING_DOCUMENT: Final = _shape(
    {
        "ID": _identifier("id"),
        "DocumentTypeCode": _text("type_code"),
        "DocumentDescription": _text("description", repeats=True),
    },
    {
        "Attachment": _within(
            _shape(
                {"EmbeddedDocumentBinaryObject": _embedded},
                {"ExternalReference": _within(_shape({"URI": _text("url")}))},
            )
        )
    },
)
_PRECEDING: Final = _shape(
    {},
    {"InvoiceDocumentReference": _within(_shape({"ID": _text("number"), "IssueDate": _date("issue_date")}))},
)

_PRICE_ALLOWANCE: Final = _shape(
    {"ChargeIndicator": _ignore, "Amount": _price("price_discount"), "BaseAmount": _price("gross_price")}
)
_PRICE: Final = _shape(
    {"PriceAmount": _price("unit_price"), "BaseQuantity": _decimal("price_quantity", {"unitCode": "price_unit"})},
    {"AllowanceCharge": _price_allowance},
)
_ITEM: Final = _shape(
    {"Name": _text("name"), "Description": _text("description", repeats=True)},
    {
        "SellersItemIdentification": _within(_id_of("seller_item_id")),
        "BuyersItemIdentification": _within(_id_of("buyer_item_id")),
        "StandardItemIdentification": _within(_id_of("standard_item_id")),
        "OriginCountry": _within(_shape({"IdentificationCode": _text("origin_country")})),
        "CommodityClassification": _many(
            "classifications",
            _shape({"ItemClassificationCode": _text("code", {"listID": "scheme", "listVersionID": "scheme_version"})}),
        ),
        "ClassifiedTaxCategory": _first(_TAX_CATEGORY),
        "AdditionalItemProperty": _many("properties", _shape({"Name": _text("name"), "Value": _text("value")})),
    },
)


def _line(quantity: str, sub_line: str) -> Shape:
    line = _shape(
        {
            "ID": _text("id"),
            "Note": _text("note", repeats=True),
            quantity: _decimal("quantity", {"unitCode": "unit"}),
            "LineExtensionAmount": _amount("net_amount"),
            "AccountingCost": _text("accounting_reference"),
        },
        {
            "InvoicePeriod": _part("period", _PERIOD, repeats=True),
            "OrderLineReference": _first(_shape({"LineID": _text("order_line")})),
            "DocumentReference": _document_reference({_INVOICED_OBJECT: "object_id"}, otherwise=None),
            "AllowanceCharge": _allowance_or_charge,
            "Item": _within(_ITEM),
            "Price": _within(_PRICE),
        },
    )
    line[_CAC + sub_line] = _sub_lines(line)
    return line


_DOCUMENT: Final = _shape(
    {
        "CustomizationID": _text("specification"),
        "ProfileID": _text("business_process"),
        "ID": _text("number"),
        "IssueDate": _date("issue_date"),
        "DueDate": _date("due_date"),
        "InvoiceTypeCode": _text("type_code"),
        "CreditNoteTypeCode": _text("type_code"),
        "Note": _texts("notes"),
        "TaxPointDate": _date("tax_point_date"),
        "DocumentCurrencyCode": _text("currency"),
        "TaxCurrencyCode": _text("tax_currency"),
        "AccountingCost": _text("accounting_reference"),
        "BuyerReference": _text("buyer_reference"),
    },
    {
        "InvoicePeriod": _part("period", _DOCUMENT_PERIOD, repeats=True),
        "OrderReference": _within(
            _shape({"ID": _text("order_reference"), "SalesOrderID": _text("sales_order_reference")})
        ),
        "BillingReference": _many("preceding_invoices", _PRECEDING),
        "DespatchDocumentReference": _first(_id_of("despatch_reference")),
        "ReceiptDocumentReference": _first(_id_of("receipt_reference")),
        "OriginatorDocumentReference": _first(_id_of("tender_reference")),
        "ContractDocumentReference": _first(_id_of("contract_reference")),
        "ProjectReference": _first(_id_of("project_reference")),
        "AccountingSupplierParty": _part("seller", _TRADER),
        "AccountingCustomerParty": _part("buyer", _TRADER),
        "PayeeParty": _part("payee", _NAMED_PARTY),
        "TaxRepresentativeParty": _part("tax_representative", _NAMED_PARTY),
        "Delivery": _part("delivery", _DELIVERY, repeats=True),
        "PaymentMeans": _payment_means,
        "PaymentTerms": _payment_terms,
        "AllowanceCharge": _allowance_or_charge,
        "TaxTotal": _tax_total,
        "LegalMonetaryTotal": _within(_TOTALS),
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
            "InvoiceLine": _many("lines", _line("InvoicedQuantity", "SubInvoiceLine")),
        },
    ),
    CREDIT_NOTE_TAG: _DOCUMENT
    | _shape(
        {},
        {
            "AdditionalDocumentReference": _document_reference(
                {_INVOICED_OBJECT: "invoiced_object_id", _PROJECT: "project_reference"}, otherwise="attachments"
            ),
            "CreditNoteLine": _many("lines", _line("CreditedQuantity", "SubCreditNoteLine")),
        },
    ),
}
