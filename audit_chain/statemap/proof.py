"""Proof that a name has a value in a map, or that the map does not have the name, as a text.

    tallystick/state-proof@v1
    value Zw7Zi1E4L3tDKzZkPqdp0yX2tVgnNlvFAAB4eTqPNKI=
    0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=
    -
    id5LGvZcS3PRsqhj/Ho+W14CGlGS7b7vhplvT4UUCTM=

The second line is `value` with the hash of the value, `absent`, or `absent` with the key and the value's hash of the
one leaf that stands where the name would. The others are the subtrees beside the path, lowest first, `-` for an empty
one. Nothing in it is secret, and nothing tells the name.
"""

from dataclasses import dataclass
from typing import Final, Self

from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import InvalidStateProof, MalformedEncoding, MalformedStateProof
from audit_chain.statemap.hashing import EMPTY, KEY_BITS, key_bit, leaf_hash, node_hash, value_hash
from audit_chain.statemap.keys import KEY_SIZE, state_key

HEADER: Final = "tallystick/state-proof@v1"

MAX_SIZE: Final = len(HEADER) + 128 + 45 * KEY_BITS
"""Bytes of a proof through all levels, with room for the line above them."""

_HASH_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class OtherLeaf:
    """The leaf that stands alone where the name's own would stand."""

    key: bytes
    value_hash: bytes


@dataclass(frozen=True, slots=True)
class StateProof:
    """What a map holds at one place, and the way from there to its root."""

    value_hash: bytes | None
    """SHA-256 of the value that the name is claimed to have; None where it is claimed to be absent."""
    siblings: tuple[bytes, ...]
    """The subtrees beside the path, lowest first; as many as the place is deep."""
    other: OtherLeaf | None = None
    """Of an absent name, the leaf that is there; None where nothing is."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The proof of these bytes; MalformedStateProof where they are not the one spelling of one."""
        if len(data) > MAX_SIZE:
            raise MalformedStateProof("state proof is too large", expected=f"at most {MAX_SIZE} bytes", got=len(data))
        try:
            head, claim, *rest, end = data.decode("ascii").split("\n")
            if head != HEADER or end:
                raise MalformedStateProof("not a state proof", expected=HEADER, got=f"{len(head)} characters")
            hashed_value, other = _parse_claim(claim)
            siblings = tuple(EMPTY if line == "-" else _hash(line) for line in rest)
        except UnicodeDecodeError:
            raise MalformedStateProof("not ASCII") from None
        except MalformedEncoding as error:
            raise MalformedStateProof(str(error)) from None
        except ValueError:
            raise MalformedStateProof("too few lines", expected="at least 2") from None
        proof = cls(hashed_value, siblings, other)
        proof._check_shape()
        if proof.render() != data:
            raise MalformedStateProof("not the one spelling of this proof")
        return proof

    def render(self) -> bytes:
        """The bytes of the proof."""
        lines = [HEADER, self._claim()]
        lines.extend("-" if sibling == EMPTY else to_base64(sibling) for sibling in self.siblings)
        return "".join(f"{line}\n" for line in lines).encode("ascii")

    def verify(self, name: str, value: bytes | None, root: bytes) -> None:
        """Nothing, where the map with that root has the name with that value; with None, where it has no such name.

        InvalidStateProof where that is not shown, MalformedStateName for what no map can have as a name.
        """
        key = state_key(name)
        node = self._lowest(key, value)
        if len(self.siblings) > KEY_BITS:
            raise InvalidStateProof("proof is longer than a path", expected=f"at most {KEY_BITS}", got="more")
        depth = len(self.siblings)
        for sibling in self.siblings:
            depth -= 1
            node = node_hash(sibling, node) if key_bit(key, depth) else node_hash(node, sibling)
        if node != root:
            raise InvalidStateProof("state proof leads elsewhere", expected=root.hex(), got=node.hex())

    def _lowest(self, key: bytes, value: bytes | None) -> bytes:
        """Hash of the subtree at the end of the path, where it agrees with the claim."""
        if (value is None) != (self.value_hash is None):
            asked, shown = ("absence", "a value") if value is None else ("a value", "absence")
            raise InvalidStateProof("proof shows something else", expected=asked, got=shown)
        if self.value_hash is not None and value is not None:
            if value_hash(value) != self.value_hash:
                raise InvalidStateProof("proof shows another value")
            return leaf_hash(key, self.value_hash)
        if self.other is None:
            return EMPTY
        other, depth = self.other.key, len(self.siblings)
        parting = KEY_BITS - (int.from_bytes(key, "big") ^ int.from_bytes(other, "big")).bit_length()
        if parting == KEY_BITS:
            raise InvalidStateProof("the leaf that is shown is the name's own")
        if parting < depth:
            raise InvalidStateProof("the leaf that is shown stands elsewhere", expected=f"depth {depth}", got=parting)
        return leaf_hash(other, self.other.value_hash)

    def _claim(self) -> str:
        if self.value_hash is not None:
            return f"value {to_base64(self.value_hash)}"
        if self.other is None:
            return "absent"
        return f"absent {to_base64(self.other.key)} {to_base64(self.other.value_hash)}"

    def _check_shape(self) -> None:
        if len(self.siblings) > KEY_BITS:
            raise MalformedStateProof("too many lines", expected=f"at most {KEY_BITS}", got=len(self.siblings))
        # One leaf alone, or none, would stand higher.
        if self.siblings and self.siblings[0] == EMPTY:
            raise MalformedStateProof("nothing stands beside the lowest place")


def _parse_claim(line: str) -> tuple[bytes | None, OtherLeaf | None]:
    match line.split(" "):
        case ["value", hashed]:
            return _hash(hashed), None
        case ["absent"]:
            return None, None
        case ["absent", key, hashed]:
            return None, OtherLeaf(_hash(key), _hash(hashed))
    raise MalformedStateProof("no such claim", expected="value or absent", got=f"{len(line)} characters")


def _hash(text: str) -> bytes:
    data = from_base64(text)
    if len(data) != _HASH_SIZE or len(data) != KEY_SIZE:
        raise MalformedStateProof("hash has the wrong length", expected=_HASH_SIZE, got=len(data))
    return data
