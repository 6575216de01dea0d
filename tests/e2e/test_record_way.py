"""One record's whole way: in, final, disclosed, verified by a stranger who has nothing but files."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from statistics import median

import cffi
import cryptography
import httpx
import pytest

from apps.launch.installation import BASE_DIR
from audit_chain import canonical
from audit_chain.errors import Malformed
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.verdict import RecordFinding
from audit_chain.proof.verifier import verify
from tests.e2e.enterprise import Enterprise, api_url, until
from tests.e2e.invoices import invoice, numbered
from tests.stack import Stack

FINAL_WITHIN_MEDIAN = 10.0  # seconds from the upload of an invoice to its being final, with four validators
SHOWN = ("number", "payable_amount", "due_date")

numbers = numbered("WAY")

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True, slots=True)
class Way:
    """The files of one record: what went in, what a stranger gets."""

    record: str
    invoice: Path
    bundle: Path
    policy: Path


@pytest.fixture(scope="module")
def way(stack: Stack, supplier: Enterprise, tmp_path_factory: pytest.TempPathFactory) -> Way:
    """A record that the commands took all the way, as the documentation says."""
    folder = tmp_path_factory.mktemp("way")
    file, bundle, policy = folder / "invoice.xml", folder / "bundle.json", folder / "policy.txt"
    file.write_bytes(invoice(next(numbers)))
    record = supplier.import_by_command(file).record
    stack.manage("trust_policy", "--out", str(policy))
    stack.manage(
        *("proof_bundle", "--pool", supplier.name, "--record", record, "--disclose", ",".join(SHOWN)),
        *("--out", str(bundle), "--wait-final", "60"),
    )
    return Way(record, file, bundle, policy)


# Time


def test_an_import_is_final_within_seconds(supplier: Enterprise, figure: Callable[[str, str], None]) -> None:
    seconds = []
    for number in islice(numbers, 5):
        began = time.monotonic()
        record = supplier.bring_one(invoice(number))
        supplier.wait_until_final(record)
        seconds.append(time.monotonic() - began)

    figure("import to final", f"median {median(seconds):.2f} s of {', '.join(f'{value:.2f}' for value in seconds)}")
    assert median(seconds) <= FINAL_WITHIN_MEDIAN


# The stranger


def alone(folder: Path) -> Path:
    """Packages of a stranger's Python: the verifier, `cryptography` and what that needs, nothing else."""
    site = folder / "site"
    site.mkdir()
    packages = Path(cryptography.__file__).parents[1]
    assert Path(cffi.__file__).is_relative_to(packages)
    for name in ("cryptography", "cffi", *(path.name for path in packages.glob("_cffi_backend*"))):
        (site / name).symlink_to(packages / name)
    (site / "audit_chain").symlink_to(BASE_DIR / "audit_chain")
    return site


# No socket opens, though the system has a network.
NO_SOCKETS = """
import socket
class Refused(socket.socket):
    def __init__(self, *arguments, **options):
        raise OSError("networking is switched off")
socket.socket = Refused
"""


