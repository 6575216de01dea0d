"""Rules that turn elements into fields: what a reader of an XML format builds its tables from.

    address = {
        cbc + "CityName": text("city"),
        cac + "Country": within({cbc + "IdentificationCode": text("country")}),
    }

A rule is given an element, the fields to add to and what is gathered across the document. An element that no rule of
its table knows is kept under `other` with its path, so that nothing is lost; an element that may occur once and
occurs again is refused, because nobody could say which one counts.
"""

import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from audit_chain.records.fields import MAX_FIELDS
from data_pool.documents.document import Attachment, Fields, Node
from data_pool.documents.errors import DocumentRefused, FieldRefused, Place
from data_pool.documents.values import to_date, to_decimal, to_text
from data_pool.documents.xml_source import Element, Paths, local_name

MAX_ATTRIBUTES: Final = 100  # of one element; UBL's have eight
_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}


class Reading:
    """What is gathered across one document while its elements are read."""

    __slots__ = ("currencies", "depth", "embedded_tag", "files", "other", "paths", "put_aside", "stray_files")

    def __init__(self, *, embedded_tag: str) -> None:
        self.embedded_tag = embedded_tag  # of the elements that hold a file
        self.paths = Paths()
        self.depth = 0  # of the list that is being read in lists of the same name
        self.currencies: set[str] = set()
        self.put_aside: list[Element] = []  # what can only be read when all else is
        self.files: list[tuple[Fields, bytes]] = []  # description and content of every embedded file
        self.stray_files: list[Node] = []  # descriptions of those where no rule expects a file
        self.other: list[Node] = []

    def keep(self, element: Element) -> None:
        """Every text, attribute and embedded file of `element` and below it, under `other`."""
        for inner in element.iter():
            if inner.tag == self.embedded_tag:
                description: Fields = {"path": self.paths.of(inner)}
                embedded_file(inner, description, self)
                self.stray_files.append(description)
                continue
            if len(inner):
                refuse_stray_text(inner, inner.text)
            elif text := content_of(inner):
                self._keep_value(inner, self.paths.of(inner), text)
            if inner is not element:
                refuse_stray_text(inner, inner.tail)
            for name, value in attributes_of(inner):
                self.keep_attribute(inner, name, value)

    def keep_attribute(self, element: Element, name: str, value: str) -> None:
        if value := value.strip():
            self._keep_value(element, f"{self.paths.of(element)}@{local_name(name)}", value)

    def _keep_value(self, element: Element, path: str, value: str) -> None:
        if len(self.other) >= MAX_FIELDS:
            raise DocumentRefused("the document has too many fields", expected=f"at most {MAX_FIELDS}")
        self.other.append({"path": path, "value": checked(element, value)})

    def finish(self, fields: Fields) -> tuple[Attachment, ...]:
        """Adds what was kept to the fields and returns the embedded files."""
        for description in self.stray_files:
            append(fields, "attachments", description)
        if self.other:
            fields["other"] = self.other
        descriptions = fields.get("attachments")
        if not self.files or not isinstance(descriptions, list):
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
            for description, data in self.files
        )


Rule: TypeAlias = Callable[[Element, Fields, Reading], None]
Shape: TypeAlias = Mapping[str, Rule]


def read_children(element: Element, shape: Shape, fields: Fields, reading: Reading) -> None:
    if element.text:
        refuse_stray_text(element, element.text)
    if element.keys() and element.getparent() is not None:  # the root's say where its schema is
        for name, value in attributes_of(element):
            reading.keep_attribute(element, name, value)
    for child in element[:]:
        rule = shape.get(child.tag)
        if rule is None:
            reading.keep(child)
        else:
            rule(child, fields, reading)
        if child.tail:
            refuse_stray_text(child, child.tail)


# Leaves


def leaf(
    name: str, convert: Callable[[str], str], attributes: Mapping[str, str] = _NO_ATTRIBUTES, *, repeats: bool = False
) -> Rule:
    """One value; `attributes` maps attributes to fields; what `repeats` is kept under `other` from the second on."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        text = element.text
        if text is None or not (text := text.strip()) or len(element):
            refuse_elements(element)
            return
        if name in fields:
            if not repeats:
                raise repeated(element)
            reading.keep(element)
            return
        try:
            fields[name] = convert(text)
        except FieldRefused as error:
            raise refused(element, error) from None
        if not element.keys():
            return
        for attribute, value in attributes_of(element):
            if attribute in attributes and (value := value.strip()):
                fields[attributes[attribute]] = checked(element, value)
            else:
                reading.keep_attribute(element, attribute, value)

    return rule


def text(name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES, *, repeats: bool = False) -> Rule:
    return leaf(name, to_text, attributes, repeats=repeats)


def identifier(name: str) -> Rule:
    return leaf(name, to_text, {"schemeID": f"{name}_scheme"})


def date(name: str) -> Rule:
    return leaf(name, to_date)


def decimal(name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES) -> Rule:
    return leaf(name, to_decimal, attributes)


def texts(name: str) -> Rule:
    """One more text of a list."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        if value := content_of(element):
            append(fields, name, checked(element, value))
        for attribute, value in attributes_of(element):
            reading.keep_attribute(element, attribute, value)

    return rule


