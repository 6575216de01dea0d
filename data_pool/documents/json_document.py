"""JSON in the normal form: one object is a document, an array holds several.

    {"kind": "invoice", "number": "LE-88017", "issue_date": "2026-11-03", "currency": "EUR",
     "payable_amount": "1190.00", "seller": {"name": "Lotus Electronics"}, "buyer": {"name": "Atlas Motors"}}

Numbers are integers. An amount is an integer in minor units (119000) or decimal text in major units ("1190.00").
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn, TypeAlias

from audit_chain.canonical import MAX_INTEGER
from audit_chain.errors import MalformedField
from audit_chain.records.fields import MAX_FIELDS, flatten
from data_pool.documents.document import KINDS, Document, Fields, Node, Refusal, Value, complete
from data_pool.documents.errors import NOWHERE, DocumentRefused, FieldRefused, Place, show_name
from data_pool.documents.limits import Limits
from data_pool.documents.values import to_exponent
from data_pool.documents.vocabulary import (
    RESERVED,
    TAX_CURRENCY_AMOUNT,
    ValueType,
    money_fields,
    to_value,
    to_value_type,
)

JSON: TypeAlias = str | int | bool | list["JSON"] | dict[str, "JSON"] | None

_BOM: Final = b"\xef\xbb\xbf"
_NESTING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_MAX_DIGITS: Final = len(str(MAX_INTEGER))
_CURRENCY_NAMES: Final = ("currency", "tax_currency")


def looks_like_json(data: bytes) -> bool:
    """Whether the first character opens an object or an array, also in UTF-16, which is then refused as such."""
    start = data[:256].removeprefix(_BOM).lstrip(b"\xff\xfe").replace(b"\x00", b"")
    return start.lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def read_json(data: bytes, limits: Limits) -> Iterator[Document | Refusal]:
    """The documents of the file; what is wrong with the file as a whole is raised before the first of them."""
    content = parse_json(data, limits)
    if isinstance(content, dict):
        try:
            return iter([_read_object(content, NOWHERE)])
        except FieldRefused as error:
            raise DocumentRefused(str(error), place=Place(field=error.field)) from None
    if not isinstance(content, list) or not content:
        raise DocumentRefused("the JSON holds no document", expected="an object, or an array of objects")
    if len(content) > limits.documents:
        raise DocumentRefused("the array is too long", expected=f"at most {limits.documents}", got=len(content))
    return _read_array(content)


def parse_json(data: bytes, limits: Limits) -> JSON:
    """The value, read strictly: UTF-8, integers only, no name twice in an object, nothing that text cannot carry."""
    body = data.removeprefix(_BOM)
    _refuse_depth(body, limits)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = body.count(b"\n", 0, error.start) + 1, error.start - body.rfind(b"\n", 0, error.start)
        raise DocumentRefused("the file is not in UTF-8", place=Place(line=line, column=column)) from None
    try:
        value: JSON = json.loads(
            text,
            object_pairs_hook=_to_object,
            parse_int=_to_integer,
            parse_float=_refuse_float,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise DocumentRefused(f"not JSON: {error.msg}", place=Place(line=error.lineno, column=error.colno)) from None
    if rb"\ud" in body.lower():
        _refuse_lone_surrogates(value)
    return value


def _refuse_depth(body: bytes, limits: Limits) -> None:
    """Counts brackets before a recursive parser sees them."""
    if body.count(b"[") + body.count(b"{") <= limits.depth:
        return
    depth = 0
    for match in _NESTING.finditer(body):
        first = match[0][:1]
        depth += 1 if first in b"[{" else -1 if first in b"]}" else 0
        if depth > limits.depth:
            line = body.count(b"\n", 0, match.start()) + 1
            raise DocumentRefused("nested too deep", place=Place(line=line), expected=f"at most {limits.depth} levels")


def _to_object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise DocumentRefused("a name stands twice in one object", place=Place(field=show_name(twice)))
    return members


def _to_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS or abs(value := int(digits)) > MAX_INTEGER:
        raise DocumentRefused("an integer is too large", expected="within +-(2^53-1)")
    return value


def _refuse_float(digits: str) -> NoReturn:
    raise DocumentRefused(
        "a number has a fraction or an exponent",
        expected='an integer, or the exact number as text ("12.50")',
        got=f"a number of {len(digits)} characters",
    )


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentRefused("not JSON", expected="a number", got=name)


def _refuse_lone_surrogates(value: JSON) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise DocumentRefused("a text holds half of a surrogate pair") from None


def _read_array(items: list[JSON]) -> Iterator[Document | Refusal]:
    for row, item in enumerate(items, start=1):
        place = Place(row=row)
        if not isinstance(item, dict):
            yield Refusal(row=row, reason="not an object", place=place)
            continue
        try:
            yield _read_object(item, place)
        except FieldRefused as error:
            yield Refusal(row=row, reason=str(error), place=Place(row=row, field=error.field))


def _read_object(item: Mapping[str, JSON], place: Place) -> Document:
    kind = item.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        expected = "one of " + ", ".join(sorted(KINDS))
        raise FieldRefused("the document does not say its kind", field="kind", expected=expected)
    for name in RESERVED & item.keys():
        raise FieldRefused("this name is the pool's own", field=name)
    _refuse_many_fields(item)
    fields = _to_fields(item, "", {})
    complete(kind, fields)
    try:
        flatten(fields)
    except MalformedField as error:
        raise FieldRefused(str(error)) from None
    return Document(kind=kind, fields=fields, place=place)


def _refuse_many_fields(item: Mapping[str, JSON]) -> None:
    """Counts values before any is converted."""
    count = 0
    waiting: list[JSON] = [dict(item)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            count += len(value)
            waiting.extend(value.values() if isinstance(value, dict) else value)
        if count > 2 * MAX_FIELDS:  # objects and arrays counted too
            raise FieldRefused("the document has too many fields", expected=f"at most {MAX_FIELDS}")


def _to_fields(item: Mapping[str, JSON], prefix: str, currencies: Mapping[str, JSON]) -> Fields:
    """The object's members as fields, those without content left out.

    An amount is in the currency that its own object names, or else the nearest object around it.
    """
    currencies = {name: item.get(name, currencies.get(name)) for name in _CURRENCY_NAMES}
    fields: Fields = {}
    for name, value in item.items():
        if value is None or value == "":
            continue
        path = prefix + name
        if isinstance(value, str | int) and to_value_type(name) is ValueType.MONEY:
            fields.update(_to_money(name, value, path, currencies))
        elif (node := _to_node(value, path, currencies)) not in ({}, []):
            fields[name] = node
    return fields


def _to_node(value: JSON, path: str, currencies: Mapping[str, JSON]) -> Node:
    if isinstance(value, dict):
        return _to_fields(value, f"{path}.", currencies)
    if isinstance(value, list):
        return [_to_item(item, f"{path}.{position}", currencies) for position, item in enumerate(value)]
    return _to_value(value, path)


def _to_item(item: JSON, path: str, currencies: Mapping[str, JSON]) -> Node:
    node = "" if item is None else _to_node(item, path, currencies)
    if node in ("", {}, []):
        raise FieldRefused("an array has an empty element", field=show_name(path))
    return node


def _to_money(name: str, value: str | int, path: str, currencies: Mapping[str, JSON]) -> Mapping[str, Node]:
    currency = currencies["tax_currency" if name == TAX_CURRENCY_AMOUNT else "currency"]
    if not isinstance(currency, str):
        raise FieldRefused(
            "an amount has no currency", field=show_name(path), expected="a currency beside or around it"
        )
    try:
        if isinstance(value, str):
            return money_fields(name, value, currency)
        if isinstance(value, bool):
            raise FieldRefused("an amount is no truth value")
        to_exponent(currency)
        return {name: value}
    except FieldRefused as error:
        raise FieldRefused(str(error), field=show_name(path)) from None


def _to_value(value: str | int | None, path: str) -> Value:
    try:
        if value is None:
            raise FieldRefused("no value")
        if isinstance(value, str):
            return to_value(path, value)
        if to_value_type(path) is ValueType.TEXT:
            return value
        if to_value_type(path) is ValueType.DECIMAL and not isinstance(value, bool):
            return str(value)
        raise FieldRefused("not the type that the field's name says", expected=to_value_type(path).value)
    except FieldRefused as error:
        raise FieldRefused(str(error), field=show_name(path)) from None
