"""A table whose rows are documents, one each.

    Invoice no.;Date;Supplier;Customer;Currency;Total
    NP-2026-0180;2026-11-02;Northwind Parts;Atlas Motors;EUR;1250,50

    CsvMapping(columns={"Invoice no.": "number", "Date": "issue_date", "Supplier": "seller.name",
                        "Customer": "buyer.name", "Currency": "currency", "Total": "payable_amount"},
               decimal_separator=",")

RFC 4180 with any of four delimiters. A row that is no document is refused alone; quoting that leaves open where rows
end refuses the file.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from audit_chain.errors import MalformedField
from audit_chain.records.fields import Value, flatten, unflatten
from data_pool.documents.csv_mapping import DELIMITERS, CsvMapping
from data_pool.documents.document import (
    BILLS,
    KINDS,
    PARTIES,
    REQUIRED_OF_BILLS,
    Document,
    Fields,
    Node,
    Refusal,
    complete,
)
from data_pool.documents.errors import DocumentRefused, FieldRefused, Place, show_name
from data_pool.documents.headers import find_field
from data_pool.documents.limits import Limits
from data_pool.documents.values import to_printable
from data_pool.documents.vocabulary import TAX_CURRENCY_AMOUNT, ValueType, money_fields, to_value, to_value_type

MAX_LINE: Final = 1_000_000  # characters
_QUOTED: Final = re.compile(r'"[^"]*"')
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class Row(NamedTuple):
    number: int  # from 1, the header not counted
    line: int  # where it ends in the file
    cells: list[str]


class Table(NamedTuple):
    header: list[str]
    rows: list[Row]


def looks_like_table(data: bytes) -> bool:
    """Whether the first line is text with one of the delimiters."""
    start = data[:65536]
    if start.startswith(_UTF16_MARKS):
        return True
    first_line = re.split(rb"[\r\n]", start.removeprefix(_UTF8_MARK).lstrip(), maxsplit=1)[0]
    return b"\x00" not in start and any(delimiter.encode() in first_line for delimiter in DELIMITERS)


def read_csv(data: bytes, mapping: CsvMapping | None, limits: Limits) -> Iterator[Document | Refusal]:
    """The rows' documents; what is wrong with the table as a whole is raised before the first of them."""
    mapping = mapping or CsvMapping()
    table = read_table(data, mapping, limits)
    columns = _find_columns(table.header, mapping)
    _check_required(columns, mapping, table.header)
    if not table.rows:
        raise DocumentRefused("the table has no rows below its header")
    return _read_rows(table, columns, mapping)


def read_table(data: bytes, mapping: CsvMapping, limits: Limits) -> Table:
    """Header and rows as texts; rows without any text are left out."""
    text = _decode(data, mapping)
    delimiter = mapping.delimiter or _find_delimiter(text)
    reader = csv.reader(_lines_of(text), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cells):
                continue
            if header is None:
                header = _to_header(cells, limits)
                continue
            if len(rows) >= limits.documents:
                raise DocumentRefused("the table is too long", expected=f"at most {limits.documents} rows")
            rows.append(Row(len(rows) + 1, reader.line_num, cells))
    except csv.Error as error:
        raise DocumentRefused(f"not a CSV table: {error}", place=Place(line=reader.line_num)) from None
    if header is None:
        raise DocumentRefused("the table has no header")
    return Table(header, rows)


def _decode(data: bytes, mapping: CsvMapping) -> str:
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else mapping.encoding
    try:
        text = data.removeprefix(_UTF8_MARK).decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentRefused(
            f"the table is not in {encoding.upper()}; the mapping can name its encoding", place=Place(line=line)
        ) from None
    if "\x00" in text:
        raise DocumentRefused("not a text file", place=Place(line=text.count("\n", 0, text.index("\x00")) + 1))
    return text