def nothing(element: Element, fields: Fields, reading: Reading) -> None:
    """No field: its meaning is in the name of the field that its neighbours become."""


def embedded_file(element: Element, fields: Fields, reading: Reading) -> None:
    """The description of a file in the document; the file itself is among the attachments."""
    data = _from_base64(element)
    for attribute, value in attributes_of(element):
        if attribute == "filename" and value:
            fields["name"] = checked(element, value)
        elif attribute == "mimeCode" and value:
            fields["media_type"] = checked(element, value)
        else:
            reading.keep_attribute(element, attribute, value)
    fields["size"] = len(data)
    fields["sha256"] = hashlib.sha256(data).hexdigest()
    reading.files.append((fields, data))


def _from_base64(element: Element) -> bytes:
    encoded = content_of(element)
    try:
        if any(space in encoded for space in " \n\r\t"):
            encoded = "".join(encoded.split())
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise DocumentRefused("an embedded file is not in base64", place=place_of(element)) from None


# Elements that hold elements


def within(shape: Shape) -> Rule:
    """The elements inside become fields beside, not below."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        read_children(element, shape, fields, reading)

    return rule


def first(shape: Shape) -> Rule:
    """Like `within`, for what EN 16931 has once and the syntax allows again: a later one is kept under `other`."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        previous = element.getprevious()
        if previous is not None and previous.tag == element.tag:
            reading.keep(element)
        else:
            read_children(element, shape, fields, reading)

    return rule


def part(name: str, shape: Shape, *, repeats: bool = False) -> Rule:
    """One object; a second one is refused or, where the syntax lets it `repeat`, kept under `other`."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        if name in fields:
            if not repeats:
                raise repeated(element)
            reading.keep(element)
            return
        inner: Fields = {}
        read_children(element, shape, inner, reading)
        if inner:
            fields[name] = inner

    return rule


def many(name: str, shape: Shape) -> Rule:
    """One more object of a list."""

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        inner: Fields = {}
        read_children(element, shape, inner, reading)
        if inner:
            append(fields, name, inner)

    return rule


def nested(name: str, shape: Shape, *, depth: int) -> Rule:
    """One more object of a list that stands in an object of such a list, at most `depth` times."""
    read_one = many(name, shape)

    def rule(element: Element, fields: Fields, reading: Reading) -> None:
        reading.depth += 1
        if reading.depth > depth:
            raise DocumentRefused(
                f"{name} stand too deep in {name}", place=place_of(element), expected=f"at most {depth} times"
            )
        read_one(element, fields, reading)
        reading.depth -= 1

    return rule


# What rules are made of


def content_of(element: Element) -> str:
    """The text of a leaf, "" if there is none."""
    if len(element):
        refuse_elements(element)
    value = element.text
    return value.strip() if value else ""


def find_child(element: Element, tag: str) -> Element | None:
    """The first element of that name in `element`; faster on a handful of children than lxml's paths."""
    for child in element[:]:
        if child.tag == tag:
            return child
    return None


def find_text(element: Element | None, tag: str) -> str:
    """The text of the leaf `tag` in `element`, "" if there is none."""
    found = None if element is None else find_child(element, tag)
    return "" if found is None else content_of(found)


def attributes_of(element: Element) -> Sequence[tuple[str, str]]:
    """Names and values; refuses more than any real element has, because lxml's time grows with their square."""
    names = element.keys()
    if not names:
        return ()
    if len(names) > MAX_ATTRIBUTES:
        expected = f"at most {MAX_ATTRIBUTES}"
        raise DocumentRefused("too many attributes", place=place_of(element), expected=expected, got=len(names))
    return element.items()


def put(element: Element, fields: Fields, name: str, value: Node) -> None:
    if name in fields:
        raise repeated(element)
    fields[name] = value


def append(fields: Fields, name: str, value: Node) -> None:
    items = fields.setdefault(name, [])
    if isinstance(items, list):
        items.append(value)


def checked(element: Element, value: str) -> str:
    try:
        return to_text(value)
    except FieldRefused as error:
        raise refused(element, error) from None


# What is wrong, and where


def refuse_elements(element: Element) -> None:
    if len(element):
        raise DocumentRefused("an element holds elements where text is expected", place=place_of(element))


def refuse_stray_text(element: Element, value: str | None) -> None:
    """Business documents hold text in leaves only; text beside elements would be lost unseen."""
    if value and not value.isspace():
        raise DocumentRefused("text stands beside elements", place=place_of(element))


def repeated(element: Element) -> DocumentRefused:
    return DocumentRefused("an element stands twice where one is expected", place=place_of(element))


def refused(element: Element, error: FieldRefused) -> DocumentRefused:
    return DocumentRefused(str(error), place=place_of(element))


def place_of(element: Element) -> Place:
    return Place(line=element.sourceline, field=Paths().of(element))
