"""An XML file as a tree that nothing in the file could make dangerous.

A document type declaration is refused before a parser sees it, so there are no entities to expand, no external
subset to fetch and no default attributes. What is left of XML is elements, attributes and text.
"""

import codecs
import re
from typing import Final, cast

from lxml import etree

from data_pool.documents.errors import DocumentRefused, Place
from data_pool.documents.limits import Limits

_DECLARATION: Final = re.compile(
    rb"<\?xml[ \t\r\n][^>]{0,200}?\bencoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
_UTF16_STARTS: Final = {b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What an XML declaration may name, and the codec that reads it.
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16",
    "utf-16be": "utf-16",
}
_SPACE_COMMENT_OR_INSTRUCTION: Final = re.compile(rb"[ \t\r\n]+|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_FIND_MIXED_CONTENT: Final = etree.XPath("//*[*]/text()[normalize-space()]")
_COUNT_TEXT_BESIDE_ELEMENTS: Final = etree.XPath("count(//*[*]/text())")


def looks_like_xml(data: bytes) -> bool:
    """Whether the first character is "<", in any encoding that is read here."""
    return _to_ascii_start(data).lstrip(b" \t\r\n").startswith(b"<")


def parse_xml(data: bytes, limits: Limits) -> etree._Element:
    """The root element, without comments, processing instructions and white space between elements."""
    text = _to_utf8(data)
    _refuse_doctype(text)
    if (tags := text.count(b"<")) > limits.elements:
        raise DocumentRefused("the file has too many elements", expected=f"at most {limits.elements}", got=tags)
    try:
        root = etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as error:
        raise DocumentRefused(_describe(error), place=Place(line=error.lineno, column=error.offset)) from None
    if root.getroottree().docinfo.internalDTD is not None:  # the scan above has seen to it; this costs nothing
        raise DocumentRefused("a document type declaration is not accepted")
    _refuse_mixed_content(root)
    return root


def _parser() -> etree.XMLParser:
    """A parser of its own for every file: parsers are not shared between threads."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        remove_blank_text=True,
        collect_ids=False,
    )


def _to_utf8(data: bytes) -> bytes:
    """The file in UTF-8 without byte order mark, decoded as its byte order mark or XML declaration says."""
    mark, marked = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", ""))
    marked = marked or _UTF16_STARTS.get(data[:2], "")
    if marked.startswith("utf-32"):
        raise DocumentRefused("the file is in UTF-32", expected="UTF-8, UTF-16 or ISO-8859-1")
    data = data[len(mark) :]
    codec = marked or "utf-8"
    declaration = _DECLARATION.match(_to_ascii_start(data))
    if declaration is not None:
        codec = _agree(marked, declaration[1].decode("ascii").lower())
    text = _decode(data, codec)
    return data if codec in ("utf-8", "ascii") else text.encode()


def _agree(marked: str, declared: str) -> str:
    """The codec that both the first bytes and the XML declaration allow."""
    place = Place(line=1)
    if declared not in _ENCODINGS:
        raise DocumentRefused("the XML declaration names an encoding that is not read here", place=place)
    codec = _ENCODINGS[declared]
    if codec == "utf-16" and not marked.startswith("utf-16"):
        raise DocumentRefused("the XML declaration says UTF-16, but the file is not in UTF-16", place=place)
    if codec != "utf-16" and marked and marked != codec:
        raise DocumentRefused(
            "the XML declaration and the file disagree about its encoding", place=place, expected=marked, got=codec
        )
    return marked or codec


def _decode(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(codec)
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        place = Place(line=line, column=column)
        raise DocumentRefused(f"the file is not in {codec.upper()}, as it says", place=place) from None


def _to_ascii_start(data: bytes) -> bytes:
    """The first characters of the file, one byte each, whatever it is encoded in."""
    start = data[:1024]
    for mark, _ in _BOMS:
        if start.startswith(mark):
            start = start[len(mark) :]
            break
    return start.replace(b"\x00", b"")


def _refuse_doctype(text: bytes) -> None:
    """XML 1.0, 2.8: a document type declaration stands only before the root element."""
    position = 0
    while match := _SPACE_COMMENT_OR_INSTRUCTION.match(text, position):
        position = match.end()
    if text[position : position + 9].upper() == b"<!DOCTYPE":
        line, column = text.count(b"\n", 0, position) + 1, position - text.rfind(b"\n", 0, position)
        raise DocumentRefused("a document type declaration is not accepted", place=Place(line=line, column=column))


def _refuse_mixed_content(root: etree._Element) -> None:
    """Business documents hold text in leaves only; text beside elements would be lost unseen."""
    if not _COUNT_TEXT_BESIDE_ELEMENTS(root):
        return
    stray = _FIND_MIXED_CONTENT(root)
    if isinstance(stray, list) and stray:
        parent = cast(etree._Element, cast(etree._ElementUnicodeResult, stray[0]).getparent())
        raise DocumentRefused("text stands beside elements", place=Place(line=cast(int | None, parent.sourceline)))


def _describe(error: etree.XMLSyntaxError) -> str:
    """libxml2's message without the values it quotes and the place it repeats."""
    message = re.sub(r",? ?line \d+(, column \d+)?|\(<string>,?[^)]*\)", "", error.msg or "")
    return f"not well-formed XML: {message.strip() or 'no element found'}"
