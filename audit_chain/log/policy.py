"""Trust policies: which logs, which witnesses and how many of them make a checkpoint valid (C2SP tlog-policy).

    log tallystick.local/beacon+356eefad+AUy1q/atefv1q7zK/MJp2FzSZR7UuIW1hp8kGu3wpbop
    witness bank tallystick.local/validator/meridian-bank+70ee0658+BHQiuYh1mAaOMsREipSa2ykND041ueAbDuXxoeYA/iZ0
    # valid bank 2026-11-22T00:00:00Z 2028-11-22T00:00:00Z
    witness court tallystick.local/validator/commercial-court+8ec3bead+BPOBYm5B5wJ+pDG/4wCelL3SWnRr7sRolI1sPHxdyaVL
    group validators 2 bank court
    quorum validators

This is all that a verifier has to trust. Names hold inside the policy only; keys are what counts. The line `# valid`
says from when until when a witness's key speaks for it; to other software it is a comment.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from audit_chain.encoding import from_decimal, from_time, to_time
from audit_chain.errors import Malformed, MalformedPolicy, QuorumNotReached, UnknownOrigin
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, KeyKind, VerifierKey
from audit_chain.log.note import Note, verified_signatures

MAX_POLICY_SIZE = 1 << 20
"""Bytes; a policy of 128 ML-DSA-44 witnesses takes a quarter of it."""

NO_QUORUM = "none"
"""The quorum that every checkpoint reaches."""

_KIND_NAMES = {COSIGN_ED25519: "ed25519", COSIGN_MLDSA44: "mldsa44"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Log:
    """A log that the policy accepts; its key's name is the log's origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last moment (POSIX seconds) at which a key speaks for its witness."""

    not_before: int
    not_after: int

    def __contains__(self, timestamp: int) -> bool:
        return self.not_before <= timestamp <= self.not_after

    def __str__(self) -> str:
        return f"{to_time(self.not_before)} {to_time(self.not_after)}"

    @classmethod
    def parse(cls, not_before: str, not_after: str) -> Self:
        """The validity between two moments (RFC 3339); MalformedPolicy where it ends before it begins."""
        validity = cls(from_time(not_before), from_time(not_after))
        if validity.not_before > validity.not_after:
            raise MalformedPolicy("a validity ends before it begins", expected=f"{not_before} or later", got=not_after)
        return validity


@dataclass(frozen=True, slots=True)
class Witness:
    """One cosigner's key under the name that groups and quorum use; without a validity it speaks at any time."""

    name: str
    key: VerifierKey
    url: str | None = None
    validity: Validity | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and earlier groups of which at least `threshold` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One witness's verified cosignature."""

    witness: str
    timestamp: int
    kind: KeyKind


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that the policy accepts, and on whose word."""

    checkpoint: LogCheckpoint
    log_key: VerifierKey
    cosigned: tuple[Cosigned, ...]


@dataclass(frozen=True, slots=True)
class Cosignatures:
    """The verified cosignatures of listed witnesses: those that count, and those outside their key's validity."""

    counted: tuple[Cosigned, ...]
    untimely: tuple[Cosigned, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Logs, and a tree of witnesses whose root is the quorum."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The policy of a text file; comments, blank lines and spacing are not kept."""
        if len(data) > MAX_POLICY_SIZE:
            raise MalformedPolicy("policy is too large", expected=f"at most {MAX_POLICY_SIZE} bytes", got=len(data))
        # Octets above 0x7f are opaque to a policy, whether or not they are UTF-8.
        text = data.decode("utf-8", "surrogateescape")
        if text and not text.endswith("\n"):
            raise MalformedPolicy("last line does not end in a newline")
        reader = _Reader()
        for number, line in enumerate(text.split("\n"), start=1):
            if _CONTROL.search(line):
                raise MalformedPolicy(f"line {number}: control character")
            try:
                reader.read(line)
            except Malformed as error:
                raise MalformedPolicy(f"line {number}: {error}") from None
        if reader.quorum is None:
            raise MalformedPolicy("no quorum line")
        return cls(tuple(reader.logs), tuple(reader.witnesses), tuple(reader.groups), reader.quorum)

    @classmethod
    def for_network(
        cls,
        log_keys: Sequence[VerifierKey],
        validators: Sequence[tuple[str, Sequence[tuple[VerifierKey, str, str]]]],
    ) -> Self:
        """The policy of a network: its beacon's keys, and two thirds of its validators, each by any of its keys.

        A beacon that was restarted has a key for each origin. Each key of a validator comes with the first and the
        last moment (RFC 3339) at which it speaks for it. MalformedPolicy for what makes no policy.
        """
        witnesses: list[Witness] = []
        groups: list[Group] = []
        for name, keys in validators:
            own: list[Witness] = []
            for key, not_before, not_after in keys:
                taken = sum(witness.key.kind == key.kind for witness in own)
                number = f"-{taken + 1}" if taken else ""
                validity = _validity(not_before, not_after)
                own.append(Witness(f"{name}-{_kind_name(key)}{number}", key, validity=validity))
            witnesses.extend(own)
            groups.append(Group(name, 1, tuple(witness.name for witness in own)))
        names = tuple(group.name for group in groups)
        groups.append(Group("validators", -(-2 * len(names) // 3), names))
        policy = cls(tuple(map(Log, log_keys)), tuple(witnesses), tuple(groups), "validators")
        return cls.parse(policy.render())  # holds it to every rule of the format

    def render(self) -> bytes:
        """A policy text that parses to this policy."""
        lines = [_line("log", log.key, log.url) for log in self.logs]
        for witness in self.witnesses:
            lines.append(_line("witness", witness.name, witness.key, witness.url))
            if witness.validity is not None:
                lines.append(_line("# valid", witness.name, witness.validity))
        for group in self.groups:
            threshold = "any" if group.threshold == 1 else group.threshold
            lines.append(_line("group", group.name, threshold, *group.members))
        lines.append(_line("quorum", self.quorum))
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")

    def verify(self, note: bytes) -> VerifiedCheckpoint:
        """The checkpoint of a note that one of the logs signed and enough witnesses cosigned.

        Raises UnknownOrigin, InvalidSignature or QuorumNotReached (C2SP tlog-proof, "Verifying", steps 2 and 3).
        """
        parsed = Note.parse(note)
        checkpoint = LogCheckpoint.parse(parsed.text)
        return VerifiedCheckpoint(checkpoint, self.verify_log(parsed), self.verify_cosignatures(parsed))

    def verify_log(self, note: Note) -> VerifierKey:
        """The key of the listed log that signed its checkpoint; UnknownOrigin or InvalidSignature where none did."""
        origin = LogCheckpoint.parse(note.text).origin
        keys = [log.key for log in self.logs if log.key.name == origin]
        if not keys:
            raise UnknownOrigin("the policy does not list this log", got=origin)
        return verified_signatures(note, keys)[0][0]

    def verify_cosignatures(self, note: Note) -> tuple[Cosigned, ...]:
        """Who cosigned, where that is a quorum, whichever log the checkpoint belongs to.

        Raises InvalidSignature where a listed witness's line does not verify, and QuorumNotReached.
        """
        cosignatures = self.read_cosignatures(note)
        self.require_quorum(cosignatures)
        return cosignatures.counted

    def read_cosignatures(self, note: Note) -> Cosignatures:
        """Who cosigned, whether or not that is a quorum; InvalidSignature where a listed one's line does not verify."""
        witnesses = {(witness.key.name, witness.key.key_id): witness for witness in self.witnesses}
        if not any((signature.name, signature.key_id) in witnesses for signature in note.signatures):
            return Cosignatures((), ())
        counted: list[Cosigned] = []
        untimely: list[Cosigned] = []
        for key, signature in verified_signatures(note, [witness.key for witness in self.witnesses]):
            witness = witnesses[key.name, key.key_id]
            one = Cosigned(witness.name, timestamp_of(signature), key.kind)
            timely = witness.validity is None or one.timestamp in witness.validity
            (counted if timely else untimely).append(one)
        return Cosignatures(tuple(counted), tuple(untimely))

    def satisfied_by(self, names: Collection[str]) -> bool:
        """Whether these witnesses make a quorum."""
        return self.quorum == NO_QUORUM or self.quorum in self._witnessing(names)

    def _witnessing(self, names: Collection[str]) -> set[str]:
        """The given witnesses and every group that they satisfy."""
        witnessing = {witness.name for witness in self.witnesses if witness.name in names}
        for group in self.groups:  # a group names only what stands above it
            if sum(member in witnessing for member in group.members) >= group.threshold:
                witnessing.add(group.name)
        return witnessing

    def require_quorum(self, cosignatures: Cosignatures) -> None:
        """Nothing, where those that count are a quorum; QuorumNotReached else."""
        names = {one.witness for one in cosignatures.counted}
        if self.satisfied_by(names):
            return
        group = next(
            (group for group in self.groups if group.name == self.quorum), Group(self.quorum, 1, (self.quorum,))
        )
        got = self._witnessing(names).intersection(group.members)
        late = f"; {untimely_in_words(cosignatures.untimely)}" if cosignatures.untimely else ""
        raise QuorumNotReached(
            f"too few of {self.quorum} cosigned",
            expected=f"{group.threshold} of {len(group.members)}",
            got=f"{len(got)} ({', '.join(sorted(got)) or 'none'}){late}",
        )


class _Reader:
    """Collects the lines of a policy and holds each to the rules that refer to lines before it."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._names: set[str] = {NO_QUORUM}
        self._members: set[str] = {NO_QUORUM}

    def read(self, line: str) -> None:
        """Takes in one line."""
        items = _SPACE.split(line.strip(" \t"))
        keyword, arguments = items[0], items[1:]
        if keyword.startswith("#"):
            self._comment([*filter(None, (keyword.removeprefix("#"), *arguments))])
            return
        if not keyword:
            return
        if keyword == "log":
            self._log(arguments)
        elif keyword == "witness":
            self._witness(arguments)
        elif keyword == "group":
            self._group(arguments)
        elif keyword == "quorum":
            self._quorum(arguments)
        else:
            raise MalformedPolicy("unknown keyword", expected="log, witness, group or quorum")

    def _log(self, arguments: list[str]) -> None:
        _check_count("log <vkey> [<url>]", arguments, 1, 2)
        key = VerifierKey.parse(arguments[0])
        _check_new(key, (log.key for log in self.logs))
        self.logs.append(Log(key, *arguments[1:]))

    def _witness(self, arguments: list[str]) -> None:
        _check_count("witness <name> <vkey> [<url>]", arguments, 2, 3)
        key = VerifierKey.parse(arguments[1])
        if key.kind not in _KIND_NAMES:
            raise MalformedPolicy("witness key is not for cosignatures", expected="kind 4 or 6", got=key.kind)
        _check_new(key, (witness.key for witness in self.witnesses))
        url = arguments[2] if len(arguments) > 2 else None
        self.witnesses.append(Witness(self._new_name(arguments[0]), key, url))

    def _comment(self, words: list[str]) -> None:
        # Passed over when mistyped, it would let a key speak at any time.
        if words[:1] != ["valid"]:
            return
        _check_count("# valid <witness> <not before> <not after>", words[1:], 3, 3)
        places = [place for place, witness in enumerate(self.witnesses) if witness.name == words[1]]
        if not places:
            raise MalformedPolicy("validity of a witness that is not defined above")
        if self.witnesses[places[0]].validity is not None:
            raise MalformedPolicy("second validity of one witness")
        self.witnesses[places[0]] = replace(self.witnesses[places[0]], validity=Validity.parse(words[2], words[3]))

    def _group(self, arguments: list[str]) -> None:
        _check_count("group <name> all|any|<k> <name>...", arguments, 3)
        name, threshold, *members = arguments
        for member in members:
            if member not in self._names or member == NO_QUORUM:
                raise MalformedPolicy("group member is not defined above")
            if member in self._members:
                raise MalformedPolicy("group member is listed a second time")
            self._members.add(member)
        count = _threshold(threshold, len(members))
        self.groups.append(Group(self._new_name(name), count, tuple(members)))

    def _quorum(self, arguments: list[str]) -> None:
        _check_count("quorum <name>", arguments, 1, 1)
        if self.quorum is not None:
            raise MalformedPolicy("second quorum line")
        if arguments[0] not in self._names:
            raise MalformedPolicy("quorum is not defined above")
        self.quorum = arguments[0]

    def _new_name(self, name: str) -> str:
        if name in self._names:
            raise MalformedPolicy("name is defined a second time")
        self._names.add(name)
        return name


def untimely_in_words(cosigned: Iterable[Cosigned]) -> str:
    """Whose cosignatures do not count because of when they were made."""
    return f"outside their key's validity: {', '.join(sorted(one.witness for one in cosigned))}"


def _validity(not_before: str, not_after: str) -> Validity:
    try:
        return Validity.parse(not_before, not_after)
    except MalformedPolicy:
        raise
    except Malformed as error:
        raise MalformedPolicy(f"a key's validity cannot be read ({error})") from None


def _check_count(form: str, arguments: list[str], least: int, most: int | None = None) -> None:
    if len(arguments) < least or (most is not None and len(arguments) > most):
        raise MalformedPolicy("wrong number of items", expected=form, got=f"{len(arguments)} items")


def _check_new(key: VerifierKey, others: Iterable[VerifierKey]) -> None:
    # One key under two names or kinds would count twice.
    if any(key.public == other.public for other in others):
        raise MalformedPolicy("public key is listed a second time")


def _threshold(text: str, members: int) -> int:
    if text == "any":
        return 1
    if text == "all":
        return members
    threshold = from_decimal(text)
    if not 1 <= threshold <= members:
        raise MalformedPolicy("threshold of a group", expected=f"1 to {members}", got=threshold)
    return threshold


def _kind_name(key: VerifierKey) -> str:
    try:
        return _KIND_NAMES[key.kind]
    except KeyError:
        raise MalformedPolicy("validator key is not for cosignatures", expected="kind 4 or 6", got=key.kind) from None


def _line(*items: object) -> str:
    return " ".join(str(item) for item in items if item is not None)
