"""Swap-or-not: a permutation of the validators that a seed decides, one place at a time or all at once."""

from array import array
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, TypeVar

Item = TypeVar("Item")

PLACE_TYPE: Final = "I"
PLACE_SIZE: Final = array(PLACE_TYPE).itemsize
PLACES_PER_HASH: Final = 256
"""One bit of a SHA-256 digest decides about one pair of places."""

MASKS: Final = tuple(
    b"".join(b"\xff" * PLACE_SIZE if byte >> bit & 1 else bytes(PLACE_SIZE) for bit in range(8)) for byte in range(256)
)
"""Of each byte its eight bits, the lowest first, each as wide as a place."""


def compute_shuffled_index(index: int, index_count: int, seed: bytes, round_count: int) -> int:
    """The place whose item comes to `index`. Needs 0 <= index < index_count."""
    for round_number in range(round_count):
        pivot = compute_pivot(index_count, seed, round_number)
        flip = (pivot - index) % index_count
        position = max(index, flip)
        source = compute_source(position // PLACES_PER_HASH, seed, round_number)
        if source[position % PLACES_PER_HASH // 8] >> position % 8 & 1:
            index = flip
    return index


def compute_shuffled_list(indices: Sequence[Item], seed: bytes, round_count: int) -> list[Item]:
    """All items in their new order: `indices[compute_shuffled_index(place, ...)]` for every place.

    A round swaps a place only with its mirror image in one of two stretches, those up to the pivot and those behind it.
    So whole stretches are swapped at once, by masks. The rounds run from the last to the first, since here the items
    move and not the place that is asked about.
    """
    count = len(indices)
    if count < 2:
        return list(indices)
    places = array(PLACE_TYPE, range(count))
    hashes = -(-count // PLACES_PER_HASH)
    for round_number in reversed(range(round_count)):
        pivot = compute_pivot(count, seed, round_number)
        source = b"".join(compute_source(block, seed, round_number) for block in range(hashes))
        decided = array(PLACE_TYPE, b"".join(map(MASKS.__getitem__, source)))
        middle = pivot + 1
        places = swap(places[:middle], decided[:middle]) + swap(places[middle:], decided[middle:count])
    return [indices[place] for place in places]


def swap(places: "array[int]", decided: "array[int]") -> "array[int]":
    """The stretch, each place exchanged with its mirror image where the mask of the later of both says so."""
    later = decided[len(decided) - len(decided) // 2 :]
    mask = later[::-1] + decided[: len(decided) % 2] + later
    mine, theirs, chosen = (int.from_bytes(part.tobytes(), "little") for part in (places, places[::-1], mask))
    mixed = mine ^ (mine ^ theirs) & chosen
    return array(PLACE_TYPE, mixed.to_bytes(len(places) * PLACE_SIZE, "little"))


def compute_pivot(index_count: int, seed: bytes, round_number: int) -> int:
    """Where the round's first stretch ends. Layout: 8 bytes, little-endian, of SHA-256(seed, round in 1 byte)."""
    return int.from_bytes(sha256(seed + bytes([round_number])).digest()[:8], "little") % index_count


def compute_source(block: int, seed: bytes, round_number: int) -> bytes:
    """The bits for 256 places. Layout: SHA-256(seed, round in 1 byte, block in 4 bytes, little-endian)."""
    return sha256(seed + bytes([round_number]) + block.to_bytes(4, "little")).digest()
