import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pool.documents import DEFAULT_LIMITS, CsvMapping, DocumentRefused, Limits, MappingRefused, read_documents
from data_pool.documents.csv_table import read_table
from data_pool.documents.headers import find_field
from tests.documents.cast import TABLE, documents_of, read, read_one, refusals_of, spoiled

GERMAN = """Rechnung;Datum;Betrag;Kunde
R-1;03.11.2026;1.250,50;Atlas Motors
"""
GERMAN_MAPPING = CsvMapping(
    columns={"Rechnung": "number", "Datum": "issue_date", "Betrag": "payable_amount", "Kunde": "buyer.name"},
    defaults={"currency": "EUR", "seller.name": "Northwind Parts"},
    decimal_separator=",",
    thousands_separator=".",
    date_format="DD.MM.YYYY",
)


def refusal(data: str | bytes, **options: object) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as refused:
        read(data, **options)
    return refused.value


def test_every_row_is_a_document() -> None:
    first, second = documents_of(read(TABLE))

    assert first.fields == {
        "kind": "invoice",
        "number": "INV-1",
        "issue_date": "2026-11-02",
        "currency": "EUR",
        "payable_amount": 11900,
        "seller": {"name": "Northwind Parts", "id": "Northwind Parts"},
        "buyer": {"name": "Atlas Motors", "id": "Atlas Motors"},
    }
    assert (second.fields["number"], second.fields["payable_amount"]) == ("INV-2", 4050)
    assert (first.where, second.where) == ("row 1, line 2", "row 2, line 3")


def test_a_mapping_says_how_columns_dates_and_numbers_are_written() -> None:
    fields = read_one(GERMAN, mapping=GERMAN_MAPPING).fields

    assert fields["number"] == "R-1"
    assert fields["issue_date"] == "2026-11-03"
    assert fields["payable_amount"] == 125050
    assert fields["seller"] == {"name": "Northwind Parts", "id": "Northwind Parts"}


def test_columns_that_no_field_takes_are_kept_with_their_header() -> None:
    text = TABLE.replace("buyer.name\n", "buyer.name,Cost centre,Empty\n").replace("Motors\n", "Motors,4711,\n")

    assert read(text)[0].fields["other"] == [{"path": "Cost centre", "value": "4711"}]


def test_dotted_headers_reach_into_lines() -> None:
    text = TABLE.replace("buyer.name\n", "buyer.name,lines.0.name,lines.0.quantity,lines.0.net_amount\n").replace(
        "Motors\n", "Motors,Brake disc,8.00,100.00\n"
    )

    assert read(text)[0].fields["lines"] == [{"name": "Brake disc", "quantity": "8", "net_amount": 10000}]


def test_a_column_can_say_the_kind_of_each_row() -> None:
    text = (
        TABLE.replace("number,", "kind,number,").replace("INV-1", "invoice,INV-1").replace("INV-2", "credit-note,INV-2")
    )

    assert [document.kind for document in documents_of(read(text))] == ["invoice", "credit-note"]


@pytest.mark.parametrize(
    ("old", "new", "reason", "place"),
    [
        ("2026-11-02", "02/11/2026", "not a date", "row 1, line 2, issue_date"),
        ("119.00", "1,19", "cells", "row 1, line 2"),
        ("119.00", "abc", "not a decimal number", "row 1, line 2, payable_amount"),
        ("119.00", "", "no payable_amount", "row 1, line 2, payable_amount"),
        ("EUR,119", "EURO,119", "unknown currency", "row 1, line 2, payable_amount"),
        (",Atlas Motors", "", "cells", "row 1, line 2"),
        ("INV-1", "", "no number", "row 1, line 2, number"),
        ("INV-1", "INV\x01-1", "control characters", "row 1, line 2, number"),
    ],
)
def test_a_bad_row_is_refused_alone(old: str, new: str, reason: str, place: str) -> None:
    outcomes = read(spoiled(TABLE, old, new))

    [document], [refused] = documents_of(outcomes), refusals_of(outcomes)
    assert document.fields["number"] == "INV-2"
    assert reason in refused.reason
    assert refused.row == 1
    assert refused.where == place


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TABLE + '"INV-3,2026-11-03,EUR\n', 4),
        (TABLE + '"INV-3"x,2026-11-03,EUR,1,Northwind Parts,Atlas Motors\n', 4),
        (TABLE.replace("INV-1", '"INV-1'), 3),
    ],
)
def test_broken_quoting_refuses_the_table_with_its_line(text: str, line: int) -> None:
    error = refusal(text)

    assert "not a CSV table" in error.reason
    assert error.place.line == line


