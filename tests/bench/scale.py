"""What a whole epoch of a large network costs, beside what its signatures alone cost.

A writer makes an epoch: a crosslink of each pool with the cosignatures of its committee, and the votes of all
validators. A reader then takes the log's bytes, as a validator does before it votes: it reads, checks and processes
entries and seals, compares the state map's root at each seal, and commits each block's state. The bound is the time of
verifying the same signatures one after the other, with the public keys read beforehand.

Both run on one thread, and both are counted in processor time, so that others on the machine matter little. The bound
is taken before and after each epoch.
"""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit_chain.beacon.casper.accessors import get_current_epoch, shuffle
from audit_chain.beacon.entries import Attestation, Crosslink, Genesis, Member, Pool, Validator
from audit_chain.beacon.key_set import KeySet, parse_key
from audit_chain.beacon.motion import Registration
from audit_chain.beacon.names import beacon_origin, member_key_name, pool_origin, validator_key_name
from audit_chain.beacon.state import State, get_committee, get_crosslink, get_next_index
from audit_chain.beacon.transition import compute_seal, process_entry, process_latest_seal
from audit_chain.beacon.votes import MAX_VOTES, Vote
from audit_chain.encoding import from_time, to_time
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import ED25519_SIGNATURE_SIZE, ed25519_message, split_cosignature
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note, Signature
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore

NETWORK = "scale.example"
MEMBER = "everyone"
PRESET = "scale"
PER_POOL = 128
WEIGHT = 32
START = from_time("2026-11-22T15:40:00Z")
KEYS_FROM, KEYS_UNTIL = "2026-11-22T00:00:00Z", "2028-11-22T00:00:00Z"


@dataclass(frozen=True, slots=True)
class EpochCost:
    """Processor seconds of an epoch, and of verifying its signatures and nothing else."""

    signatures: int
    epoch: float
    bound: float

    @property
    def ratio(self) -> float:
        return self.epoch / self.bound


@dataclass(frozen=True, slots=True)
class ScaleCost:
    """`cold` is the first epoch of a process that has just opened the state, `warm` the median of those that follow."""

    pools: int
    validators: int
    cold: EpochCost
    warm: EpochCost


@dataclass(frozen=True, slots=True)
class RawSignature:
    """What the library verifies; nothing of ours is left in it."""

    key: Ed25519PublicKey
    signature: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class WrittenEpoch:
    """The entries of each block, its seal the last of them, and every signature in them."""

    blocks: Sequence[Sequence[bytes]]
    signatures: Sequence[RawSignature]


