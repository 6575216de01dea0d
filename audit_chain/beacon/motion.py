"""Motions and ballots: how the validators decide who takes part and by which numbers.

A ballot is a note, signed with a validator's governance key, that says yes to one motion:

    tallystick.local/ballot
    meridian-bank
    {"action":"suspend","expires":900,"kind":"pool","name":"northwind-parts","serial":"7f0c…"}

    — tallystick.local/validator/meridian-bank cOhT5g...

A motion is canonical JSON: an action with its members, the last epoch in which ballots for it count, and a serial of
16 hex digits that makes it the one motion that it is. Motions carried by two thirds of the weight take effect at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from audit_chain import canonical
from audit_chain.beacon.key_set import MEMBERS as KEY_SET_MEMBERS
from audit_chain.beacon.key_set import KeySet, parse_key_of
from audit_chain.beacon.names import ballot_header, is_name, is_network, rotation_header
from audit_chain.canonical import JSON
from audit_chain.encoding import from_hex, to_hex
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.log.keys import NOTE_ED25519, NoteSigner, VerifierKey
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.shapes import Shape

SERIAL_SIZE: Final = 8
MAX_WEIGHT: Final = 2**20
"""Units of weight of one validator; 32 is what a network's founders get."""

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "join": ("governance", *KEY_SET_MEMBERS, "name", "weight"),
    "leave": ("name",),
    "parameter": ("name", "value"),
    "restart": ("key", "root", "size"),
    "resume": ("kind", "name"),
    "suspend": ("kind", "name"),
}
"""The members that each action has besides `action`, `expires` and `serial`."""

KINDS: Final = ("member", "pool", "validator")


@dataclass(frozen=True, slots=True)
class Registration:
    """What a validator is registered with: name, keys, the offline key that signs for its organisation, and weight."""

    name: str
    cosigners: KeySet
    governance: VerifierKey
    weight: int

    def to_json(self) -> dict[str, JSON]:
        own: dict[str, JSON] = {"governance": str(self.governance), "name": self.name, "weight": self.weight}
        return {**own, **self.cosigners.to_json()}

    @classmethod
    def from_shape(cls, shape: Shape) -> Self:
        inner = {member: shape.value(member) for member in KEY_SET_MEMBERS}
        registration = cls(
            name=parse_name(shape, "name"),
            cosigners=KeySet.from_json(inner),
            governance=parse_key_of(shape, "governance", NOTE_ED25519),
            weight=shape.integer("weight", minimum=1),
        )
        if registration.weight > MAX_WEIGHT:
            raise MalformedEntry("a validator weighs too much", expected=f"at most {MAX_WEIGHT}", got="more")
        return registration


@dataclass(frozen=True, slots=True)
class Motion:
    """One motion; `content` holds the members of its action, each of the right shape."""

    action: str
    expires: int
    serial: bytes
    content: Mapping[str, JSON]

    def to_json(self) -> dict[str, JSON]:
        own: dict[str, JSON] = {"action": self.action, "expires": self.expires, "serial": to_hex(self.serial)}
        return {**self.content, **own}

    @property
    def digest(self) -> bytes:
        """What the motion is known by: SHA-256 of its canonical JSON."""
        return sha256(canonical.encode(self.to_json())).digest()

    @property
    def name(self) -> str:
        """Whom, or what, it is about."""
        name = self.content.get("name", "")
        return name if isinstance(name, str) else ""

    @property
    def registration(self) -> Registration:
        """Of a `join`."""
        shape = Shape(dict(self.content), what="join", members=ACTIONS["join"], error=MalformedEntry)
        return Registration.from_shape(shape)

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        match value:
            case {"action": str(action)} if action in ACTIONS:
                members = ("action", "expires", "serial", *ACTIONS[action])
            case _:
                raise MalformedEntry("a motion has a known action", expected=" or ".join(ACTIONS), got="another")
        shape = Shape(value, what=f"motion to {action}", members=members, error=MalformedEntry)
        motion = cls(
            action=action,
            expires=shape.integer("expires"),
            serial=_serial(shape.text("serial")),
            content={member: shape.value(member) for member in ACTIONS[action]},
        )
        _check_content(action, shape)
        return motion


@dataclass(frozen=True, slots=True)
class Ballot:
    """What is signed: on which network, by which validator, for which motion."""

    network: str
    validator: str
    motion: Motion

    def text(self) -> str:
        """The note text."""
        motion = canonical.encode(self.motion.to_json()).decode()
        return f"{ballot_header(self.network)}\n{self.validator}\n{motion}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The ballot of a note text; MalformedEntry for any other text."""
        network, validator, content = _parse_statement(text, ballot_header(""), "a ballot")
        ballot = cls(network, validator, Motion.from_json(content))
        if ballot.text() != text:
            raise MalformedEntry("a ballot has one spelling", got=f"{len(text)} characters")
        return ballot

    def sign(self, signer: NoteSigner) -> Note:
        text = self.text()
        return Note(text, (signer.sign(text),))


@dataclass(frozen=True, slots=True)
class Rotation:
    """A validator's new keys, signed like a ballot with its governance key; they speak beside the earlier ones."""

    network: str
    validator: str
    cosigners: KeySet

    def text(self) -> str:
        """The note text."""
        content = canonical.encode(self.cosigners.to_json()).decode()
        return f"{rotation_header(self.network)}\n{self.validator}\n{content}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rotation of a note text; MalformedEntry for any other text."""
        network, validator, content = _parse_statement(text, rotation_header(""), "a rotation")
        rotation = cls(network, validator, KeySet.from_json(content))
        if rotation.text() != text:
            raise MalformedEntry("a rotation has one spelling", got=f"{len(text)} characters")
        return rotation

    def sign(self, signer: NoteSigner) -> Note:
        text = self.text()
        return Note(text, (signer.sign(text),))


def parse_name(shape: Shape, member: str) -> str:
    name = shape.text(member)
    if not is_name(name):
        raise MalformedEntry(f"{member} is lowercase letters, digits and hyphens", got=f"{len(name)} characters")
    return name


def _parse_statement(text: str, header: str, what: str) -> tuple[str, str, JSON]:
    match text.split("\n"):
        case [first, validator, content, ""]:
            network = first.removesuffix(header)
        case lines:
            raise MalformedEntry(f"{what} has three lines", expected=3, got=len(lines) - 1)
    if not is_network(network) or first != network + header or not is_name(validator):
        raise MalformedEntry(f"{what} names a network and a validator", got=f"{len(text)} characters")
    try:
        return network, validator, canonical.decode(content.encode())
    except Malformed as error:
        raise MalformedEntry(f"{what} holds canonical JSON ({error})") from None


def _serial(text: str) -> bytes:
    try:
        serial = from_hex(text)
    except Malformed:
        raise MalformedEntry("a serial is lowercase hex", got=f"{len(text)} characters") from None
    if len(serial) != SERIAL_SIZE:
        raise MalformedEntry("a serial has another length", expected=SERIAL_SIZE, got=len(serial))
    return serial


def _check_content(action: str, shape: Shape) -> None:
    match action:
        case "join":
            Registration.from_shape(shape)
        case "leave":
            parse_name(shape, "name")
        case "parameter":
            shape.text("name")
            shape.integer("value", minimum=1)
        case "restart":
            parse_key_of(shape, "key", NOTE_ED25519)
            shape.digest("root", size=HASH_SIZE)
            shape.integer("size", minimum=1)
        case _:
            parse_name(shape, "name")
            if shape.text("kind") not in KINDS:
                raise MalformedEntry("who is suspended", expected=" or ".join(KINDS), got="another")