@pytest.mark.parametrize("missing", ["number", "issue_date", "currency", "payable_amount", "seller.name", "buyer.name"])
def test_a_table_without_a_needed_column_is_refused_once(missing: str) -> None:
    error = refusal(spoiled(TABLE, missing, "something"))

    assert missing.split(".")[0] in error.reason
    assert "something" in error.reason  # among the columns that it has


def test_two_columns_that_read_as_one_field_are_refused() -> None:
    error = refusal(TABLE.replace("buyer.name\n", "buyer.name,Total\n").replace("Motors\n", "Motors,119.00\n"))

    assert "two columns" in error.reason
    assert error.where == "line 1, Total"


@pytest.mark.parametrize(
    "text", ["number,number\n1,2\n", "number,issue_date\n", ",,,\n", "number,x\n" + "1,2\n", "\ufeff,\n"]
)
def test_a_table_that_cannot_hold_documents_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    text = TABLE.replace(",", delimiter)

    assert len(documents_of(read(text))) == 2


def test_a_quoted_delimiter_in_the_header_does_not_count() -> None:
    text = (
        TABLE.replace(",", ";")
        .replace("buyer.name\n", 'buyer.name;"a,b,c,d,e,f,g"\n')
        .replace("Motors\n", "Motors;x\n")
    )

    assert read(text)[0].fields["other"] == [{"path": "a,b,c,d,e,f,g", "value": "x"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(encoding: str) -> None:
    data = TABLE.replace("Atlas Motors", "Atlas Motörs").encode(encoding)

    assert read(data)[0].fields["buyer"]["name"] == "Atlas Motörs"


def test_another_encoding_is_read_only_when_the_mapping_names_it() -> None:
    data = TABLE.replace("Atlas Motors", "Atlas Motörs").encode("windows-1252")

    error = refusal(data)
    assert "UTF-8" in error.reason
    assert error.place.line == 2
    assert read(data, mapping=CsvMapping(encoding="windows-1252"))[0].fields["buyer"]["name"] == "Atlas Motörs"


def test_empty_rows_and_surrounding_spaces_say_nothing() -> None:
    text = TABLE.replace("INV-1", "  INV-1 ") + "\n,,,,,\n"

    assert [document.fields["number"] for document in documents_of(read(text))] == ["INV-1", "INV-2"]


def test_a_line_longer_than_any_table_has_is_refused() -> None:
    assert "line is too long" in refusal(TABLE + "a," * 600_000).reason


def test_more_rows_than_the_limit_are_refused() -> None:
    assert "too long" in refusal(TABLE, limits=Limits(documents=1)).reason


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.250,50", 125050), ("1250,5", 125050), ("-1.234.567,89", -123456789), ("1250", 125000)],
)
def test_thousands_and_decimals_are_read_as_the_mapping_says(text: str, number: int) -> None:
    assert read_one(GERMAN.replace("1.250,50", text), mapping=GERMAN_MAPPING).fields["payable_amount"] == number


@pytest.mark.parametrize("text", ["1.25,50", "12.50", "1,250.50", "1.250,50.00", ".250", "1..250"])
def test_a_number_written_otherwise_is_refused_rather_than_guessed(text: str) -> None:
    [refused] = refusals_of(read(GERMAN.replace("1.250,50", text), mapping=GERMAN_MAPPING))

    assert refused.place.field == "Betrag"


def test_a_comma_is_no_thousands_separator_unless_the_mapping_says_so() -> None:
    outcomes = read(TABLE.replace("119.00", '"1,190"'))

    assert [refused.row for refused in refusals_of(outcomes)] == [1]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "letter"},
        {"delimiter": ":"},
        {"decimal_separator": "x"},
        {"thousands_separator": "."},
        {"date_format": "DD.MM"},
        {"date_format": "DD.MM.YYYY.YYYY"},
        {"encoding": "utf-7"},
        {"columns": {"a": "number", "b": "number"}},
        {"columns": {"a": "source.sha256"}},
        {"columns": {"a": "seller..name"}},
        {"columns": {"a": 1}},
        {"columns": ["a"]},
        {"defaults": {"currency": None}},
        {"kind": 7},
        {"unknown": 1},
    ],
)
def test_a_mapping_that_no_table_could_be_read_with_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(MappingRefused):
        CsvMapping.from_json(options)