def offline(site: Path) -> list[str]:
    """A command prefix that takes the network away; where the system does not let us, Python itself gives no socket."""
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            break
    (site / "sitecustomize.py").write_text(NO_SOCKETS)
    return []


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs Python as a stranger has it: offline, elsewhere, without this project's packages."""
    folder = tmp_path_factory.mktemp("stranger")
    site = alone(folder)
    prefix = offline(site)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, sys.executable, "-S", "-s", "-P", *map(str, arguments)],
            cwd=folder,
            env={"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_stranger_has_neither_network_nor_our_packages(stranger: Run, stack: Stack) -> None:
    reach = f"import socket; socket.create_connection(('127.0.0.1', {stack.place.portal_port}), 5)"
    assert "Error" in stranger("-c", reach).stderr
    assert subprocess.run([sys.executable, "-c", reach], check=False).returncode == 0
    for package in ("django", "psycopg", "httpx", "merkletools", "lxml"):
        assert "ModuleNotFoundError" in stranger("-c", f"import {package}").stderr


def test_a_stranger_verifies_the_bundle_offline_and_sees_three_fields(way: Way, stranger: Run) -> None:
    done = stranger("-m", "audit_chain", "verify", way.bundle, "--policy", way.policy, "--json")

    assert (done.returncode, done.stderr) == (0, "")
    verdict = json.loads(done.stdout)
    assert verdict["verdict"] == "verified"
    assert [step["outcome"] for step in verdict["steps"]] == ["passed"] * 10
    assert sorted(verdict["shows"]["fields"]) == sorted(SHOWN)
    in_words = stranger("-m", "audit_chain", "verify", way.bundle, "--policy", way.policy)
    assert in_words.stdout.startswith("VERIFIED.")


def test_a_spoiled_bundle_and_a_strangers_policy_are_told_by_the_exit_code(
    way: Way, stranger: Run, tmp_path: Path
) -> None:
    spoiled = bytearray(way.bundle.read_bytes())
    place = spoiled.index(b'"proof":"') + 200
    spoiled[place] = ord("A") if spoiled[place] != ord("A") else ord("B")
    wrong, short, half = tmp_path / "wrong.json", tmp_path / "short.json", tmp_path / "half.txt"
    wrong.write_bytes(spoiled)
    short.write_bytes(way.bundle.read_bytes()[:-10])
    half.write_text(way.policy.read_text().replace("quorum ", "quorum no-"))

    assert stranger("-m", "audit_chain", "verify", wrong, "--policy", way.policy).returncode == 1
    assert stranger("-m", "audit_chain", "verify", short, "--policy", way.policy).returncode == 2
    assert stranger("-m", "audit_chain", "verify", way.bundle, "--policy", half).returncode == 2


# The bundle


def verdict_word(bundle: bytes, policy: TrustPolicy) -> str:
    try:
        return "verified" if verify(bundle, policy).verified else "refuted"
    except Malformed:
        return "unreadable"


def test_the_bundle_holds_no_value_that_is_not_disclosed(way: Way, supplier: Enterprise) -> None:
    bundle, policy = way.bundle.read_bytes(), TrustPolicy.parse(way.policy.read_bytes())
    fields = supplier.record(way.record)["fields"]

    finding = verify(bundle, policy).finding

    assert isinstance(finding, RecordFinding)
    assert finding.fields == {name: fields[name] for name in SHOWN}
    assert finding.hidden >= len(fields) - len(SHOWN) > 10
    parsed = canonical.decode(bundle)
    assert isinstance(parsed, dict)
    assert len(parsed["disclosures"]) == len(SHOWN)  # type: ignore[arg-type]
    for name in fields.keys() - set(SHOWN):
        value = str(fields[name])
        if len(value) > 8 and value not in {str(fields[shown]) for shown in SHOWN}:
            assert value.encode() not in bundle, name
            assert sha256(value.encode()).hexdigest().encode() not in bundle, name


def test_no_single_changed_byte_leaves_the_bundle_verified(way: Way) -> None:
    bundle, policy = way.bundle.read_bytes(), TrustPolicy.parse(way.policy.read_bytes())
    draw = random.Random(1)
    assert verdict_word(bundle, policy) == "verified"

    survivors = []
    for place in range(len(bundle)):
        spoiled = bytearray(bundle)
        spoiled[place] ^= draw.randrange(1, 256)
        if verdict_word(bytes(spoiled), policy) == "verified":
            survivors.append(place)

    assert len(bundle) > 5_000
    assert survivors == []


def test_a_forger_who_mends_the_checksum_makes_it_say_nothing_else(way: Way) -> None:
    """At most a signature line more than the quorum needs can be made unknown: what is shown stays the same."""
    bundle, policy = way.bundle.read_bytes(), TrustPolicy.parse(way.policy.read_bytes())
    truth = what_it_says(mended(bundle), policy)
    draw = random.Random(2)

    lies, refused = [], 0
    for place in draw.sample(range(len(bundle)), 400):
        spoiled = bytearray(bundle)
        spoiled[place] = draw.choice(b"ABCabc0189+/=")
        said = what_it_says(mended(bytes(spoiled)), policy)
        refused += said is None
        if said not in (None, truth):
            lies.append(place)

    assert truth is not None
    assert lies == []
    assert refused > 300


def what_it_says(bundle: bytes, policy: TrustPolicy) -> tuple[object, ...] | None:
    """What a verified bundle shows, and of which record; None where it is not verified."""
    if verdict_word(bundle, policy) != "verified":
        return None
    finding = verify(bundle, policy).finding
    assert isinstance(finding, RecordFinding)
    return (finding.fields, finding.record, finding.pool, finding.member, finding.network, finding.hidden)


def mended(bundle: bytes) -> bytes:
    """The bundle with the checksum of what it says, where it can be read at all."""
    try:
        members = canonical.decode(bundle)
    except Malformed:
        return bundle
    if not isinstance(members, dict):
        return bundle
    members.pop("checksum", None)
    return canonical.encode(members | {"checksum": sha256(canonical.encode(members)).hexdigest()})


def test_the_portal_gives_the_same_verdict_to_whoever_brings_the_bundle(way: Way, stack: Stack) -> None:
    url = f"{api_url(stack)}verify"
    answer = httpx.post(url, content=way.bundle.read_bytes(), headers={"Content-Type": "application/json"})
    assert answer.json()["verdict"] == "verified"
    assert sorted(answer.json()["shows"]["fields"]) == sorted(SHOWN)


# The same again, and another version


def test_the_same_document_again_gets_the_same_receipt_and_appends_nothing(
    supplier: Enterprise, tmp_path: Path
) -> None:
    data = invoice(next(numbers))
    file = tmp_path / "again.xml"
    file.write_bytes(data)
    record = supplier.bring_one(data)
    pool = supplier.pool()
    supplier.wait_until_settled(pool)
    before = pool.status().entries

    by_api = supplier.bring({"another-name.xml": data, "twice.xml": data})
    by_command = supplier.import_by_command(file)

    assert [(item["outcome"], item["record"]) for item in by_api] == [("duplicate", record)] * 2
    assert by_command.duplicates == [{"file": str(file), "record": record}]
    assert (by_command.accepted, by_command.refused) == ([], [])
    assert pool.status().entries == before


def test_a_replacement_is_a_linked_version_with_a_proof_of_its_own(supplier: Enterprise, tmp_path: Path) -> None:
    number, policy = next(numbers), supplier.policy()
    first = supplier.bring_one(invoice(number))
    second = supplier.bring_one(invoice(number, note="corrected"), replaces=first)
    file = tmp_path / "third.xml"
    file.write_bytes(invoice(number, note="corrected again"))
    third = supplier.import_by_command(file, replaces=second).record
    supplier.wait_until_final(third)

    versions = [supplier.record(record) for record in (first, second, third)]

    assert [version["versions"] for version in versions] == [[first, second, third]] * 3
    assert [version["replaces"] for version in versions] == [None, first, second]
    assert [version["superseded_by"] for version in versions] == [second, third, None]
    assert [version["twins"] for version in versions] == [[]] * 3
    for record in (first, third):
        assert verdict_word(supplier.disclose(record, SHOWN), policy) == "verified"


def test_another_document_with_the_same_number_is_flagged_until_it_is_declared_a_version(supplier: Enterprise) -> None:
    number = next(numbers)
    older, newer = supplier.bring_one(invoice(number)), supplier.bring_one(invoice(number, note="another"))
    assert supplier.record(older)["twins"] == [newer]
    assert supplier.record(newer)["twins"] == [older]

    answer = supplier.http.post(f"records/{newer}/replacement", json={"replaces": older})

    assert answer.status_code == 204, answer.text
    assert supplier.record(newer)["versions"] == [older, newer]
    assert supplier.record(older)["twins"] == supplier.record(newer)["twins"] == []
    again = supplier.http.post(f"records/{newer}/replacement", json={"replaces": older})
    assert again.status_code == 409
    assert supplier.record(newer)["versions"] == [older, newer]


# Evidence


def test_a_file_is_found_by_its_fingerprint_and_its_deposit_proved_offline(
    supplier: Enterprise, way: Way, stack: Stack, stranger: Run, tmp_path: Path
) -> None:
    data = invoice(next(numbers))
    record, digest = supplier.bring_one(data), sha256(data).hexdigest()
    public = httpx.Client(base_url=api_url(stack), trust_env=False)
    assert public.post("evidence/lookup", json={"sha256": digest}).json()["deposits"] == []

    deposited = supplier.http.post(f"records/{record}/deposit")
    assert deposited.status_code == 202, deposited.text

    def final_deposit() -> dict[str, object] | None:
        deposits = public.post("evidence/lookup", json={"sha256": digest}).json()["deposits"]
        return next((deposit for deposit in deposits if deposit["final"]), None)

    deposit = until(final_deposit, what="the deposit to be final")
    assert deposit["member"] == supplier.name
    proof = public.post("evidence/proof", json={"sha256": digest, "index": deposit["index"]})
    assert proof.status_code == 200, proof.text
    bundle, file, other = tmp_path / "evidence.json", tmp_path / "invoice.xml", tmp_path / "other.xml"
    bundle.write_bytes(proof.content)
    file.write_bytes(data)
    other.write_bytes(data + b"\n")
    arguments = ("-m", "audit_chain", "verify", bundle, "--policy", way.policy, "--file")
    assert stranger(*arguments, file).returncode == 0
    assert stranger(*arguments, other).returncode == 1
    public.close()


def test_nobody_finds_or_gets_a_proof_of_what_was_not_deposited(supplier: Enterprise, way: Way, stack: Stack) -> None:
    digest = sha256(way.invoice.read_bytes()).hexdigest()
    with httpx.Client(base_url=api_url(stack), trust_env=False) as public:
        assert public.post("evidence/lookup", json={"sha256": digest}).json()["deposits"] == []
        assert public.post("evidence/proof", json={"sha256": digest, "index": 1}).status_code == 404
