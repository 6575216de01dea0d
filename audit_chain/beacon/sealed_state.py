"""Sealed state: some of the beacon's state, proven by the seal under a checkpoint of its log. Canonical JSON.

    {"checkpoint":"tallystick.local/beacon\\n61\\n…","path":["…"],"seal":"{\\"previous\\":58,…}",
     "state":{"casper":{"proof":"tallystick/state-proof@v1\\n…","value":"{\\"bits\\":…}"},"network":{…}}}

The seal is the last entry of the checkpoint's tree, `path` its inclusion proof, and the seal holds the state map's
root. What is absent has the value null. Who signed the checkpoint is for the reader to verify.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from audit_chain import canonical
from audit_chain.beacon.casper.containers import Checkpoint, Epoch
from audit_chain.beacon.casper.presets import PRESETS
from audit_chain.beacon.casper_state import checkpoints_of
from audit_chain.beacon.entries import Seal, parse_entry
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import InvalidSeal, Malformed, MalformedBundle
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import HASH_SIZE, leaf_hash
from audit_chain.merkle.proof import verify_inclusion
from audit_chain.shapes import Shape
from audit_chain.statemap.proof import StateProof

MAX_PATH: Final = 63


@dataclass(frozen=True, slots=True)
class ProvenValue:
    """A value of the state map, or None for a name that it does not have, with the proof."""

    value: bytes | None
    proof: StateProof


@dataclass(frozen=True)
class SealedState:
    """A checkpoint's note, the seal that its tree ends with, and values by name."""

    note: Note
    seal: Seal
    path: tuple[bytes, ...]
    values: Mapping[str, ProvenValue]

    @cached_property
    def checkpoint(self) -> LogCheckpoint:
        return LogCheckpoint.parse(self.note.text)

    def verify(self) -> None:
        """Nothing, where seal and values stand in the checkpoint's tree; an Invalid error else. Reads no signature."""
        checkpoint = self.checkpoint
        verify_inclusion(
            leaf_hash=leaf_hash(self.seal.encode()),
            index=checkpoint.size - 1,
            size=checkpoint.size,
            proof=self.path,
            root=checkpoint.root,
        )
        for name, proven in self.values.items():
            proven.proof.verify(name, proven.value, self.seal.state)

    def value(self, name: str) -> JSON:
        """The value of a name that must be there; InvalidSeal where it is not among the proven ones."""
        proven = self.values.get(name)
        if proven is None or proven.value is None:
            raise InvalidSeal("the state shown lacks a value", expected=name, got="none")
        return canonical.decode(proven.value)

    @property
    def slots_per_epoch(self) -> int:
        """Needs `network` among the values."""
        shape = Shape(
            self.value("network"), what="network", members=("name", "preset", "validators"), error=MalformedBundle
        )
        preset = shape.text("preset")
        if preset not in PRESETS:
            raise MalformedBundle("no preset is called so", expected=" or ".join(PRESETS), got="another")
        return PRESETS[preset].slots_per_epoch

    @property
    def epoch(self) -> Epoch:
        return Epoch(self.seal.slot // self.slots_per_epoch)

    @property
    def is_boundary(self) -> bool:
        """Whether the checkpoint is an epoch's boundary, so that a cosignature on it is a vote."""
        return self.seal.slot % self.slots_per_epoch == 0

    @property
    def target(self) -> Checkpoint:
        """What a cosignature on this checkpoint votes for."""
        return Checkpoint(self.epoch, self.checkpoint.root)

    @property
    def finalized(self) -> Checkpoint:
        """Needs `casper` among the values, as do the next two."""
        return checkpoints_of(self.value("casper"))[0]

    @property
    def justified(self) -> Checkpoint:
        """Also the source of a vote on this checkpoint, where it is a boundary."""
        return checkpoints_of(self.value("casper"))[1]

    def to_json(self) -> JSON:
        state: dict[str, JSON] = {
            name: {
                "proof": proven.proof.render().decode(),
                "value": None if proven.value is None else proven.value.decode(),
            }
            for name, proven in self.values.items()
        }
        return {
            "checkpoint": self.note.render().decode(),
            "path": [to_base64(value) for value in self.path],
            "seal": self.seal.encode().decode(),
            "state": state,
        }

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        """The sealed state of a JSON value, read but not verified; Malformed for any other."""
        shape = Shape(
            value, what="sealed state", members=("checkpoint", "path", "seal", "state"), error=MalformedBundle
        )
        note = Note.parse(shape.text("checkpoint").encode())
        if LogCheckpoint.parse(note.text).size < 1:
            raise MalformedBundle("a sealed tree is not empty", expected="at least 1", got=0)
        seal = parse_entry(shape.text("seal").encode())
        if not isinstance(seal, Seal):
            raise MalformedBundle("an entry of another type", expected="seal", got=seal.TYPE)
        path = tuple(from_base64(text) for text in shape.texts("path"))
        if len(path) > MAX_PATH or any(len(item) != HASH_SIZE for item in path):
            raise MalformedBundle("a path is at most 63 hashes", expected=f"{HASH_SIZE} bytes each", got=len(path))
        state = shape.value("state")
        if not isinstance(state, dict):
            raise MalformedBundle("state is an object", expected="object", got=type(state).__name__)
        return cls(note=note, seal=seal, path=path, values={name: _proven(name, item) for name, item in state.items()})


def _proven(name: str, value: JSON) -> ProvenValue:
    shape = Shape(value, what=f"state: {name}", members=("proof", "value"), error=MalformedBundle)
    try:
        proof = StateProof.parse(shape.text("proof").encode())
        content = None if shape.value("value") is None else shape.text("value").encode()
        if content is not None:
            canonical.decode(content)
    except Malformed as error:
        raise MalformedBundle(f"{name} cannot be read ({error})") from None
    return ProvenValue(content, proof)