def test_a_mapping_survives_json() -> None:
    assert CsvMapping.from_json(json.loads(json.dumps(GERMAN_MAPPING.to_json()))) == GERMAN_MAPPING


def test_a_mapped_column_that_the_table_lacks_is_named() -> None:
    error = refusal(GERMAN.replace("Betrag", "Summe"), mapping=GERMAN_MAPPING)

    assert error.where == "Betrag"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Invoice No.", "number"),
        ("invoiceNumber", "number"),
        ("INVOICE_NUMBER", "number"),
        ("Invoice Date", "issue_date"),
        ("DueDate", "due_date"),
        ("Supplier Name", "seller.name"),
        ("customerID", "buyer.id"),
        ("InvoiceAmount", "payable_amount"),
        ("lines.3.net_amount", "lines.3.net_amount"),
        ("Cost centre", None),
        ("source.sha256", None),
        ("", None),
    ],
)
def test_headers_are_understood_by_their_words(header: str, field: str | None) -> None:
    assert find_field(header) == field


def test_the_tables_of_the_corpus_have_the_cells_that_it_says(corpora: Path) -> None:
    folder = corpora / "bad-inputs" / "csv-spectrum"
    checked = 0
    for file in sorted(folder.glob("*.csv")):
        encoding = "iso-8859-1" if file.stem == "location_coordinates" else "utf-8"
        table = read_table(file.read_bytes(), CsvMapping(encoding=encoding), DEFAULT_LIMITS)
        rows = [dict(zip(table.header, row.cells, strict=True)) for row in table.rows]
        if encoding == "utf-8":
            expected = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
            assert rows == expected, file.name
        checked += 1
    assert checked >= 8


def test_real_tables_of_receivables_are_read_row_by_row(corpora: Path) -> None:
    data = (corpora / "receivables-csv" / "ibm-ar" / "WA_Fn-UseC_-Accounts-Receivable.csv").read_bytes()
    mapping = CsvMapping(
        columns={
            "invoiceNumber": "number",
            "InvoiceDate": "issue_date",
            "DueDate": "due_date",
            "InvoiceAmount": "payable_amount",
            "customerID": "buyer.id",
        },
        defaults={"currency": "USD", "seller.name": "Northwind Parts"},
        date_format="MM/DD/YYYY",
    )

    documents = documents_of(read(data, mapping=mapping))

    assert len(documents) == data.count(b"\n") - 1 + (not data.endswith(b"\n"))
    assert documents[0].fields["issue_date"] == "2013-01-02"
    assert documents[0].fields["payable_amount"] == 5594


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    data = (TABLE + text).encode("utf-8", "replace")

    with suppress(DocumentRefused):
        list(read_documents(data))
