import pytest

from data_pool.documents import DocumentRefused, read_documents
from tests.documents.cast import INVOICE, TABLE, read, read_one


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF file"),
        (b"\n\n%PDF-1.4", "a PDF file"),
        (b"PK\x03\x04....xl/workbook.xml", "an Excel workbook"),
        (b"PK\x03\x04....word/document.xml", "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0,;", "a JPEG image"),
        (b"UNA:+,? 'UNB+UNOC:3+S+R'", "an EDIFACT message"),
        (b"\x00\x01\x02", "a binary file"),
        (b"just words", "a text that is neither"),
        (b"<Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'/>", "a UBL Order"),
        (b"<x:CrossIndustryInvoice xmlns:x='urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100'/>", "CII"),
        (b"<testSet xmlns='http://difi.no/xsd/vefa/validator/1.0'/>", "validator tests"),
        (b"<html/>", "an XML document html without namespace"),
        (b"<a xmlns='urn:b'/>", "an XML document a in namespace urn:b"),
        (INVOICE.replace("xsd:Invoice-2", "xsd:Invoice-9").encode(), "a UBL Invoice"),
    ],
)
def test_what_is_not_read_is_refused_by_what_it_is(data: bytes, found: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_documents(data)

    assert found in refused.value.reason
    assert "UBL 2.1 invoices and credit notes, CSV tables and JSON documents are" in refused.value.reason


def test_the_name_only_helps_to_say_what_is_wrong() -> None:
    with pytest.raises(DocumentRefused, match="a table without a delimiter"):
        read_documents(b"just words", name="list.CSV")


def test_the_content_decides_and_not_the_name() -> None:
    assert read_one(INVOICE, name="table.csv", media_type="text/csv").kind == "invoice"
    assert len(read(TABLE, name="invoice.xml", media_type="application/xml")) == 2


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="empty"):
        read_documents(b"")


@pytest.mark.parametrize("data", [b"<a", b"{", b"number,x\n", b"%PDF-1"])
def test_the_file_as_a_whole_is_refused_before_the_first_document(data: bytes) -> None:
    with pytest.raises(DocumentRefused):
        read_documents(data)  # not iterated