def _lines_of(text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > MAX_LINE:
            raise DocumentRefused("a line is too long", place=Place(line=number), expected=f"at most {MAX_LINE}")
        yield line


def _find_delimiter(text: str) -> str:
    first_line = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    unquoted = _QUOTED.sub("", first_line)
    return max(DELIMITERS, key=unquoted.count)


def _to_header(cells: list[str], limits: Limits) -> list[str]:
    if len(cells) > limits.columns:
        raise DocumentRefused("the table has too many columns", expected=f"at most {limits.columns}", got=len(cells))
    header = [cell.strip() for cell in cells]
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise DocumentRefused("two columns have the same header", place=Place(line=1, field=show_name(twice)))
    return header


def _find_columns(header: list[str], mapping: CsvMapping) -> dict[int, str]:
    """The field of each column that has one."""
    if mapping.columns:
        missing = sorted(mapping.columns.keys() - set(header))
        if missing:
            raise DocumentRefused("a mapped column is not in the table", place=Place(field=show_name(missing[0])))
        return {position: mapping.columns[name] for position, name in enumerate(header) if name in mapping.columns}
    columns: dict[int, str] = {}
    for position, name in enumerate(header):
        field_name = find_field(name)
        if field_name is None:
            continue
        if field_name in columns.values():
            reason = f"two columns read as {field_name}; say which one it is in a mapping"
            raise DocumentRefused(reason, place=Place(line=1, field=show_name(name)))
        columns[position] = field_name
    return columns


def _check_required(columns: Mapping[int, str], mapping: CsvMapping, header: list[str]) -> None:
    """Says once what would otherwise be wrong with every row."""
    given = {*columns.values(), *mapping.defaults}
    if mapping.kind not in BILLS or "kind" in given:
        return
    missing = [name for name in REQUIRED_OF_BILLS if name not in given]
    missing += [role for role in PARTIES if not any(name.startswith(f"{role}.") for name in given)]
    if missing:
        shown = ", ".join(show_name(name) for name in header[:20] if name)
        raise DocumentRefused(f"the table has no column for {', '.join(missing)}; its columns are {shown}")


def _read_rows(table: Table, columns: Mapping[int, str], mapping: CsvMapping) -> Iterator[Document | Refusal]:
    for row in table.rows:
        try:
            yield _read_row(row, table.header, columns, mapping)
        except FieldRefused as error:
            yield Refusal(
                row=row.number, reason=str(error), place=Place(row=row.number, line=row.line, field=error.field)
            )


def _read_row(row: Row, header: list[str], columns: Mapping[int, str], mapping: CsvMapping) -> Document:
    cells, other = _sort_cells(row, header, columns)
    texts = {"kind": mapping.kind} | dict(mapping.defaults) | {columns[position]: cells[position] for position in cells}
    headers = {name: header[position] for position, name in columns.items()}
    values: dict[str, Value] = {}
    for name, text in texts.items():
        try:
            values.update(_to_value(name, text, texts, mapping))
        except FieldRefused as error:
            raise FieldRefused(str(error), field=show_name(headers.get(name, name))) from None
    kind = str(values["kind"])
    if kind not in KINDS:
        raise FieldRefused("unknown kind of document", field="kind", expected=f"one of {', '.join(sorted(KINDS))}")
    try:
        fields = cast(Fields, unflatten(values))
        if other:
            fields["other"] = other
        complete(kind, fields)
        flatten(fields)
    except MalformedField as error:
        raise FieldRefused(str(error)) from None
    return Document(kind=kind, fields=fields, place=Place(row=row.number, line=row.line))


def _sort_cells(row: Row, header: list[str], columns: Mapping[int, str]) -> tuple[dict[int, str], list[Node]]:
    """The texts of the columns that are fields by position, and those of the others with their headers."""
    if len(row.cells) != len(header):
        raise FieldRefused("not as many cells as the header has", expected=len(header), got=len(row.cells))
    cells: dict[int, str] = {}
    other: list[Node] = []
    for position, cell in enumerate(row.cells):
        text = cell.strip()
        if not text:
            continue
        if position in columns:
            cells[position] = text
        elif header[position]:
            other.append({"path": header[position], "value": to_printable(text)})
        else:
            raise FieldRefused("a cell stands under no header", got=f"column {position + 1}")
    return cells, other


def _to_value(name: str, text: str, texts: Mapping[str, str], mapping: CsvMapping) -> Mapping[str, Value]:
    match to_value_type(name):
        case ValueType.MONEY:
            currency = texts.get("tax_currency" if name == TAX_CURRENCY_AMOUNT else "currency")
            if currency is None:
                raise FieldRefused("an amount has no currency", expected="a column or a default for currency")
            return money_fields(name, mapping.to_point(text), currency)
        case ValueType.DECIMAL:
            return {name: to_value(name, mapping.to_point(text))}
        case ValueType.DATE:
            return {name: to_value(name, mapping.to_iso_date(text))}
        case _:
            return {name: to_value(name, text)}
