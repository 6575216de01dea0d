"""Verifier: walks through a proof bundle in numbered steps, and trusts nothing but the policy it is given.

The numbers are those of docs/spec/verification.md. Nothing of the prover's side is used here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink
from audit_chain.beacon.names import member_key_name, network_of, pool_origin, validator_key_name
from audit_chain.encoding import to_hex
from audit_chain.errors import (
    Invalid,
    InvalidBundle,
    InvalidDeposit,
    InvalidOpening,
    InvalidRegistration,
    InvalidSeal,
    OtherFile,
    UnknownOrigin,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.policy import Cosignatures, Cosigned, TrustPolicy, untimely_in_words
from audit_chain.proof.bundle import Envelope, EvidenceBundle, FinalEntry, Kind, Proven, RecordBundle, StateBundle
from audit_chain.proof.finality import verify_finalizes, verify_quorum
from audit_chain.proof.verdict import (
    Attestation,
    EvidenceFinding,
    Finding,
    Outcome,
    RecordFinding,
    Standing,
    StateFinding,
    Step,
    Verdict,
)
from audit_chain.records.fields import Value

SOURCE_DIGEST: Final = "source.sha256"
"""The field that holds the SHA-256, in lowercase hex, of the file that a record was made from."""

_Check: TypeAlias = tuple[str, Callable[[], str]]


def verify(bundle: bytes, policy: TrustPolicy, *, file_digest: bytes | None = None) -> Verdict:
    """The verdict on a bundle; with a file's SHA-256 digest, also on whether it is about that file.

    Raises Malformed, and nothing else, for bytes that are no bundle or of which a part cannot be read.
    """
    envelope = Envelope.parse(bundle)
    walk: _Walk
    match envelope.kind:
        case Kind.RECORD:
            walk = _RecordWalk(envelope, policy, file_digest)
        case Kind.EVIDENCE:
            walk = _EvidenceWalk(envelope, policy, file_digest)
        case _:
            walk = _StateWalk(envelope, policy, file_digest)
    steps = tuple(_run(walk.checks))
    passed = all(step.outcome is Outcome.PASSED for step in steps)
    return Verdict(envelope.kind, steps, walk.finding() if passed else None)


def _run(checks: Iterable[_Check]) -> Iterable[Step]:
    failed = False
    for number, (title, check) in enumerate(checks, start=1):
        if failed:
            yield Step(number, title, Outcome.NOT_REACHED, "")
            continue
        try:
            yield Step(number, title, Outcome.PASSED, check())
        except Invalid as error:
            failed = True
            yield Step(number, title, Outcome.FAILED, str(error))


class _Walk(ABC):
    """The steps for one kind of bundle. Each relies on those before it and says in a few words what it found."""

    checks: Sequence[_Check]

    def __init__(self, envelope: Envelope, policy: TrustPolicy, file_digest: bytes | None) -> None:
        self.envelope = envelope
        self.policy = policy
        self.file_digest = file_digest

    @abstractmethod
    def finding(self) -> Finding:
        """What has been shown once every check has passed."""


class _RecordWalk(_Walk):
    bundle: RecordBundle
    fields: Mapping[str, Value]
    network: str
    witnessed: Cosignatures
    finalized: Cosignatures
    standing: Standing | None

    def __init__(self, envelope: Envelope, policy: TrustPolicy, file_digest: bytes | None) -> None:
        super().__init__(envelope, policy, file_digest)
        self.checks = (
            ("The bundle is whole", self.step_1),
            ("The disclosed fields belong to the record", self.step_2),
            ("The record stands in the pool's log", self.step_3),
            ("The pool is registered and signed that log", self.step_4),
            ("Enough validators witnessed the pool's log", self.step_5),
            ("The pool's log is linked into the beacon's log", self.step_6),
            ("The beacon signed its log", self.step_7),
            ("Enough validators signed the beacon's log", self.step_8),
            ("The beacon's log is final", self.step_9),
            ("What is said of the record's standing, the pool said", self.step_10),
        )
        if file_digest is not None:
            self.checks += (("The file is the one that the record was made from", self.step_11),)

    @property
    def beacon_entries(self) -> tuple[FinalEntry[Any], ...]:
        latest = self.bundle.latest
        later = (latest.crosslink,) if latest and latest.crosslink else ()
        return self.bundle.registration, self.bundle.crosslink, *later

    def step_1(self) -> str:
        self.envelope.verify_checksum()
        self.bundle = self.envelope.open(RecordBundle)
        return "as it was made"

    def step_2(self) -> str:
        opening, record = self.bundle.opening, self.bundle.pool.entry
        if opening.size != record.size:
            raise InvalidOpening("the record has another size", expected=record.size, got=opening.size)
        self.fields = opening.verify(record.root)
        return f"{len(self.fields)} disclosed, at most {opening.hidden} hidden"

    def step_3(self) -> str:
        self.bundle.pool.verify_inclusion()
        return _place(self.bundle.pool)

    def step_4(self) -> str:
        registration, pool = self.bundle.registration, self.bundle.registration.entry
        self.network = _network(registration)
        origin = pool_origin(self.network, pool.name)
        _verify_key_name(pool.key, origin)
        registration.verify_inclusion()
        self._verify_pool_note(self.bundle.pool.note)
        return f"{pool.name}, by {pool.member}: {_place(registration)}"

    def step_5(self) -> str:
        self.witnessed = verify_quorum(self.policy, self.bundle.pool.note)
        return _names(self.policy, self.network, self.witnessed)

    def step_6(self) -> str:
        crosslink = self.bundle.crosslink
        if crosslink.entry.note.render() != self.bundle.pool.proof.checkpoint:
            raise InvalidBundle("the link holds another checkpoint", expected="the pool's own", got="another")
        self._verify_link(crosslink)
        return _place(crosslink)

    def step_7(self) -> str:
        return _verify_log(self.policy, self.beacon_entries)

    def step_8(self) -> str:
        _verify_quorums(self.policy, self.beacon_entries)
        self.finalized = self.policy.read_cosignatures(self.bundle.crosslink.note)
        return _names(self.policy, self.network, self.finalized)

    def step_9(self) -> str:
        return _verify_final(self.beacon_entries)

    def step_10(self) -> str:
        latest = self.bundle.latest
        self.standing = None
        if latest is None:
            return "the bundle says nothing of it"
        linked, witnessed = self.bundle.crosslink, self.witnessed
        if latest.crosslink is not None:
            linked = latest.crosslink
            self._verify_pool_note(linked.entry.note)
            witnessed = verify_quorum(self.policy, linked.entry.note)
            self._verify_link(linked)
        latest.verify(self.bundle.pool.entry.record, linked.entry.checkpoint)
        if latest.status.index != self.bundle.pool.proof.index:
            got = f"entry {latest.status.index}"
            raise InvalidBundle("that is said of another entry", expected=self.bundle.pool.proof.index, got=got)
        self.standing = Standing(
            current=latest.status.is_current,
            void=latest.status.void,
            stated_time=latest.seal.time,
            stated_by=compute_quorum_time(self.policy, witnessed.counted),
        )
        return self.standing.words

    def step_11(self) -> str:
        if SOURCE_DIGEST not in self.fields:
            raise OtherFile("the bundle does not say which file", expected=f"{SOURCE_DIGEST} disclosed", got="hidden")
        return _verify_file(self.file_digest, self.fields[SOURCE_DIGEST])

    def _verify_pool_note(self, note: Note) -> None:
        pool, got = self.bundle.registration.entry, LogCheckpoint.parse(note.text).origin
        if got != pool_origin(self.network, pool.name):
            raise UnknownOrigin(
                "the checkpoint is of another log", expected=pool_origin(self.network, pool.name), got=got
            )
        verified_signatures(note, [pool.key])

    def _verify_link(self, crosslink: FinalEntry[Crosslink]) -> None:
        pool = self.bundle.registration.entry
        if crosslink.entry.pool != pool.name:
            raise InvalidBundle("the link is of another pool", expected=pool.name, got=crosslink.entry.pool)
        _verify_beacon(crosslink, self.network)
        _verify_before(self.bundle.registration, crosslink)
        crosslink.verify_inclusion()

    def finding(self) -> RecordFinding:
        return RecordFinding(
            network=self.network,
            pool=self.bundle.registration.entry.name,
            member=self.bundle.registration.entry.member,
            record=self.bundle.pool.entry.record,
            fields=self.fields,
            hidden=self.bundle.opening.hidden,
            existed_by=compute_quorum_time(self.policy, self.witnessed.counted),
            witnessed=_attestations(self.policy, self.network, self.witnessed),
            final_by=compute_quorum_time(self.policy, self.finalized.counted),
            finalized=_attestations(self.policy, self.network, self.finalized),
            standing=self.standing,
            file_compared=self.file_digest is not None,
        )


class _EvidenceWalk(_Walk):
    bundle: EvidenceBundle
    network: str
    finalized: Cosignatures

    def __init__(self, envelope: Envelope, policy: TrustPolicy, file_digest: bytes | None) -> None:
        super().__init__(envelope, policy, file_digest)
        self.checks = (
            ("The bundle is whole", self.step_1),
            ("The deposit is signed by a registered member", self.step_2),
            ("The deposit stands in the beacon's log", self.step_3),
            ("The beacon signed its log", self.step_4),
            ("Enough validators signed the beacon's log", self.step_5),
            ("The beacon's log is final", self.step_6),
        )
        if file_digest is not None:
            self.checks += (("The file is the one that was deposited", self.step_7),)

    @property
    def beacon_entries(self) -> tuple[FinalEntry[Any], ...]:
        return self.bundle.registration, self.bundle.evidence, self.bundle.seal

    def step_1(self) -> str:
        self.envelope.verify_checksum()
        self.bundle = self.envelope.open(EvidenceBundle)
        return "as it was made"

    def step_2(self) -> str:
        registration, member = self.bundle.registration, self.bundle.registration.entry
        evidence = self.bundle.evidence.entry
        self.network = _network(registration)
        _verify_key_name(member.key, member_key_name(self.network, member.name))
        registration.verify_inclusion()
        expected, got = (self.network, member.name), (evidence.deposit.network, evidence.deposit.member)
        if expected != got:
            raise InvalidDeposit("deposited by another member", expected=" ".join(expected), got=" ".join(got))
        verified_signatures(evidence.note, [member.key])
        return f"{member.name}: {_place(registration)}"

    def step_3(self) -> str:
        evidence, seal = self.bundle.evidence, self.bundle.seal
        for proven in (evidence, seal):
            _verify_beacon(proven, self.network)
            proven.verify_inclusion()
        _verify_before(self.bundle.registration, evidence)
        start = 0 if seal.entry.previous is None else seal.entry.previous + 1
        if not start <= evidence.proof.index < seal.proof.index:
            expected = f"entry {start} to {seal.proof.index - 1}"
            raise InvalidSeal("the seal is of another block", expected=expected, got=evidence.proof.index)
        return _place(evidence)

    def step_4(self) -> str:
        return _verify_log(self.policy, self.beacon_entries)

    def step_5(self) -> str:
        _verify_quorums(self.policy, self.beacon_entries)
        self.finalized = self.policy.read_cosignatures(self.bundle.evidence.note)
        return _names(self.policy, self.network, self.finalized)

    def step_6(self) -> str:
        return _verify_final(self.beacon_entries)

    def step_7(self) -> str:
        return _verify_file(self.file_digest, to_hex(self.bundle.evidence.entry.deposit.digest))

    def finding(self) -> EvidenceFinding:
        return EvidenceFinding(
            network=self.network,
            member=self.bundle.registration.entry.name,
            digest=self.bundle.evidence.entry.deposit.digest,
            stated_time=self.bundle.seal.entry.time,
            existed_by=compute_quorum_time(self.policy, self.finalized.counted),
            finalized=_attestations(self.policy, self.network, self.finalized),
            file_compared=self.file_digest is not None,
        )


class _StateWalk(_Walk):
    bundle: StateBundle
    network: str
    finalized: Cosignatures

    def __init__(self, envelope: Envelope, policy: TrustPolicy, file_digest: bytes | None) -> None:
        super().__init__(envelope, policy, file_digest)
        self.checks = (
            ("The bundle is whole", self.step_1),
            ("The beacon's state says so", self.step_2),
            ("The beacon signed its log", self.step_3),
            ("Enough validators signed the beacon's log", self.step_4),
            ("The beacon's log is final", self.step_5),
        )
        if file_digest is not None:
            self.checks += (("The file is the one that was asked for", self.step_6),)

    def step_1(self) -> str:
        self.envelope.verify_checksum()
        self.bundle = self.envelope.open(StateBundle)
        return "as it was made"

    def step_2(self) -> str:
        state = self.bundle.state
        self.network = _network_of(state.checkpoint.origin)
        state.verify()
        return f"state of slot {state.seal.slot}, sealed by entry {state.checkpoint.size - 1}"

    def step_3(self) -> str:
        keys = {self.policy.verify_log(sealed.note).name for sealed in (self.bundle.state, self.bundle.finality)}
        return ", ".join(sorted(keys))

    def step_4(self) -> str:
        self.finalized = verify_quorum(self.policy, self.bundle.state.note)
        verify_quorum(self.policy, self.bundle.finality.note)
        return _names(self.policy, self.network, self.finalized)

    def step_5(self) -> str:
        epoch = verify_finalizes(self.bundle.state.checkpoint, self.bundle.finality)
        return f"up to the boundary of epoch {epoch}"

    def step_6(self) -> str:
        if f"evidence/{to_hex(self.file_digest or b'')}" not in self.bundle.state.values:
            raise OtherFile("the file has another SHA-256 fingerprint")
        return "its SHA-256 fingerprint is the same"

    def finding(self) -> StateFinding:
        values = self.bundle.state.values
        return StateFinding(
            network=self.network,
            values={
                name: None if proven.value is None else canonical.decode(proven.value)
                for name, proven in sorted(values.items())
            },
            stated_time=self.bundle.state.seal.time,
            final_by=compute_quorum_time(self.policy, self.finalized.counted),
            finalized=_attestations(self.policy, self.network, self.finalized),
            file_compared=self.file_digest is not None,
        )


def compute_quorum_time(policy: TrustPolicy, cosigned: Iterable[Cosigned]) -> int | None:
    """POSIX seconds of the first moment by which a quorum had signed; None where the policy asks for no witness.

    Never earlier than the first honest signature, unless as many witnesses lie as the policy takes for a quorum.
    """
    if policy.satisfied_by(()):
        return None
    signed: set[str] = set()
    for one in sorted(cosigned, key=lambda one: one.timestamp):
        signed.add(one.witness)
        if policy.satisfied_by(signed):
            return one.timestamp
    return None


def _network(registration: Proven[Any]) -> str:
    return _network_of(registration.checkpoint.origin)


def _network_of(origin: str) -> str:
    network = network_of(origin)
    if network is None:
        raise UnknownOrigin("it stands in another log", expected="<network>/beacon", got=origin)
    return network


def _verify_key_name(key: VerifierKey, expected: str) -> None:
    if key.name != expected:
        raise InvalidRegistration("the key is registered under another name", expected=expected, got=key.name)


def _verify_beacon(proven: Proven[Any], network: str) -> None:
    # A beacon that was restarted goes on with the same tree under another origin.
    if network_of(proven.checkpoint.origin) != network:
        expected = f"a log of {network}'s beacon"
        raise UnknownOrigin("the proof leads to another log", expected=expected, got=proven.checkpoint.origin)


def _verify_before(earlier: Proven[Any], later: Proven[Any]) -> None:
    if earlier.proof.index >= later.proof.index:
        expected = f"an entry before {later.proof.index}"
        raise InvalidBundle("the registration came too late", expected=expected, got=earlier.proof.index)


def _verify_log(policy: TrustPolicy, entries: Iterable[FinalEntry[Any]]) -> str:
    keys = {policy.verify_log(note).name for proven in entries for note in (proven.note, proven.finality.note)}
    return ", ".join(sorted(keys))


def _verify_quorums(policy: TrustPolicy, entries: Iterable[FinalEntry[Any]]) -> None:
    notes = [note for proven in entries for note in (proven.note, proven.finality.note)]
    for note in dict.fromkeys(notes):
        verify_quorum(policy, note)


def _verify_final(entries: Iterable[FinalEntry[Any]]) -> str:
    epochs = [verify_finalizes(proven.checkpoint, proven.finality) for proven in entries]
    return f"up to the boundary of epoch {max(epochs)}"


def _verify_file(digest: bytes | None, expected: Value) -> str:
    if digest is None or to_hex(digest) != expected:
        raise OtherFile("the file has another SHA-256 fingerprint")
    return "its SHA-256 fingerprint is the same"


def _place(proven: Proven[Any]) -> str:
    return f"entry {proven.proof.index} of {proven.checkpoint.size} in {proven.checkpoint.origin}"


def _attestations(policy: TrustPolicy, network: str, cosignatures: Cosignatures) -> tuple[Attestation, ...]:
    """One for each validator, whichever of its keys it signed with first; the earliest first."""
    key_names = {witness.name: witness.key.name for witness in policy.witnesses}
    times: dict[str, int] = {}
    for one in sorted(cosignatures.counted, key=lambda one: (one.timestamp, one.witness)):
        times.setdefault(key_names[one.witness].removeprefix(validator_key_name(network, "")), one.timestamp)
    return tuple(Attestation(validator, time) for validator, time in times.items())


def _names(policy: TrustPolicy, network: str, cosignatures: Cosignatures) -> str:
    names = [attestation.validator for attestation in _attestations(policy, network, cosignatures)]
    said = ", ".join(sorted(names)) or "the policy asks for none"
    return f"{said}; {untimely_in_words(cosignatures.untimely)}" if cosignatures.untimely else said
