"""Valid things to begin tests with: a network in memory, its pool, a record, a deposit, and bundles of both.

Keys are counted numbers, times are given: everything comes out the same in every run. Build one, spoil one thing,
expect one error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit_chain import canonical
from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.casper.containers import Checkpoint, Epoch
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.entries import Attestation, Crosslink, Evidence, Genesis, Member, Pool, Validator, parse_entry
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Ballot, Motion, Registration
from audit_chain.beacon.names import beacon_origin, member_key_name, pool_origin, validator_key_name
from audit_chain.beacon.sealed_state import ProvenValue, SealedState
from audit_chain.beacon.state import (
    State,
    get_committee,
    get_crosslink,
    get_member,
    get_pool,
    get_slot,
    get_validator,
)
from audit_chain.beacon.transition import compute_crosslink_note, compute_seal, process_entry
from audit_chain.beacon.votes import Vote
from audit_chain.encoding import from_time, to_time
from audit_chain.errors import NotInLog
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44, NoteSigner
from audit_chain.log.note import Note, Signature
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore, Seal
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof import builder
from audit_chain.proof.builder import LatestParts
from audit_chain.records.entry import RecordEntry
from audit_chain.records.entry import SealEntry as PoolSealEntry
from audit_chain.records.fields import Value
from audit_chain.records.status import RecordStatus, record_name
from audit_chain.records.tree import RECORD_KEY_SIZE, RecordCommitment, RecordKey, commit
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore

NETWORK: Final = "tallystick.example"
VALIDATORS: Final = ("meridian-bank", "market-regulator", "commercial-court", "chamber-of-trade")
SUPPLIER: Final = "northwind-parts"
COURT: Final = "commercial-court"
START: Final = from_time("2026-11-22T15:40:00Z")
RECORD_ID: Final = "019aac2c-1000-7000-8000-000000000001"
KEYS_FROM: Final = "2026-11-22T00:00:00Z"
KEYS_UNTIL: Final = "2028-11-22T00:00:00Z"
FOUNDERS_WEIGHT: Final = 32
COURT_INDEX: Final = 6
POOL_INDEX: Final = 7
"""Where court and pool are registered: after the genesis, four validators and the supplier."""
FILE: Final = b"an invoice, as it came by mail\n"

INVOICE: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "kind": "invoice",
        "number": "2026-0173",
        "issue_date": "2026-11-03",
        "due_date": "2027-01-02",
        "currency": "EUR",
        "payable_amount": 535_500,
        "seller.name": "Northwind Parts GmbH",
        "buyer.name": "Atlas Motors AG",
        "lines.0.name": "Brake disc 312 mm, vented",
        "lines.0.net_amount": 206_000,
        "source.sha256": sha256(FILE).hexdigest(),
    }
)


def ed25519_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def mldsa44_key(number: int) -> MLDSA44PrivateKey:
    return MLDSA44PrivateKey.from_seed_bytes(number.to_bytes(32, "big"))


def record_key(number: int) -> RecordKey:
    return RecordKey(number.to_bytes(RECORD_KEY_SIZE, "big"))


@dataclass(frozen=True, slots=True)
class ValidatorKeys:
    """A validator with all of its keys, which signs whatever it is given."""

    name: str
    ed25519: CosignerEd25519
    mldsa44: CosignerMLDSA44
    governance: NoteSigner

    @classmethod
    def numbered(cls, name: str, number: int) -> "ValidatorKeys":
        key_name = validator_key_name(NETWORK, name)
        return cls(
            name,
            CosignerEd25519(key_name, ed25519_key(number)),
            CosignerMLDSA44(key_name, mldsa44_key(number)),
            NoteSigner(key_name, ed25519_key(500 + number)),
        )

    @property
    def key_set(self) -> KeySet:
        return KeySet((self.ed25519.verifier_key, self.mldsa44.verifier_key), KEYS_FROM, KEYS_UNTIL)

    def registration(self, *, weight: int = FOUNDERS_WEIGHT) -> Registration:
        return Registration(self.name, self.key_set, self.governance.verifier_key, weight)

    def cosign(self, text: str, time: int) -> Sequence[Signature]:
        return self.ed25519.cosign(text, time), self.mldsa44.cosign(text, time)

    def ballot(self, motion: Motion) -> Note:
        return Ballot(NETWORK, self.name, motion).sign(self.governance)


class ProvenEntry(NamedTuple):
    """An entry of the beacon's log, its tlog-proof to a finalized checkpoint, and the proof that this is finalized."""

    entry: bytes
    proof: bytes
    finality: bytes


