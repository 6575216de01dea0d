import codecs
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pool.documents import DocumentRefused, Limits, read_documents
from data_pool.documents.xml_source import parse_xml
from tests.documents.cast import INVOICE, read_one, spoiled

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
BODY = INVOICE.removeprefix(DECLARATION).replace("Thank you for your order", "Für Ihre Bestellung")
DOCTYPE = '<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def refusal(data: bytes, **options: object) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as refused:
        read_one(data, **options)
    return refused.value


def declared(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{BODY}'


@pytest.mark.parametrize(
    "data",
    [
        declared("UTF-8").encode(),
        declared("utf-8").encode(),
        codecs.BOM_UTF8 + declared("UTF-8").encode(),
        BODY.encode(),
        declared("ISO-8859-1").encode("iso-8859-1"),
        declared("windows-1252").encode("windows-1252"),
        declared("ISO-8859-15").encode("iso-8859-15"),
        declared("UTF-16").encode("utf-16"),
        codecs.BOM_UTF16_BE + declared("UTF-16").encode("utf-16-be"),
        BODY.encode("utf-16"),
        declared("UTF-16LE").encode("utf-16-le"),
        b"<?xml version='1.0' encoding = 'ISO-8859-1' standalone=\"yes\"?>" + BODY.encode("iso-8859-1"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_it_says(data: bytes) -> None:
    assert read_one(data).fields["notes"] == ["Für Ihre Bestellung"]


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (declared("UTF-8").encode("iso-8859-1"), 9, 14),
        (declared("US-ASCII").encode(), 9, 14),
        (BODY.encode("windows-1252"), 8, 14),
        (declared("UTF-16").encode("utf-16")[:-1], None, None),
        (declared("UTF-16").encode(), 1, None),
        (declared("ISO-8859-1").encode("utf-16"), 1, None),
        (declared("UTF-7").encode("iso-8859-1"), 1, None),
        (declared("EBCDIC-CP-DE").encode("iso-8859-1"), 1, None),
        (declared("UTF-32").encode("utf-32"), None, None),
        (INVOICE.encode().replace(b"INV-1", b"\xed\xa0\x80"), 5, 11),  # a surrogate
        (INVOICE.encode().replace(b"INV-1", b"\xc0\xaf"), 5, 11),  # an overlong form
    ],
)
def test_a_wrong_encoding_is_refused_with_its_place(data: bytes, line: int | None, column: int | None) -> None:
    error = refusal(data)

    assert line is None or error.place.line == line
    assert column is None or error.place.column == column


@pytest.mark.parametrize(
    "data",
    [
        (DECLARATION + DOCTYPE + BODY).encode(),
        (DOCTYPE + BODY).encode(),
        ("<!DOCTYPE Invoice>" + BODY).encode(),
        ("<!doctype Invoice>" + BODY).encode(),
        (DECLARATION + "<!-- a -->\n<?b c?>\n<!-- <Invoice> -->" + DOCTYPE + BODY).encode(),
        codecs.BOM_UTF8 + (DOCTYPE + BODY).encode(),
        (declared("UTF-16").replace("<Invoice", DOCTYPE + "<Invoice", 1)).encode("utf-16"),
        (declared("ISO-8859-1").replace("<Invoice", DOCTYPE + "<Invoice", 1)).encode("iso-8859-1"),
    ],
)
def test_a_document_type_declaration_is_refused_whatever_stands_before_it(data: bytes) -> None:
    assert "document type declaration" in refusal(data).reason


def test_a_document_type_declaration_is_refused_with_its_place() -> None:
    assert refusal((DECLARATION + "  " + DOCTYPE + BODY).encode()).where == "line 2, column 3"


def test_the_word_doctype_in_a_comment_or_a_text_is_no_declaration() -> None:
    text = spoiled(INVOICE, "<Invoice", "<!-- <!DOCTYPE x> --><Invoice").decode()

    document = read_one(spoiled(text, "Thank you for your order", "<![CDATA[<!DOCTYPE x>]]>"))

    assert document.fields["notes"] == ["<!DOCTYPE x>"]


@pytest.mark.parametrize("entity", ["&undefined;", "&#0;", "&#xD800;", "&", "&lt"])
def test_an_entity_that_xml_does_not_know_is_refused(entity: str) -> None:
    error = refusal(spoiled(INVOICE, "INV-1", entity))

    assert "not well-formed" in error.reason
    assert error.place.line == 5


@pytest.mark.parametrize("length", range(0, len(INVOICE) - 1, 97))
def test_a_truncated_file_is_refused(length: int) -> None:
    refusal(INVOICE[:length].encode())


def test_what_follows_the_root_element_is_refused() -> None:
    error = refusal((INVOICE + "<more/>").encode())

    assert error.place.line == INVOICE.count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</cbc:ID>", "</cbc:Id>"),
        ("<cbc:ID>", "<cbx:ID>"),
        ('schemeID="0088"', "schemeID=0088"),
        ('schemeID="0088"', 'schemeID="0088" schemeID="0088"'),
        ("INV-1", "INV\x00-1"),
        ("INV-1", "INV\x08-1"),
        ("INV-1", "]]>"),
    ],
)
def test_malformed_xml_is_refused_with_line_and_column(old: str, new: str) -> None:
    error = refusal(spoiled(INVOICE, old, new))

    assert error.place.line is not None
    assert error.place.column is not None


def test_a_file_over_the_limit_is_refused_before_it_is_looked_at() -> None:
    error = refusal(b"<" * 1001, limits=Limits(size=1000))

    assert "too large" in error.reason


def test_a_tree_over_the_limit_is_refused() -> None:
    data = b"<a>" + b"<b/>" * 400 + b"</a>"

    with pytest.raises(DocumentRefused, match="too many elements"):
        parse_xml(data, Limits(elements=300))


def test_a_deep_tree_is_refused() -> None:
    depth = 5_000
    new = "<x>" * depth + "y" + "</x>" * depth + "<cac:Item>"

    refusal(spoiled(INVOICE, "<cac:Item>", new))


def test_a_long_path_of_long_names_is_refused() -> None:
    name = "x" * 200
    new = f"<{name}>" * 20 + "y" + f"</{name}>" * 20 + "<cac:Item>"

    assert "too deep" in refusal(spoiled(INVOICE, "<cac:Item>", new)).reason


def test_nothing_that_an_attacker_writes_is_fetched_or_included(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-4711")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'

    fields = read_one(spoiled(INVOICE, "<cac:Item>", "<cac:Item>" + include)).fields

    assert "canary-4711" not in repr(fields)


def test_the_malicious_files_of_the_corpus_are_refused(corpora: Path) -> None:
    files = sorted((corpora / "bad-inputs" / "xml-malicious").iterdir())
    outcomes = {file.name: refusal(file.read_bytes()).reason for file in files}

    assert len(outcomes) == len(files) >= 5
    assert "document type declaration" in outcomes["xmlbomb.xml"]
    assert "document type declaration" in outcomes["external.xml"]
    assert "document type declaration" in outcomes["dtd.xml"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(DocumentRefused):
        list(read_documents(data))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(INVOICE.encode()) - 1), st.binary(min_size=0, max_size=4))
def test_an_invoice_with_any_bytes_replaced_is_read_or_refused(position: int, replacement: bytes) -> None:
    data = INVOICE.encode()
    spoilt = data[:position] + replacement + data[position + len(replacement) + 1 :]

    with suppress(DocumentRefused):
        list(read_documents(spoilt))
