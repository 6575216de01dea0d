"""Slashing protection: what a key has signed, what it may sign next, and EIP-3076 to carry that to another machine.

    {"metadata": {"interchange_format_version": "5", "genesis_validators_root": "0x04700007…"},
     "data": [{"pubkey": "0x1422b988…", "signed_blocks": [],
               "signed_attestations": [{"source_epoch": "18", "target_epoch": "19", "signing_root": "0x4ff6…"}]}]}

A history is complete from its lowest entries on: what lies at or below them is refused, whatever it is. So a history
may be cut at its lower end, and one that contradicts itself shrinks to its highest source and target (EIP-3076,
"Conditions" and "Minimal"); either leaves a floor, which no later import lowers. Our validators propose no blocks;
those of a foreign file are kept and handed on.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Final, Self

from audit_chain.encoding import MAX_UINT63, from_decimal, from_hex, to_hex
from audit_chain.errors import Malformed, MalformedInterchange, RefusedVote

FORMAT_VERSION: Final = "5"
ROOT_SIZE: Final = 32


@dataclass(frozen=True, slots=True, order=True)
class SignedVote:
    """A vote by its epochs; `signing_root` tells two with the same epochs apart, None stands for any."""

    target: int
    source: int
    signing_root: bytes | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, order=True)
class SignedBlock:
    slot: int
    signing_root: bytes | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """What one key has signed, in order.

    Below a floor something was forgotten: there only what is held may be signed, again.
    """

    votes: tuple[SignedVote, ...] = ()
    blocks: tuple[SignedBlock, ...] = ()
    vote_floor: SignedVote | None = None
    block_floor: SignedBlock | None = None

    @property
    def is_consistent(self) -> bool:
        """Whether nothing in it is slashable."""
        sensible = all(vote.source <= vote.target for vote in self.votes)
        votes = not any(is_slashable_pair(one, other) for one, other in combinations(self.votes, 2))
        blocks = not any(
            one.slot == other.slot and not _same_root(one, other) for one, other in combinations(self.blocks, 2)
        )
        return sensible and votes and blocks

    def with_vote(self, vote: SignedVote) -> Self:
        return self if _holds(self.votes, vote) else replace(self, votes=tuple(sorted((*self.votes, vote))))

    def with_block(self, block: SignedBlock) -> Self:
        return self if _holds(self.blocks, block) else replace(self, blocks=tuple(sorted((*self.blocks, block))))

    def merged(self, other: "KeyHistory") -> "KeyHistory":
        """Both in one; the minimum that forbids as much where they contradict each other."""
        merged = replace(
            self,
            vote_floor=_higher_vote(self.vote_floor, other.vote_floor),
            block_floor=_higher_block(self.block_floor, other.block_floor),
        )
        for vote in other.votes:
            merged = merged.with_vote(vote)
        for block in other.blocks:
            merged = merged.with_block(block)
        return merged if merged.is_consistent else merged.minimal()

    def minimal(self) -> "KeyHistory":
        """At most one vote and one block, which forbid all that this history forbids, and more."""
        votes = [*self.votes, *([self.vote_floor] if self.vote_floor else [])]
        blocks = [*self.blocks, *([self.block_floor] if self.block_floor else [])]
        vote = None
        if votes:
            source = max(vote.source for vote in votes)
            vote = SignedVote(max(source, *(vote.target for vote in votes)), source)
        block = SignedBlock(max(block.slot for block in blocks)) if blocks else None
        return KeyHistory((vote,) if vote else (), (block,) if block else (), vote, block)

    def latest_votes(self, count: int) -> "KeyHistory":
        """Without all but the highest `count` votes; what is cut off stays forbidden."""
        kept = self.votes[-count:]
        if len(kept) == len(self.votes):
            return self
        # A later vote's source is never lower: otherwise it would surround.
        return replace(
            self, votes=kept, vote_floor=_higher_vote(self.vote_floor, SignedVote(kept[0].target, kept[0].source))
        )

    def without_floors(self) -> "KeyHistory":
        """The same for who knows no floors: as votes and blocks, below which all is refused anyway."""
        votes, blocks = self.votes, self.blocks
        low, first = self.vote_floor, self.block_floor
        if low and not (votes and votes[0].target >= low.target and votes[0].source >= low.source):
            votes = tuple(sorted((low, *(vote for vote in votes if vote.target >= low.target))))
        if first and not (blocks and blocks[0] >= first):
            blocks = tuple(sorted((first, *(block for block in blocks if block >= first))))
        plain = KeyHistory(votes, blocks)
        return plain if plain.is_consistent else plain.minimal().without_floors()


def is_slashable_pair(one: SignedVote, other: SignedVote) -> bool:
    """Whether two votes of one key prove that it lied."""
    if one.target == other.target:  # Double vote
        return one.source != other.source or not _same_root(one, other)
    first, second = sorted((one, other))
    return second.source < first.source  # Surround vote


def check_vote(vote: SignedVote, history: KeyHistory) -> None:
    """Nothing, where the key may sign the vote; RefusedVote else. The same vote may be signed again."""
    if vote.source > vote.target:
        raise RefusedVote("a source after its target", expected=f"at most {vote.target}", got=vote.source)
    if any(vote == earlier and _same_root(vote, earlier) for earlier in history.votes):
        return
    for earlier in history.votes:
        if vote.target == earlier.target:  # Double vote
            raise RefusedVote("this key has cast another vote in that epoch", got=vote.target)
        if is_slashable_pair(vote, earlier):  # Surround vote
            raise RefusedVote("the vote surrounds an earlier one, or is surrounded by it", got=vote.target)
    sources, targets = [earlier.source for earlier in history.votes], [earlier.target for earlier in history.votes]
    floor = history.vote_floor
    lowest_source = max(min(sources, default=0), floor.source if floor else 0)
    lowest_target = max(min(targets, default=-1), floor.target if floor else -1)
    if vote.source < lowest_source:
        raise RefusedVote("a source below all that is remembered", expected=lowest_source, got=vote.source)
    if vote.target <= lowest_target:
        raise RefusedVote("a target not above what is forgotten", expected=f"above {lowest_target}", got=vote.target)


def check_block(block: SignedBlock, history: KeyHistory) -> None:
    """Nothing, where the key may sign the block; RefusedVote else."""
    for earlier in history.blocks:
        if block.slot == earlier.slot:  # Double proposal
            if _same_root(block, earlier):
                return
            raise RefusedVote("this key has signed another block in that slot", got=block.slot)
    floor = history.block_floor
    lowest = max(min((earlier.slot for earlier in history.blocks), default=-1), floor.slot if floor else -1)
    if block.slot <= lowest:
        raise RefusedVote("a slot not above all that is forgotten", expected=f"above {lowest}", got=block.slot)


@dataclass(frozen=True, slots=True)
class Interchange:
    """Histories by public key, of one network: our own are 32 bytes (Ed25519), a foreign network's as they are."""

    genesis_validators_root: bytes
    histories: Mapping[bytes, KeyHistory]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The interchange of an EIP-3076 file; MalformedInterchange for any other bytes. A key may occur repeatedly."""
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            raise MalformedInterchange("not JSON") from None
        metadata = _member(document, "metadata", dict)
        version = _member(metadata, "interchange_format_version", str)
        if version != FORMAT_VERSION:
            raise MalformedInterchange("another version of the format", expected=FORMAT_VERSION, got="another")
        histories: dict[bytes, KeyHistory] = {}
        for item in _member(document, "data", list):
            key = _bytes(_member(item, "pubkey", str))
            histories[key] = histories.get(key, KeyHistory()).merged(_history(item))
        return cls(_root(_member(metadata, "genesis_validators_root", str)), histories)

    def render(self) -> bytes:
        """The EIP-3076 file, with numbers in decimal and bytes in hex, as strings."""
        document = {
            "metadata": {
                "interchange_format_version": FORMAT_VERSION,
                "genesis_validators_root": _to_text(self.genesis_validators_root),
            },
            "data": [
                {
                    "pubkey": _to_text(key),
                    "signed_blocks": [
                        {"slot": str(block.slot), **_root_member(block.signing_root)} for block in history.blocks
                    ],
                    "signed_attestations": [
                        {
                            "source_epoch": str(vote.source),
                            "target_epoch": str(vote.target),
                            **_root_member(vote.signing_root),
                        }
                        for vote in history.votes
                    ],
                }
                for key, history in sorted((key, one.without_floors()) for key, one in self.histories.items())
            ],
        }
        return (json.dumps(document, indent=2) + "\n").encode()


def _higher_vote(one: SignedVote | None, other: SignedVote | None) -> SignedVote | None:
    if one is None or other is None:
        return one or other
    return SignedVote(max(one.target, other.target), max(one.source, other.source))


def _higher_block(one: SignedBlock | None, other: SignedBlock | None) -> SignedBlock | None:
    return max(one, other) if one and other else one or other


def _same_root(one: SignedVote | SignedBlock, other: SignedVote | SignedBlock) -> bool:
    return one.signing_root is not None and one.signing_root == other.signing_root


def _holds(items: Iterable[SignedVote] | Iterable[SignedBlock], item: SignedVote | SignedBlock) -> bool:
    """Whether it is among them, root and all."""
    return any(one == item and one.signing_root == item.signing_root for one in items)


def _history(item: object) -> KeyHistory:
    """Of one element of `data`, brought in order."""
    history = KeyHistory()
    votes = [
        SignedVote(
            source=_number(_member(vote, "source_epoch", str)),
            target=_number(_member(vote, "target_epoch", str)),
            signing_root=_optional_root(vote),
        )
        for vote in _member(item, "signed_attestations", list)
    ]
    blocks = [
        SignedBlock(slot=_number(_member(block, "slot", str)), signing_root=_optional_root(block))
        for block in _member(item, "signed_blocks", list)
    ]
    return history.merged(KeyHistory(tuple(votes), tuple(blocks)))


def _member(document: object, member: str, kind: type) -> Any:
    if not isinstance(document, dict) or not isinstance(document.get(member), kind):
        got = type(document.get(member)).__name__ if isinstance(document, dict) else type(document).__name__
        raise MalformedInterchange(f"{member} is missing or of another kind", expected=kind.__name__, got=got)
    return document[member]


def _number(text: str) -> int:
    try:
        return from_decimal(text)
    except Malformed:
        raise MalformedInterchange("a decimal number", expected=f"0 to {MAX_UINT63}", got="another") from None


def _bytes(text: str) -> bytes:
    try:
        data = from_hex(text.removeprefix("0x").lower())
    except Malformed:
        data = b""
    if not data or not text.startswith("0x"):
        raise MalformedInterchange("bytes are 0x and hex digits", got=f"{len(text)} characters")
    return data


def _root(text: str) -> bytes:
    data = _bytes(text)
    if len(data) != ROOT_SIZE:
        raise MalformedInterchange("a root has another length", expected=ROOT_SIZE, got=len(data))
    return data


def _optional_root(item: dict[str, Any]) -> bytes | None:
    return _root(_member(item, "signing_root", str)) if item.get("signing_root") is not None else None


def _root_member(root: bytes | None) -> dict[str, str]:
    return {} if root is None else {"signing_root": _to_text(root)}


def _to_text(data: bytes) -> str:
    return f"0x{to_hex(data)}"