@dataclass
class ExamplePool:
    """One pool: its log, its state map, and the records committed so far."""

    name: str
    signer: NoteSigner
    store: MemoryLogStore = field(default_factory=MemoryLogStore)
    states: MemoryStateStore = field(default_factory=MemoryStateStore)
    statuses: dict[str, RecordStatus] = field(default_factory=dict)
    commitments: dict[int, RecordCommitment] = field(default_factory=dict)

    @property
    def log(self) -> SealedLog:
        return SealedLog(self.store, self.signer)

    def add(self, fields: Mapping[str, Value], *, key: RecordKey, record: str = RECORD_ID) -> int:
        """Index of the record's entry."""
        commitment = commit(fields, key)
        index = self.log.append([RecordEntry(record, commitment.root, commitment.size).encode()])
        self.commitments[index] = commitment
        self.statuses[record] = RecordStatus(index)
        return index

    def seal(self, time: int) -> Note:
        """The checkpoint, signed by the pool alone; its seal commits to every record's status."""
        state = StateMap(self.states)
        for record, status in self.statuses.items():
            state.put(record_name(record), status.encode())

        def make_entry(previous: int | None, _index: int) -> bytes:
            return PoolSealEntry(previous, state.root(), to_time(time)).encode()

        seal = _sealed(self.log.seal(to_time(time), heartbeat=True, make_entry=make_entry))
        state.commit(seal.size)
        return Note.parse(seal.note)

    def latest(self, record: str = RECORD_ID, *, size: int | None = None) -> LatestParts:
        """What the state of the latest sealed tree, or that of the given size, says of the record."""
        state = StateMap(self.states, version=size)
        size = state.version
        value = state.get(record_name(record))
        if size is None or value is None:
            raise NotInLog("no such record is sealed", got=record)
        return LatestParts(
            seal=self.entry(size - 1),
            path=self.log.inclusion_proof(size - 1, size),
            value=value,
            proof=state.prove(record_name(record)).render(),
        )

    def entry(self, index: int) -> bytes:
        return self.store.read_entries(index, index + 1)[0]


