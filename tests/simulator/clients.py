"""Who hands something in, and does so again until it is final: a court with files, and pools with their checkpoints."""

import copy

from audit_chain.beacon.misbehaviour import build_fork
from audit_chain.beacon.state import get_crosslink, get_pool
from audit_chain.encoding import to_time
from audit_chain.errors import Malformed, Refused, RefusedOldSize
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note, Signature
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore
from audit_chain.log.witness import AddCheckpointRequest
from tests.simulator.cast import deposit, pool_signer
from tests.simulator.judge import Judge
from tests.simulator.sequencer import Sequencer
from tests.simulator.validator import Validator
from tests.simulator.world import Network, Node, World


class Court(Node):
    """Deposits files at random moments."""

    def __init__(self, world: World, network: Network, sequencer: Sequencer, judge: Judge) -> None:
        super().__init__("court", world, network)
        self.sequencer, self.judge = sequencer, judge
        self.waiting: list[bytes] = []
        self.count = 0
        self.open = True
        world.after(3, self._deposit)
        world.after(9, self._insist)

    def _deposit(self) -> None:
        if not self.open:
            return
        self.count += 1
        self.waiting.append(deposit(self.count))
        self._hand_in(self.waiting[-1])
        self.world.after(self.world.random.uniform(2, 9), self._deposit)

    def _insist(self) -> None:
        self.waiting = [entry for entry in self.waiting if not self.judge.is_final(entry)]
        for entry in self.waiting:
            self._hand_in(entry)
        self.world.after(9, self._insist)

    def _hand_in(self, entry: bytes) -> None:
        self.send(self.sequencer, lambda: self.sequencer.submit(entry))

    @property
    def is_done(self) -> bool:
        self.waiting = [entry for entry in self.waiting if not self.judge.is_final(entry)]
        return not self.waiting


class PoolNode(Node):
    """Grows its own log whatever the beacon does, has it cosigned, and wants its latest tree on the beacon."""

    def __init__(
        self,
        name: str,
        world: World,
        network: Network,
        sequencer: Sequencer,
        validators: list[Validator],
        judge: Judge,
    ) -> None:
        super().__init__(f"pool {name}", world, network)
        self.pool, self.sequencer, self.validators, self.judge = name, sequencer, validators, judge
        self.store = MemoryLogStore()
        self.known: dict[str, int] = {}
        self.lines: dict[str, Signature] = {}
        self.note_: Note | None = None
        self.open = True
        self.forked: tuple[Note, ...] = ()
        world.after(world.random.uniform(2, 6), self._work)

    @property
    def log(self) -> SealedLog:
        return SealedLog(self.store, pool_signer(self.pool))

    @property
    def is_done(self) -> bool:
        """Whether a final crosslink has the latest tree; of a pool that lied, whether it is suspended."""
        state = self.judge.final_state()
        if state is not None and self.forked:
            return get_pool(state, self.pool).suspended
        return state is not None and get_crosslink(state, self.pool).size == self.store.head().tree_size

    def fork(self) -> None:
        """Signs two histories, and asks some validators about the one and others about the other."""
        if self.forked or self.store.head().tree_size == 0:
            return
        stores = self.store, copy.deepcopy(self.store)
        logs = [SealedLog(store, pool_signer(self.pool)) for store in stores]
        for number, log in enumerate(logs):
            log.append([b"lie %d" % number])
            log.seal(to_time(self.clock))
        self.forked = tuple(
            Note.parse(log.note(store.head().tree_size)) for log, store in zip(logs, stores, strict=True)
        )
        self.note_, self.lines = self.forked[0], {}
        self.note("signs two histories")
        for validator in self.validators:
            side = self.world.random.randrange(2)
            self._ask(validator, self.forked[side], logs[side])

    def proof_against(self) -> str | None:
        if not self.forked:
            return None
        return build_fork(*self.forked, key=pool_signer(self.pool).verifier_key).encode().decode()

    def _work(self) -> None:
        self.world.after(self.world.random.uniform(4, 8), self._work)
        if self.open and self.world.random.random() < 0.5:
            self.log.append([b"record %d" % self.store.head().next_index])
            seal = self.log.seal(to_time(self.clock))
            if seal is not None:
                self.note_, self.lines = Note.parse(seal.note), {}
        note = self.note_
        if note is None or self.is_done:
            return
        missing = [one for one in self.validators if one.operator.name not in self.lines]
        for validator in missing:
            self._ask(validator, note, self.log)
        cosigned = note.with_signatures(*self.lines.values())
        if 3 * len(self.lines) >= 2 * len({one.operator.name for one in self.validators}):
            self.send(self.sequencer, lambda: self.sequencer.submit_crosslink(self.pool, cosigned))

    def _ask(self, validator: Validator, note: Note, log: SealedLog) -> None:
        size = LogCheckpoint.parse(note.text).size
        known = self.known.get(validator.name, 0)
        proof = log.consistency_proof(known, size) if 0 < known < size else []
        request = AddCheckpointRequest(known, tuple(proof), note.render())
        self.send(validator, lambda: self._at_validator(validator, note, request))

    def _at_validator(self, validator: Validator, note: Note, request: AddCheckpointRequest) -> None:
        try:
            line = validator.cosign(request, self.store.read_entries)
        except RefusedOldSize as refusal:
            size = refusal.size or 0
            validator.send(self, lambda: self.known.update({validator.name: size}))
            return
        except (Refused, Malformed):
            return
        validator.send(self, lambda: self._take(validator, note, line))

    def _take(self, validator: Validator, note: Note, line: Signature) -> None:
        self.known[validator.name] = LogCheckpoint.parse(note.text).size
        if note == self.note_:
            self.lines[validator.operator.name] = line
