"""An XML file as a tree that nothing in the file could make dangerous.

A document type declaration is refused before a parser sees it, so there are no entities to expand, no external
subset to fetch and no default attributes. What is left of XML is elements, attributes and text.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, Protocol, Self, cast

from lxml import etree

from data_pool.documents.errors import DocumentRefused, Place
from data_pool.documents.limits import Limits

_DECLARATION: Final = re.compile(
    rb"<\?xml[ \t\r\n][^>]{0,200}?\bencoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF16_STARTS: Final = {b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}
# What an XML declaration may name, and the codec that reads it.
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "windows-1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16",
    "utf-16be": "utf-16",
}
_SPACE_COMMENT_OR_INSTRUCTION: Final = re.compile(rb"[ \t\r\n]+|<!--.*?-->|<\?.*?\?>", re.DOTALL)


MAX_PATH_LENGTH: Final = 1_000  # characters; the longest of real documents have some 200


class Element(Protocol):
    """What is used of lxml's elements, with the types that they have in a tree made by `parse_xml`."""

    @property
    def tag(self) -> str: ...  # {namespace}name
    @property
    def text(self) -> str | None: ...  # before the first element inside
    @property
    def tail(self) -> str | None: ...  # after the element's own end
    @property
    def sourceline(self) -> int | None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, children: slice) -> list[Self]: ...
    def get(self, attribute: str) -> str | None: ...
    def getparent(self) -> Self | None: ...
    def getprevious(self) -> Self | None: ...
    def keys(self) -> list[str]: ...
    def items(self) -> list[tuple[str, str]]: ...
    def iter(self) -> Iterator[Self]: ...
    def __hash__(self) -> int: ...


class Paths:
    """Where elements stand: local names from below the root, numbered where there are several of a name.

    InvoiceLine[2]/Item/Name. Brothers and sisters are numbered together, so that asking for all of many stays linear.
    """

    __slots__ = ("_below",)

    def __init__(self) -> None:
        self._below: dict[Element, dict[Element, str]] = {}

    def of(self, element: Element) -> str:
        parent = element.getparent()
        if parent is None:
            return ""
        below = self._below.get(parent)
        if below is None:
            below = self._below[parent] = self._number(parent)
        return below[element]

    def _number(self, parent: Element) -> dict[Element, str]:
        prefix = self.of(parent)
        children = parent[:]
        many = Counter(child.tag for child in children)
        seen: Counter[str] = Counter()
        paths = {}
        for child in children:
            seen[child.tag] += 1
            step = local_name(child.tag)
            if many[child.tag] > 1:
                step = f"{step}[{seen[child.tag]}]"
            paths[child] = f"{prefix}/{step}" if prefix else step
            if len(paths[child]) > MAX_PATH_LENGTH:
                raise DocumentRefused("elements stand too deep in elements", place=Place(line=child.sourceline))
        return paths


def looks_like_xml(data: bytes) -> bool:
    """Whether the first character is "<", in any encoding that is read here."""
    return _to_ascii_start(data).lstrip(b" \t\r\n").startswith(b"<")


def local_name(tag: str) -> str:
    """`tag` without its namespace."""
    return tag.rpartition("}")[2]


def parse_xml(data: bytes, limits: Limits) -> Element:
    """The root element, without comments, processing instructions and most white space between elements."""
    codec = _find_encoding(data)
    text = data.removeprefix(codecs.BOM_UTF8) if codec == "utf-8" else _decode(data, codec).encode()
    _refuse_doctype(text)
    if len(text) > limits.elements * len(b"<a/>") and (tags := text.count(b"<")) > limits.elements:
        raise DocumentRefused("the file has too many elements", expected=f"at most {limits.elements}", got=tags)
    try:
        root = etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as error:
        _decode(data, codec)  # says where an encoding is broken better than libxml2 does
        raise DocumentRefused(_describe(error), place=Place(line=error.lineno, column=error.offset)) from None
    if root.getroottree().docinfo.internalDTD is not None:  # A second look at what the scan has refused.
        raise DocumentRefused("a document type declaration is not accepted")
    return cast(Element, root)


def _parser() -> etree.XMLParser:
    """A parser of its own for every file: parsers are not shared between threads."""
    return etree.XMLParser(
        encoding="utf-8",  # whatever the XML declaration says: the scan for a DOCTYPE and the parser see the same text
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


def _find_encoding(data: bytes) -> str:
    """The codec that the byte order mark and the XML declaration agree on; UTF-8 without both (XML 1.0, 4.3.3)."""
    marked = next((name for mark, name in _BOMS if data.startswith(mark)), None) or _UTF16_STARTS.get(data[:2], "")
    if marked == "utf-32":
        raise DocumentRefused("the file is in UTF-32", expected="UTF-8, UTF-16 or ISO-8859-1")
    declaration = _DECLARATION.match(_to_ascii_start(data))
    if declaration is None:
        return marked or "utf-8"
    declared = _ENCODINGS.get(declaration[1].decode("ascii").lower())
    if declared is None:
        raise DocumentRefused("the XML declaration names an encoding that is not read here", place=Place(line=1))
    if (declared == "utf-16" or marked) and not marked.startswith(declared):
        raise DocumentRefused("the XML declaration names another encoding than the file is in", place=Place(line=1))
    return marked or declared


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


def _describe(error: etree.XMLSyntaxError) -> str:
    """libxml2's message without the values it quotes and the place it repeats."""
    message = re.sub(r",? ?line \d+(, column \d+)?|\(<string>,?[^)]*\)|, try XML_PARSE_HUGE", "", error.msg or "")
    return f"not well-formed XML: {message.strip() or 'no element found'}"
