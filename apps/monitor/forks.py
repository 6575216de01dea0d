"""Forks: heads of one log that no log has both, and the proofs against whoever signed them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from apps.monitor.view import Head, Registry
from apps.network.errors import Unreachable
from audit_chain.beacon.misbehaviour import (
    Misbehaviour,
    Offence,
    Prefix,
    build_fork,
    build_inconsistent_heads,
    verify_misbehaviour,
)
from audit_chain.errors import AuditChainError, InvalidSignature
from audit_chain.log.keys import NOTE_ED25519
from audit_chain.log.note import Note
from audit_chain.log.tiles import TileNodes, TileReader
from audit_chain.merkle.prover import consistency_proof, root_hash

KEPT_HEADS: Final = 64
"""Of each log, the largest."""

PAIRED: Final = 8
"""Heads of each of two histories that are held against each other."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two heads that contradict each other; the smaller tree first, `prefix` as in a proof of misbehaviour."""

    first: Head
    second: Head
    prefix: Prefix | None


@dataclass(frozen=True, slots=True)
class Caught:
    """An offence, proven."""

    offence: Offence
    proof: Misbehaviour


@dataclass(slots=True)
class HeadBook:
    """Heads that were seen, by origin; `checked` are those that some later tree of their log was seen to extend."""

    heads: dict[str, list[Head]] = field(default_factory=dict)
    checked: set[tuple[str, bytes]] = field(default_factory=set)

    def add(self, head: Head) -> list[Conflict]:
        """Takes the head in, and gives its conflicts with heads of its size."""
        if not head.size:
            return []
        known = self.heads.setdefault(head.origin, [])
        same = next((other for other in known if (other.size, other.root) == (head.size, head.root)), None)
        if same is not None:
            known.remove(same)
            head = same.with_lines_of(head)
        known.append(head)
        known.sort(key=lambda one: one.size)
        del known[:-KEPT_HEADS]
        return [Conflict(other, head, None) for other in known if other.size == head.size and other.root != head.root]

    def largest(self, origin: str) -> int:
        """Size of the largest tree of the log that was seen; 0 before the first."""
        return self.heads[origin][-1].size if self.heads.get(origin) else 0

    def hold_against(self, reference: Head, read: TileReader) -> list[Conflict]:
        """The smaller heads of the log that the reference does not extend.

        Raises Unreachable, Declined or an AuditChainError where the tiles do not make up the tree of the reference.
        """
        suspects = {
            (head.origin, head.root): head
            for head in self.heads.get(reference.origin, [])
            if head.size < reference.size and (head.origin, head.root) not in self.checked
        }
        if not suspects:
            return []
        nodes = TileNodes(read, reference.size)
        if root_hash(reference.size, nodes) != reference.root:
            raise Unreachable("the beacon's tiles are not those of the tree that it signed")
        # What contradicts the log is looked at again: more of those who signed both may show themselves.
        conflicting = {key: head for key, head in suspects.items() if root_hash(head.size, nodes) != head.root}
        self.checked.update(suspects.keys() - conflicting.keys())
        shown = [
            head
            for head in self.heads.get(reference.origin, [])[-PAIRED:]
            if head.size <= reference.size and conflicting and root_hash(head.size, nodes) == head.root
        ]
        return [
            _conflict(head, other, nodes)
            for head in list(conflicting.values())[-PAIRED:]
            for other in (reference, *shown)
            if head.size < other.size
        ]


def _conflict(head: Head, other: Head, nodes: TileNodes) -> Conflict:
    prefix = Prefix(root_hash(head.size, nodes), tuple(consistency_proof(head.size, other.size, nodes)))
    return Conflict(head, other, prefix)


def caught_by(conflicts: Iterable[Conflict], registry: Registry) -> list[Caught]:
    """What the conflicts prove, of the log and of everybody who cosigned both heads."""
    caught: dict[Offence, Caught] = {}
    for conflict in conflicts:
        for proof in _accusations(conflict, registry):
            try:
                offence = verify_misbehaviour(proof.encode().decode(), registry)
            except AuditChainError:
                continue  # A line that does not hold accuses nobody.
            caught.setdefault(offence, Caught(offence, proof))
    return list(caught.values())


def _accusations(conflict: Conflict, registry: Registry) -> Iterable[Misbehaviour]:
    first, second = Note.parse(conflict.first.note), Note.parse(conflict.second.note)
    lines = {(line.name, line.key_id) for line in first.signatures}
    lines &= {(line.name, line.key_id) for line in second.signatures}
    for key in registry.keys:
        if (key.name, key.key_id) not in lines:
            continue
        build = build_fork if key.kind == NOTE_ED25519 else build_inconsistent_heads
        yield build(first, second, key=key, prefix=conflict.prefix)


def verified_part(head: Head, registry: Registry) -> Head | None:
    """The head with those lines that registered keys really made; None where the key of its own log made none."""
    keys = {(key.name, key.key_id): key for key in registry.keys}
    note = Note.parse(head.note)
    lines = []
    for line in note.signatures:
        key = keys.get((line.name, line.key_id))
        try:
            if key is not None:
                key.verify(note.text, line.blob)
                lines.append(line)
        except InvalidSignature:
            continue
    if not any(line.name == head.origin for line in lines):
        return None
    return Head(head.origin, head.size, head.root, Note(note.text, tuple(lines)).render())


def strangers(head: Head, registry: Registry) -> list[str]:
    """Names in the head's signature lines whose keys nobody has registered."""
    known = {(key.name, key.key_id) for key in registry.keys}
    lines = Note.parse(head.note).signatures
    return [line.name for line in lines if (line.name, line.key_id) not in known]
