"""Who takes part: a supplier's pool, validators that witness it, a beacon in memory, and documents made to order."""

import copy
import json
from typing import Any

from audit_chain.beacon.entries import Crosslink as CrosslinkEntry
from audit_chain.beacon.entries import Parent
from audit_chain.beacon.names import pool_origin
from audit_chain.beacon.state import State, get_committee, get_crosslink
from audit_chain.beacon.transition import compute_crosslink_note, process_entry
from audit_chain.errors import InvalidEntry, Refused
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.log.note import Note, Signature
from audit_chain.log.witness import AddCheckpointRequest, check_request
from audit_chain.statemap.map import StateMap
from audit_chain.testing import NETWORK, POOL_INDEX, SUPPLIER, ExampleNetwork, ed25519_key
from data_pool.errors import BeaconRefused, BeaconUnreachable
from data_pool.keys import PoolKeys
from data_pool.network import Accepted, Cosigned, Crosslink, ProveConsistency, ProvenEntry, TreeHead, WrongParent
from data_pool.pool import Pool
from data_pool.setup import Setup
from data_pool.staging import Upload
from data_pool.storage.ports import PoolStorage

STAFF = "staff@northwind.example"
WRAPPING_KEY = bytes(range(32))


def pool_setup(storage: PoolStorage, network: ExampleNetwork | None = None, **options: Any) -> Setup:
    """The supplier's pool over this storage, as the example network knows it."""
    network = network or ExampleNetwork()
    signer = NoteSigner(pool_origin(NETWORK, SUPPLIER), ed25519_key(300))
    keys = PoolKeys(WRAPPING_KEY, signer)
    return Setup(name=SUPPLIER, network=NETWORK, keys=keys, storage=storage, policy=network.policy, **options)


def invoice(number: str = "NP-1", **changes: Any) -> dict[str, Any]:
    """An invoice in the normal form."""
    return {
        "kind": "invoice",
        "number": number,
        "issue_date": "2026-11-03",
        "due_date": "2027-01-02",
        "currency": "EUR",
        "payable_amount": 535_500,
        "seller": {"id": "HRB 20817", "name": "Northwind Parts GmbH"},
        "buyer": {"id": "HRB 1234", "name": "Atlas Motors AG"},
        "lines": [{"name": "Brake disc", "net_amount": 206_000}, {"name": "Caliper", "net_amount": 225_000}],
    } | changes


def upload(*documents: dict[str, Any], name: str = "invoice.json") -> Upload:
    """One JSON file with these documents."""
    content: Any = documents[0] if len(documents) == 1 else list(documents)
    return Upload(name=name, data=json.dumps(content).encode(), media_type="application/json")


def bring_in(pool: Pool, *files: Upload, **options: Any) -> Any:
    """The batch of these files, read to its end."""
    batch = pool.stage(files, by=STAFF, **options)
    while not pool.batch(batch).done:
        pool.process()
    return pool.batch(batch)


def record_of(pool: Pool, *documents: dict[str, Any], **options: Any) -> Any:
    """The id of the record that the document has become."""
    batch = bring_in(pool, upload(*documents), **options)
    (item,) = pool.items(batch.id)
    return item.record_id


class ExampleWitnesses:
    """Validators that check each request as a witness has to, and remember what they signed."""

    def __init__(self, network: ExampleNetwork, *, present: int | None = None) -> None:
        self.network = network
        self.present = present
        self.latest: dict[str, LogCheckpoint] = {}
        self.signed = 0

    def cosign(self, origin: str, note: bytes, prove_consistency: ProveConsistency) -> Cosigned:
        signatures: list[Signature] = []
        for validator in self.network.validators[: self.present]:
            latest = self.latest.get(validator.name)
            old_size = latest.size if latest else 0
            proof = tuple(prove_consistency(old_size)) if old_size else ()
            request = AddCheckpointRequest(old_size, proof, note)
            try:
                checkpoint = check_request(request, log_keys={origin: self._pool_key}, latest=latest)
            except Refused:
                continue
            self.latest[validator.name] = checkpoint
            self.network.clock += 1
            self.signed += 1
            signatures += validator.cosign(Note.parse(note).text, self.network.clock)
        return Cosigned(self.network.epoch, tuple(signatures))

    @property
    def _pool_key(self) -> VerifierKey:
        return self.network.pool.signer.verifier_key


class ExampleBeacon:
    """The beacon's rules over the example network's log. What is queued goes in with `make_block`."""

    def __init__(self, network: ExampleNetwork) -> None:
        self.network = network
        self.reachable = True
        self.loses_answers = False
        self.queue: list[CrosslinkEntry] = []
        self._final = copy.deepcopy(network)

    def make_block(self, *, final: bool = True) -> None:
        """A block of what is queued; with `final` also those blocks and votes that make it final."""
        for entry in self.queue:
            self.network.append(entry.encode())
        self.queue.clear()
        last = self.network.seal().size - 1
        if final:
            self.network.finalize(last)
            self._final = copy.deepcopy(self.network)

    def restart(self) -> None:
        """Goes back to what was final last, as if nothing had come after it."""
        self.queue.clear()
        vars(self.network).update(vars(copy.deepcopy(self._final)))

    def submit_crosslink(self, *, pool: str, epoch: int, parent: TreeHead, checkpoint: bytes) -> Accepted | WrongParent:
        self._reach()
        note = self._in_order(epoch, Note.parse(checkpoint))
        entry = CrosslinkEntry(pool, epoch, Parent(parent.size, parent.root), note)
        current = get_crosslink(self.network.state, pool)
        answer: Accepted | WrongParent
        if entry in self.queue:
            answer = Accepted(None)
        elif current.as_parent != entry.parent:
            answer = WrongParent(TreeHead(current.size, current.root))
        else:
            try:
                state = State(StateMap(self.network.states))
                process_entry(state, entry.encode(), self.network.store.head().next_index)
            except InvalidEntry as error:
                raise BeaconRefused(str(error)) from None
            self.queue.append(entry)
            answer = Accepted(None)
        if self.loses_answers:
            raise BeaconUnreachable("the answer was lost")
        return answer

    def crosslink(self, pool: str) -> Crosslink | None:
        self._reach()
        current = get_crosslink(self.network.state, pool)
        if current.index is None:
            return None
        final = self._is_final(current.index)
        return Crosslink(index=current.index, size=current.size, root=current.root, block=1, final=final)

    def proof(self, index: int) -> ProvenEntry | None:
        self._reach()
        return ProvenEntry(*self.network.prove(index)) if self._is_final(index) else None

    def registration(self, pool: str) -> ProvenEntry | None:
        return self.proof(POOL_INDEX)

    def _in_order(self, epoch: int, note: Note) -> Note:
        try:
            committee = get_committee(self.network.state, SUPPLIER, epoch)
        except InvalidEntry as error:
            raise BeaconRefused(str(error)) from None
        return compute_crosslink_note(note, self.network.pool.signer.verifier_key, committee)

    def _is_final(self, index: int) -> bool:
        return any(size > index for size in self.network.finalized)

    def _reach(self) -> None:
        if not self.reachable:
            raise BeaconUnreachable("nobody answers")


def finish(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    """Everything that was appended becomes final."""
    pool.seal()
    pool.anchor(witnesses, beacon)
    beacon.make_block()
    pool.follow(beacon)
