"""The examples of docs/spec that these tests can hold to the code."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from audit_chain.beacon.entries import parse_entry
from audit_chain.cli import main
from audit_chain.proof.verifier import verify
from audit_chain.records import disclosure
from audit_chain.records.entry import RecordEntry, ReplacementEntry
from audit_chain.records.fields import flatten
from audit_chain.records.tree import commit
from audit_chain.testing import FILE, example_deposit, example_record, example_state, record_key

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "docs" / "spec"
VECTORS = ROOT / "tests" / "vectors" / "proof-bundle"


def blocks(page: str) -> list[str]:
    """The page's fenced examples in order."""
    return re.findall(r"^```\n(.*?)^```$", (SPEC / page).read_text(), re.MULTILINE | re.DOTALL)


def titles(page: str) -> dict[str, list[str]]:
    """The bold beginnings of the numbered steps, under each heading."""
    sections = re.split(r"^## ", (SPEC / page).read_text(), flags=re.MULTILINE)[1:]
    found = {
        section.split("\n")[0]: re.findall(r"^(\d+)\. \*\*(.*?)\.\*\*", section, re.MULTILINE) for section in sections
    }
    for steps in found.values():
        assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    return {heading: [title for _, title in steps] for heading, steps in found.items() if steps}


def test_the_page_on_disclosures_shows_one() -> None:
    text, array, fields = blocks("field-disclosure.md")
    shown = disclosure.parse(text.strip())
    assert json.loads(array)[1:] == [shown.name, shown.value]
    document, listing = fields.split("\n\n")
    listed = {name: json.loads(value) for name, value in (line.split(maxsplit=1) for line in listing.splitlines())}
    assert flatten(json.loads(document)) == listed


def test_the_page_on_record_trees_shows_one() -> None:
    record = commit({"kind": "order", "number": "4500-8812"}, record_key(1))
    kind, number, root = blocks("record-tree.md")[1].splitlines()
    assert kind.split() == ["kind", record.disclosures["kind"], "leaf", str(record.positions["kind"])]
    assert number.split() == ["number", record.disclosures["number"], "leaf", str(record.positions["number"])]
    assert root.split() == ["root", record.root.hex()]
    assert record.root.hex()[:8] in blocks("record-tree.md")[0]


def test_the_page_on_entries_shows_entries() -> None:
    lines = "".join(blocks("entries.md")).splitlines()
    whole = [line.encode() for line in lines if "…" not in line]
    assert len(whole) == len(lines) - 6  # notes and keys of the others are shortened
    record, replacement, seal, *beacon = whole
    assert RecordEntry.parse(record).encode() == record
    assert ReplacementEntry.parse(replacement).encode() == replacement
    assert json.loads(seal)["type"] == "seal"
    for entry in beacon:
        assert parse_entry(entry).encode() == entry
    assert {parse_entry(entry).TYPE for entry in beacon} == {"genesis", "member", "pool", "evidence", "ballot", "seal"}


def test_the_page_on_verification_has_the_verifiers_numbers_and_titles() -> None:
    record, deposit = example_record(), example_deposit(sha256(FILE).digest())
    digest = sha256(FILE).digest()
    verdicts = {
        "A record": verify(record.bundle("source.sha256"), record.network.policy, file_digest=digest),
        "A deposit": verify(deposit.bundle(), deposit.network.policy, file_digest=digest),
        "An answer of the state": verify(
            example_state(deposit.network, [f"evidence/{digest.hex()}"]), deposit.network.policy, file_digest=digest
        ),
    }
    walked = {heading: [step.title for step in verdict.steps] for heading, verdict in verdicts.items()}
    assert titles("verification.md") == walked


def test_the_page_on_verification_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    command, *printed = blocks("verification.md")[0].splitlines()
    assert command == "$ python -m audit_chain verify record.bundle.json --policy policy.txt"
    assert main(["verify", str(VECTORS / "record.bundle.json"), "--policy", str(VECTORS / "policy.txt")]) == 0
    assert capsys.readouterr().out.splitlines() == printed


def test_bundles_are_still_written_as_they_were_published() -> None:
    """A change here is a new version of the format."""
    record, deposit = example_record(), example_deposit(sha256(FILE).digest())
    fields, latest = ("due_date", "number", "payable_amount"), record.network.pool.latest()
    assert (VECTORS / "record.bundle.json").read_bytes() == record.bundle(*fields, latest=latest)
    assert (VECTORS / "evidence.bundle.json").read_bytes() == deposit.bundle()
    names = [f"evidence/{sha256(data).hexdigest()}" for data in (FILE, b"")]
    assert (VECTORS / "state.bundle.json").read_bytes() == example_state(deposit.network, names)
    assert (VECTORS / "policy.txt").read_bytes() == record.network.policy.render()
    assert (VECTORS / "deposited-file.txt").read_bytes() == FILE


def test_the_page_on_bundles_quotes_the_published_one() -> None:
    page, bundle = (SPEC / "proof-bundle.md").read_text(), json.loads((VECTORS / "record.bundle.json").read_bytes())
    for kind in ("record", "evidence", "state"):
        assert json.loads((VECTORS / f"{kind}.bundle.json").read_bytes())["checksum"] in page
    for text in bundle["disclosures"]:
        assert text in page