class ExampleNetwork:
    """A beacon with four validators, a supplier with a pool, and a court; seconds pass as `clock` is moved on.

    Whoever is among the `voters` cosigns each epoch's boundary, and the next block takes the votes in.
    """

    def __init__(self, validators: Sequence[str] = VALIDATORS, *, preset: str = "consortium") -> None:
        self.clock = START
        self.validators = [ValidatorKeys.numbered(name, number) for number, name in enumerate(validators, start=1)]
        self.voters = list(self.validators)
        self.beacon_signer = NoteSigner(beacon_origin(NETWORK), ed25519_key(100))
        self.genesis = Genesis(NETWORK, preset, self.beacon_signer.verifier_key, len(self.validators))
        self.store = MemoryLogStore()
        self.log = SealedLog(self.store, self.beacon_signer)
        self.states = MemoryStateStore()
        self.state = State(StateMap(self.states))
        self.boundaries: dict[Checkpoint, int] = {}
        self.finalized: list[int] = []
        self.notes: dict[int, Note] = {}
        self._unvoted: tuple[int, int, Note] | None = None
        self.members = {
            name: NoteSigner(member_key_name(NETWORK, name), ed25519_key(number))
            for number, name in enumerate((SUPPLIER, COURT), start=200)
        }
        self.pool = ExamplePool(SUPPLIER, NoteSigner(pool_origin(NETWORK, SUPPLIER), ed25519_key(300)))
        self.append(self.genesis.encode())
        for validator in self.validators:
            self.append(Validator(validator.registration()).encode())
        for name, signer in self.members.items():
            self.append(Member(name, signer.verifier_key).encode())
        self.append(Pool(self.pool.name, SUPPLIER, self.pool.signer.verifier_key).encode())
        self.seal()

    @property
    def policy(self) -> TrustPolicy:
        """Trust in the beacon's key and two thirds of the validators."""
        keys = [
            (validator.name, [(key, KEYS_FROM, KEYS_UNTIL) for key in validator.key_set.keys])
            for validator in self.validators
        ]
        return TrustPolicy.for_network([self.beacon_signer.verifier_key], keys)

    @property
    def slots_per_epoch(self) -> int:
        return self.state.casper.preset.slots_per_epoch

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return get_current_epoch(self.state.casper)

    def append(self, entry: bytes) -> int:
        """Index of the entry, which the state has let in."""
        index = self.store.head().next_index
        process_entry(self.state, entry, index)
        return self.log.append([entry])

    def seal(self) -> Seal:
        """The seal of a new block, a second later, with the votes on the last boundary; a boundary is voted on."""
        self._include_votes()
        self.clock += 1
        slot, time = get_slot(self.state), to_time(self.clock)
        entry = compute_seal(self.state, time=time).encode()
        seal = _sealed(self.log.seal(time, heartbeat=True, make_entry=lambda _previous, _index: entry))
        self.state.commit(seal.size)
        self._note_finality()
        if slot % self.slots_per_epoch == 0:
            epoch = slot // self.slots_per_epoch
            self.boundaries[Checkpoint(Epoch(epoch), seal.root)] = seal.size
            self.notes[seal.size] = self.final_note(seal)
            self._unvoted = (epoch, seal.size, self.notes[seal.size])
        return seal

    def empty_state(self) -> State:
        """A state to replay a log into."""
        return State(StateMap(MemoryStateStore()))

    def reopened_map(self) -> StateMap:
        """The state map as it was sealed last, on a store of its own."""
        return StateMap(self.states.copy())

    def restart_log(self) -> None:
        """Signs on with the beacon's present key, after a restart entry has named it."""
        self.log = SealedLog(self.store, self.beacon_signer)

    def finalize(self, index: int) -> int:
        """Size of the first finalized boundary over the entry at `index`, with as many blocks as that takes."""
        for _ in range(8 * self.slots_per_epoch):
            if covering := [size for size in self.finalized if size > index]:
                return covering[0]
            self.seal()
        raise NotInLog("nothing becomes final", expected="votes of two thirds", got=f"{len(self.voters)} voters")

    def cosign(self, note: Note, *, validators: Iterable[ValidatorKeys] | None = None) -> Note:
        """The note with both cosignatures of every validator, one second after another."""
        for validator in self.validators if validators is None else validators:
            self.clock += 1
            note = note.with_signatures(*validator.cosign(note.text, self.clock))
        return note

    def crosslink(self, note: Note) -> Crosslink:
        """The pool's cosigned checkpoint as the next crosslink."""
        committee = get_committee(self.state, self.pool.name, self.epoch)
        carried = compute_crosslink_note(note, self.pool.signer.verifier_key, committee)
        parent = get_crosslink(self.state, self.pool.name).as_parent
        return Crosslink(self.pool.name, self.epoch, parent, carried)

    def deposit(self, digest: bytes, *, member: str = COURT) -> Evidence:
        """The member's signed deposit of a file's digest."""
        return Evidence(Deposit(NETWORK, member, digest).sign(self.members[member]))

    def final_note(self, seal: Seal) -> Note:
        """The seal's checkpoint with a compact line of every voter."""
        note = Note.parse(seal.note)
        for validator in self.voters:
            self.clock += 1
            note = note.with_signatures(validator.ed25519.cosign(note.text, self.clock))
        return note

    def prove(self, index: int) -> ProvenEntry:
        """The entry at `index` with its proof in the first finalized tree over it, made final first if need be."""
        size = self.finalize(index)
        entry = self.store.read_entries(index, index + 1)[0]
        path = self.log.inclusion_proof(index, size)
        proof = TlogProof(index, tuple(path), self.notes[size].render()).render()
        return ProvenEntry(entry, proof, canonical.encode(self.sealed_state(self.finalizing_size(size)).to_json()))

    def sealed_state(self, size: int, names: Iterable[str] = ("casper", "network")) -> SealedState:
        """Values of the state that the boundary of that size is sealed with."""
        seal = parse_entry(self.store.read_entries(size - 1, size)[0])
        if not isinstance(seal, SealEntry):
            raise NotInLog("no seal ends a tree of that size", got=size)
        state = StateMap(self.states, version=size)
        values = {name: ProvenValue(state.get(name), state.prove(name)) for name in names}
        path = tuple(self.log.inclusion_proof(size - 1, size))
        return SealedState(note=self.notes[size], seal=seal, path=path, values=values)

    def finalizing_size(self, size: int) -> int:
        """Size of the boundary whose state calls the finalized one of that size justified, one epoch before it."""
        (finalized,) = [checkpoint for checkpoint, where in self.boundaries.items() if where == size]
        for boundary in sorted(self.boundaries.values()):
            sealed = self.sealed_state(boundary)
            if (sealed.justified, sealed.epoch) == (finalized, finalized.epoch + 1) or sealed.finalized == finalized:
                return boundary
        raise NotInLog("no boundary finalizes it", got=size)

    def _include_votes(self) -> None:
        if self._unvoted is None:
            return
        epoch, size, note = self._unvoted
        self._unvoted = None
        votes = []
        for validator in self.voters:
            index = get_validator(self.state, validator.name).index
            key = validator.ed25519.verifier_key
            votes += [Vote(index, line.blob) for line in note.signatures if line.key_id == key.key_id]
        if votes:
            root = LogCheckpoint.parse(note.text).root
            ordered = tuple(sorted(votes, key=lambda vote: vote.validator))
            self.append(Attestation(epoch, size, root, ordered).encode())

    def _note_finality(self) -> None:
        size = self.boundaries.get(self.state.casper.finalized_checkpoint)
        if size is not None and size not in self.finalized:
            self.finalized.append(size)


