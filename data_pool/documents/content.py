"""What a file that is not read seems to be, in words for the person who sent it."""

from typing import Final

from data_pool.documents.errors import show_name
from data_pool.documents.xml_source import local_name

_ZIP: Final = b"PK\x03\x04"
# First bytes and what they announce; the first that fits counts.
_SIGNATURES: Final = (
    (b"%PDF-", "a PDF file"),
    (_ZIP, "a ZIP archive or office document"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"UNA:+", "an EDIFACT message"),
    (b"UNB+", "an EDIFACT message"),
)
_SPREADSHEET: Final = b"xl/"  # a folder inside the archive, named near its start or end

_UBL_NAMESPACE: Final = "urn:oasis:names:specification:ubl:"
_ROOTS: Final = {
    "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100": "a Cross Industry Invoice (CII, Factur-X)",
    "urn:ferd:CrossIndustryDocument:invoice:1p0": "a ZUGFeRD 1 invoice",
    "urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:100": "an Order-X order",
    "http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2": "a FatturaPA invoice",
    "http://difi.no/xsd/vefa/validator/1.0": "a set of validator tests, several fragments in a wrapper,",
}


def find_announced(data: bytes) -> str | None:
    """What the first bytes announce, if anything."""
    for signature, words in _SIGNATURES:
        if data.startswith(signature):
            return "an Excel workbook" if signature == _ZIP and _SPREADSHEET in data else words
    if b"%PDF-" in data[:1024]:  # ISO 32000-1, Annex H: readers accept it so
        return "a PDF file"
    return None


def describe_content(data: bytes, *, name: str, media_type: str | None) -> str:
    """What the first bytes announce, or else what the name or media type claims."""
    if announced := find_announced(data):
        return announced
    if b"\x00" in data[:1024]:
        return "a binary file of unknown format"
    claimed = name.lower().endswith(".csv") or media_type == "text/csv"
    return "a table without a delimiter in its header" if claimed else "a text that is neither XML, JSON nor a table"


def describe_root(tag: str) -> str:
    """What an XML document is, by its root element."""
    namespace, local = tag[1:].split("}", 1) if tag.startswith("{") else ("", tag)
    if namespace.startswith(_UBL_NAMESPACE):
        return f"a UBL {show_name(local_name(tag))}"
    if words := _ROOTS.get(namespace):
        return words
    where = f" in namespace {show_name(namespace)}" if namespace else " without namespace"
    return f"an XML document {show_name(local)}{where}"
