"""The hashes of the map's tree: a binary tree over 256-bit keys that has no more nodes than its leaves need.

A subtree without a leaf is 32 zero bytes. A subtree with one leaf is that leaf's hash, however high it stands. Every
other is SHA-256(0x03 || left || right). So the root depends on what the map holds and on nothing else.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

KEY_BITS: Final = 256

EMPTY: Final = bytes(32)
"""Hash of a subtree without a leaf."""


def value_hash(value: bytes) -> bytes:
    """SHA-256(value)."""
    return sha256(value).digest()


def leaf_hash(key: bytes, hashed_value: bytes) -> bytes:
    """SHA-256(0x02 || key || SHA-256(value))."""
    return sha256(b"\x02" + key + hashed_value).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x03 || left || right)."""
    return sha256(b"\x03" + left + right).digest()


def key_bit(key: bytes, depth: int) -> int:
    """The bit that says whether the key's path goes left or right at that depth; the first bit is the highest."""
    return key[depth >> 3] >> (7 - (depth & 7)) & 1


def subtree_hash(keys: Sequence[bytes], leaves: Sequence[bytes], depth: int) -> bytes:
    """Hash of the subtree whose top stands at `depth`, of its leaves' hashes in the order of their keys.

    The keys are rising and agree in their first `depth` bits. One pass from the left: neighbours part at the depth of
    their first different bit, and what lies deeper than the next parting is complete.
    """
    if not keys:
        return EMPTY
    hashed, numbers = sha256, [int.from_bytes(key, "big") for key in keys]
    nodes = [(leaves[0], KEY_BITS, numbers[0])]  # hash, depth of its top (a leaf stands anywhere), a key below it
    partings: list[int] = []  # the depth at which each node parts from the next

    def lift(node: bytes, top: int, number: int, depth: int) -> bytes:
        for level in range(KEY_BITS - top, KEY_BITS - depth):
            node = hashed(b"\x03" + EMPTY + node if number >> level & 1 else b"\x03" + node + EMPTY).digest()
        return node

    def close(depth: int) -> None:
        while partings and partings[-1] > depth:
            parting = partings.pop()
            right, right_top, right_key = nodes.pop()
            left, left_top, left_key = nodes.pop()
            if left_top != KEY_BITS and left_top != parting + 1:
                left = lift(left, left_top, left_key, parting + 1)
            if right_top != KEY_BITS and right_top != parting + 1:
                right = lift(right, right_top, right_key, parting + 1)
            nodes.append((hashed(b"\x03" + left + right).digest(), parting, left_key))

    for place in range(1, len(numbers)):
        parting = KEY_BITS - (numbers[place - 1] ^ numbers[place]).bit_length()
        close(parting)
        partings.append(parting)
        nodes.append((leaves[place], KEY_BITS, numbers[place]))
    close(-1)
    node, top, number = nodes[0]
    return node if top == KEY_BITS else lift(node, top, number, depth)