def measure_scale(pools: int, *, per_pool: int = PER_POOL, repeat: int = 3) -> ScaleCost:
    """The cost of a network with so many pools and `per_pool` validators for each."""
    writer = Writer(pools, pools * per_pool)
    shuffle.cache_clear()
    parse_key.cache_clear()
    reader = State(StateMap(writer.store.copy()))
    cold, *later = [_measure(writer.write_epoch(), reader) for _ in range(1 + repeat)]
    warm = sorted(later, key=lambda cost: cost.ratio)[len(later) // 2]
    return ScaleCost(pools, pools * per_pool, cold, warm)


def _measure(written: WrittenEpoch, reader: State) -> EpochCost:
    shuffle.cache_clear()  # The writer has shuffled this epoch's committees already.
    before = verify_all(written.signatures)
    gc.collect()
    start = time.process_time()
    read_epoch(reader, written)
    took = time.process_time() - start
    after = verify_all(written.signatures)
    return EpochCost(len(written.signatures), took, (before + after) / 2)


def read_epoch(state: State, written: WrittenEpoch) -> None:
    for block in written.blocks:
        for entry in block:
            process_entry(state, entry, get_next_index(state))
        state.commit(get_next_index(state))


def verify_all(signatures: Sequence[RawSignature]) -> float:
    """Processor seconds that the signatures take."""
    start = time.process_time()
    for one in signatures:
        one.key.verify(one.signature, one.message)
    return time.process_time() - start


class Writer:
    """Writes a log with as many validators and pools, founded and at the beginning of an epoch. Keys are numbers."""

    def __init__(self, pools: int, validators: int) -> None:
        self.store = MemoryStateStore()
        self._state = State(StateMap(self.store))
        self._clock = START
        self._beacon = NoteSigner(beacon_origin(NETWORK), _key("beacon", 0))
        self._pools = [NoteSigner(pool_origin(NETWORK, f"p{number}"), _key("pool", number)) for number in range(pools)]
        self.cosigners = [
            CosignerEd25519(validator_key_name(NETWORK, f"v{number}"), _key("validator", number))
            for number in range(validators)
        ]
        # As the notes name them; made once, as a signer that signs once does not need to.
        self._keys = [cosigner.verifier_key for cosigner in self.cosigners]
        self._public = [Ed25519PublicKey.from_public_bytes(key.public) for key in self._keys]
        self._found()

    def write_epoch(self) -> WrittenEpoch:
        """The next epoch: crosslinks in its first block, the votes on that block in the second, two empty ones."""
        signatures: list[RawSignature] = []
        first = [self._append(self._crosslink(number, signatures)) for number in range(len(self._pools))]
        blocks = [[*first, self._seal()]]
        blocks.append([*map(self._append, self._votes(signatures)), self._seal()])
        blocks += [[self._seal()] for _ in range(self._slots_per_epoch - len(blocks))]
        return WrittenEpoch(blocks, signatures)

    @property
    def _slots_per_epoch(self) -> int:
        return self._state.casper.preset.slots_per_epoch

    def _found(self) -> None:
        self._append(Genesis(NETWORK, PRESET, self._beacon.verifier_key, len(self.cosigners)).encode())
        for number, key in enumerate(self._keys):
            governance = NoteSigner(key.name, _key("governance", number)).verifier_key
            registration = Registration(f"v{number}", KeySet((key,), KEYS_FROM, KEYS_UNTIL), governance, WEIGHT)
            self._append(Validator(registration).encode())
        member = NoteSigner(member_key_name(NETWORK, MEMBER), _key("member", 0))
        self._append(Member(MEMBER, member.verifier_key).encode())
        for number, pool in enumerate(self._pools):
            self._append(Pool(f"p{number}", MEMBER, pool.verifier_key).encode())
        for _ in range(self._slots_per_epoch):
            self._seal()

    def _append(self, entry: bytes) -> bytes:
        process_entry(self._state, entry, get_next_index(self._state))
        return entry

    def _seal(self) -> bytes:
        self._clock += 1
        seal = compute_seal(self._state, time=to_time(self._clock))
        self._state.commit(get_next_index(self._state))
        return seal.encode()

    def _crosslink(self, number: int, signatures: list[RawSignature]) -> bytes:
        name, signer, epoch = f"p{number}", self._pools[number], get_current_epoch(self._state.casper)
        parent = get_crosslink(self._state, name).as_parent
        root = sha256(f"{name} {parent.size}".encode()).digest()
        text = LogCheckpoint(signer.name, parent.size + 1, root).text()
        lines = [signer.sign(text)]
        signatures.append(RawSignature(signer.key.public_key(), lines[0].blob, text.encode()))
        committee = get_committee(self._state, name, epoch)
        lines += [self._cosign(validator.index, text, signatures) for validator in committee]
        return Crosslink(name, epoch, parent, Note(text, tuple(lines))).encode()

    def _votes(self, signatures: list[RawSignature]) -> list[bytes]:
        """Votes of all validators for the latest boundary, in as many entries as they take."""
        process_latest_seal(self._state)
        tree, epoch = self._state.tree, get_current_epoch(self._state.casper)
        text = LogCheckpoint(self._beacon.name, tree.size, tree.root()).text()
        votes = [Vote(index, self._cosign(index, text, signatures).blob) for index in range(len(self.cosigners))]
        return [
            Attestation(epoch, tree.size, tree.root(), tuple(votes[start : start + MAX_VOTES])).encode()
            for start in range(0, len(votes), MAX_VOTES)
        ]

    def _cosign(self, index: int, text: str, signatures: list[RawSignature]) -> Signature:
        line = self.cosigners[index].cosign(text, self._clock)
        timestamp, raw = split_cosignature(line.blob, signature_size=ED25519_SIGNATURE_SIZE)
        signatures.append(RawSignature(self._public[index], raw, ed25519_message(text, timestamp)))
        return line


def _key(kind: str, number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(f"{kind} {number}".encode()).digest())
