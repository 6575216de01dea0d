"""Where a name stands in the map: in the subtree of its section, at a place that nobody chooses."""

import re
from hashlib import sha256
from typing import Final

from audit_chain.errors import MalformedStateName

MAX_NAME_LENGTH: Final = 255
"""Characters, each one byte."""

KEY_SIZE: Final = 32
SECTION_SIZE: Final = 2
"""Bytes of a key that its section gives: sections part within the tree's first 16 levels."""

_NAME: Final = re.compile(r"[ -.0-~][ -~]{0,254}", re.ASCII)


def state_key(name: str) -> bytes:
    """Key of a name: SHA-256(section)[:2] || SHA-256(name)[2:]."""
    return section_key(section_of(name)) + sha256(name.encode("ascii")).digest()[SECTION_SIZE:]


def section_of(name: str) -> str:
    """What stands before the first slash of the name, or all of it."""
    check_name(name)
    return name.partition("/")[0]


def section_key(section: str) -> bytes:
    """The two bytes with which every key of the section begins."""
    return sha256(section.encode("ascii")).digest()[:SECTION_SIZE]


def check_name(name: str) -> None:
    """Nothing, where it is a name: 1 to 255 printable ASCII characters, the first of them no slash."""
    if not _NAME.fullmatch(name):
        raise MalformedStateName(
            "not a name", expected="1 to 255 printable ASCII characters, not starting with /", got=f"{len(name)}"
        )