@dataclass(frozen=True, slots=True)
class ExampleRecord:
    """A record on its whole way: everything that its bundle is built from."""

    network: ExampleNetwork
    commitment: RecordCommitment
    entry: bytes
    index: int
    path: Sequence[bytes]
    crosslink: ProvenEntry
    registration: ProvenEntry

    def bundle(self, *names: str, latest: LatestParts | None = None) -> bytes:
        """The bundle that discloses these fields."""
        return builder.record_bundle(
            commitment=self.commitment,
            names=names,
            record_entry=self.entry,
            index=self.index,
            path=self.path,
            crosslink=self.crosslink,
            registration=self.registration,
            latest=latest,
        )


def example_record(
    network: ExampleNetwork | None = None,
    *,
    fields: Mapping[str, Value] = INVOICE,
    witnesses: int | None = None,
    record: str = RECORD_ID,
) -> ExampleRecord:
    """A record that is final; `witnesses` is the number of validators that cosign its pool's log, all by default."""
    network = network or ExampleNetwork()
    pool = network.pool
    pool.add({"kind": "order", "number": "4500-8812"}, key=record_key(1), record=record[:-1] + "0")
    index = pool.add(fields, key=record_key(2), record=record)
    network.clock += 1
    cosigned = network.cosign(pool.seal(network.clock), validators=network.validators[:witnesses])
    size = pool.store.head().tree_size
    linked = network.append(network.crosslink(cosigned).encode())
    network.finalize(linked)
    return ExampleRecord(
        network=network,
        commitment=pool.commitments[index],
        entry=pool.entry(index),
        index=index,
        path=pool.log.inclusion_proof(index, size),
        crosslink=network.prove(linked),
        registration=network.prove(get_pool(network.state, pool.name).index),
    )


@dataclass(frozen=True, slots=True)
class ExampleDeposit:
    """A deposit that is final: everything that its bundle is built from."""

    network: ExampleNetwork
    evidence: ProvenEntry
    registration: ProvenEntry
    seal: ProvenEntry

    def bundle(self) -> bytes:
        return builder.evidence_bundle(evidence=self.evidence, registration=self.registration, seal=self.seal)


def example_deposit(digest: bytes, network: ExampleNetwork | None = None) -> ExampleDeposit:
    """The court's deposit of a file with that SHA-256 digest."""
    network = network or ExampleNetwork()
    index = network.append(network.deposit(digest).encode())
    size = network.seal().size
    return ExampleDeposit(
        network=network,
        evidence=network.prove(index),
        registration=network.prove(get_member(network.state, COURT).index),
        seal=network.prove(size - 1),
    )


def example_state(network: ExampleNetwork, names: Iterable[str]) -> bytes:
    """The bundle that shows what the latest final state says of the names."""
    size = network.finalized[-1]
    while True:
        try:
            finality = network.sealed_state(network.finalizing_size(size))
        except NotInLog:
            network.seal()
        else:
            state = network.sealed_state(size, names)
            return builder.state_bundle(
                state=canonical.encode(state.to_json()), finality=canonical.encode(finality.to_json())
            )


def _sealed(seal: Seal | None) -> Seal:
    if seal is None:
        raise NotInLog("nothing waits for a seal")
    return seal
