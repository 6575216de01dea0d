"""Command line: verifies a proof bundle, or a proof of misbehaviour, offline.

    python -m audit_chain verify invoice.bundle.json --policy policy.txt
    python -m audit_chain misbehaviour double-vote.json --policy policy.txt

Exit code 0: verified. 1: refuted, and the step at which. 2: unreadable. Nothing is fetched, stored or sent.
"""

import argparse
import hashlib
import json
import os
import stat
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TextIO

from audit_chain import canonical
from audit_chain.encoding import to_hex
from audit_chain.errors import Invalid, Malformed
from audit_chain.log.policy import MAX_POLICY_SIZE, TrustPolicy
from audit_chain.proof.bundle import MAX_BUNDLE_SIZE
from audit_chain.proof.offence import MAX_FILE_SIZE, OffenceFinding, Statement, verify_offence
from audit_chain.proof.verdict import (
    Attestation,
    EvidenceFinding,
    Outcome,
    RecordFinding,
    StateFinding,
    Verdict,
    stated_time_in_words,
    time_in_words,
)
from audit_chain.proof.verifier import verify
from audit_chain.records.fields import Value


class ExitCode(IntEnum):
    VERIFIED = 0
    REFUTED = 1
    UNREADABLE = 2  # also argparse's code for a command line that it cannot read


class Unreadable(Exception):
    """What cannot be read, and why, in words for people."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one run; what is to be said goes to standard output, or standard error if unreadable."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        _survive_any_terminal(stream)
    try:
        code = _misbehaviour(options) if options.command == "misbehaviour" else _verify(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter must not try to write what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.UNREADABLE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit_chain", description="Checks Tallystick's proofs, offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "verify",
        help="check a proof bundle",
        description="Checks a proof bundle step by step against a trust policy.",
        epilog="Exit code: 0 verified, 1 refuted, 2 unreadable.",
    )
    command.add_argument("bundle", metavar="BUNDLE", type=Path, help="the proof bundle")
    command.add_argument("--policy", metavar="POLICY", type=Path, required=True, help="whom you trust: a tlog-policy")
    command.add_argument("--file", metavar="FILE", type=Path, help="also check that the bundle is about this file")
    command.add_argument("--json", action="store_true", help="print the verdict as JSON")
    command = commands.add_parser(
        "misbehaviour",
        help="check a proof of misbehaviour",
        description="Checks that two statements, each signed by the same hand, contradict each other.",
        epilog="Exit code: 0 proven, 1 refuted, 2 unreadable.",
    )
    command.add_argument("proof", metavar="FILE", type=Path, help="the proof of misbehaviour")
    command.add_argument("--policy", metavar="POLICY", type=Path, required=True, help="whom you trust: a tlog-policy")
    command.add_argument("--json", action="store_true", help="print the verdict as JSON")
    return parser


def _verify(options: argparse.Namespace) -> ExitCode:
    try:
        policy = _read_policy(options.policy)
        bundle = _read(options.bundle, MAX_BUNDLE_SIZE)
        digest = _digest(options.file) if options.file else None
        verdict = _verdict(options.bundle, bundle, policy, digest)
    except Unreadable as error:
        _say_unreadable(str(error), as_json=options.json)
        return ExitCode.UNREADABLE
    print(json.dumps(verdict.to_json(), indent=2) if options.json else "\n".join(_words(verdict)))
    return ExitCode.VERIFIED if verdict.verified else ExitCode.REFUTED


def _verdict(path: Path, bundle: bytes, policy: TrustPolicy, digest: bytes | None) -> Verdict:
    try:
        return verify(bundle, policy, file_digest=digest)
    except Malformed as error:
        raise Unreadable(f"{path} is not a proof bundle: {error}") from None


def _misbehaviour(options: argparse.Namespace) -> ExitCode:
    try:
        policy = _read_policy(options.policy)
        finding = _offence(options.proof, _read(options.proof, MAX_FILE_SIZE), policy)
    except Unreadable as error:
        _say_unreadable(str(error), as_json=options.json)
        return ExitCode.UNREADABLE
    except Invalid as error:
        said = json.dumps({"verdict": "refuted", "error": str(error)}, indent=2)
        print(said if options.json else _printable(f"REFUTED. {error}"))
        return ExitCode.REFUTED
    said = json.dumps({"verdict": "proven", **finding.to_json()}, indent=2)
    print(said if options.json else "\n".join(_offence_words(finding)))
    return ExitCode.VERIFIED


def _offence(path: Path, data: bytes, policy: TrustPolicy) -> OffenceFinding:
    try:
        return verify_offence(data, policy)
    except Malformed as error:
        raise Unreadable(f"{path} is no proof of misbehaviour: {error}") from None


def _read_policy(path: Path) -> TrustPolicy:
    data = _read(path, MAX_POLICY_SIZE)
    try:
        return TrustPolicy.parse(data)
    except Malformed as error:
        raise Unreadable(f"{path} is not a trust policy: {error}") from None


def _read(path: Path, limit: int) -> bytes:
    """The whole file, unless it has more than `limit` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise Unreadable(_cannot_read(path, error)) from None
    if len(data) > limit:
        raise Unreadable(f"{path} is larger than {limit} bytes")
    return data


def _digest(path: Path) -> bytes:
    """SHA-256 of a regular file of any size."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable(f"cannot read {path}: not a regular file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError) as error:
        raise Unreadable(_cannot_read(path, error)) from None


def _cannot_read(path: Path, error: OSError | ValueError) -> str:
    return f"cannot read {path}: {getattr(error, 'strerror', None) or error}"


def _say_unreadable(message: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"verdict": "unreadable", "error": message}, indent=2))
    else:
        print(f"UNREADABLE. {_printable(message)}", file=sys.stderr)


def _words(verdict: Verdict) -> Iterator[str]:
    """The verdict for people: the sentence first, the steps last."""
    yield _printable(f"{'VERIFIED' if verdict.verified else 'REFUTED'}. {verdict.sentence}")
    if verdict.failed:
        yield f"  {_printable(verdict.failed.detail)}"
    if isinstance(verdict.finding, RecordFinding):
        yield from _record_words(verdict.finding)
    elif isinstance(verdict.finding, EvidenceFinding):
        yield from _evidence_words(verdict.finding)
    elif isinstance(verdict.finding, StateFinding):
        yield from _state_words(verdict.finding)
    if verdict.finding:
        yield from ("", "What this does not show")
        yield from (f"  - {line}" for line in verdict.finding.not_shown)
    yield from ("", "How it was checked")
    width = len(str(len(verdict.steps)))
    for step in verdict.steps:
        yield f"  {step.number:>{width}}. {step.outcome:<11}  {step.title}"
        if step.detail and step.outcome is Outcome.PASSED:
            yield f"{'':{width + 17}}{_printable(step.detail)}"


def _record_words(finding: RecordFinding) -> Iterator[str]:
    yield from ("", "What is disclosed")
    width = max((len(_printable(name)) for name in finding.fields), default=0)
    for name in sorted(finding.fields, key=_natural_order):
        yield f"  {_printable(name):<{width}}  {_literal(finding.fields[name])}"
    if finding.hidden:
        yield f"  At most {finding.hidden} more fields stay hidden; some of these places hold mere random filling."
    yield from ("", "Where it stands")
    yield f"  record {finding.record} in the pool {finding.pool} of {finding.member}, network {finding.network}"
    yield from ("", "When, and who attests it")
    yield from _attested("in the pool's log", finding.existed_by, finding.witnessed)
    yield from _attested("final on the beacon", finding.final_by, finding.finalized)


def _evidence_words(finding: EvidenceFinding) -> Iterator[str]:
    yield from ("", "What was deposited")
    yield f"  a file with the SHA-256 fingerprint {to_hex(finding.digest)}"
    yield f"  by {finding.member}, network {finding.network}"
    yield from ("", "When, and who attests it")
    yield f"  the beacon states: {stated_time_in_words(finding.stated_time)}"
    yield from _attested("final on the beacon", finding.existed_by, finding.finalized)


def _state_words(finding: StateFinding) -> Iterator[str]:
    yield from ("", "What the state says")
    for name, value in finding.values.items():
        said = "nothing: it has no such name" if value is None else canonical.encode(value).decode()
        yield _printable(f"  {name}  {said}")
    yield from ("", "When, and who attests it")
    yield f"  the beacon states: {stated_time_in_words(finding.stated_time)}"
    yield from _attested("final on the beacon", finding.final_by, finding.finalized)


def _offence_words(finding: OffenceFinding) -> Iterator[str]:
    yield _printable(f"PROVEN. {finding.sentence}")
    yield _printable(f"  {finding.offence.kind}, network {finding.network}")
    for title, statement in zip(("The one statement", "The other"), finding.statements, strict=True):
        yield from ("", title)
        yield from map(_printable, _statement_words(statement))
    yield from ("", "What this does not show")
    yield "  - Why it was done, and by whom of those who held the key."


def _statement_words(statement: Statement) -> Iterator[str]:
    yield f"  log   {statement.origin}"
    yield f"  tree  {statement.size} entries, root {to_hex(statement.root)}"
    if statement.vote:
        yield f"  vote  from epoch {statement.vote[0]} to epoch {statement.vote[1]}"
    if statement.time is not None:
        yield f"  time  {time_in_words(statement.time)}, as the signer states"


def _attested(what: str, by: int | None, attestations: Sequence[Attestation]) -> Iterator[str]:
    yield f"  {what}, " + ("at no attested time" if by is None else f"no later than {time_in_words(by)}:")
    width = max((len(one.validator) for one in attestations), default=0)
    for one in attestations:
        yield f"    {_printable(one.validator):<{width}}  signed {time_in_words(one.time)}"


def _natural_order(name: str) -> list[tuple[int, str]]:
    """Positions in an array by number: lines.2 before lines.10."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in name.split(".")]


def _literal(value: Value) -> str:
    return _printable(value) if isinstance(value, str) else canonical.encode(value).decode()


_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _printable(text: str) -> str:
    """The text with everything escaped that could move the cursor, hide or reorder what is printed."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):x}}}" if unicodedata.category(character) in _UNSAFE else character


def _survive_any_terminal(stream: TextIO) -> None:
    """Characters that the terminal's encoding lacks are escaped, rather than ending the run."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
