import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import cffi
import cryptography
import pytest

from audit_chain.cli import main
from audit_chain.log.policy import TrustPolicy
from audit_chain.testing import FILE, INVOICE, ExampleNetwork, example_deposit, example_record, example_state

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("number", "payable_amount", "due_date")
FIELDS = {
    **INVOICE,
    "note": "bell \a, colour \x1b[31m, order \u202egnirts\u202c",
    **{f"lines.{n}.id": n for n in (2, 10)},
}
RECORD = example_record(fields=FIELDS)


class Folder:
    """Files as a stranger has them: bundles, a policy and the original file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.policy = self.write("policy.txt", RECORD.network.policy.render())
        self.bundle = self.write("invoice.bundle.json", RECORD.bundle(*NAMES))
        self.evidence = self.write("evidence.bundle.json", example_deposit(sha256(FILE).digest()).bundle())
        self.file = self.write("invoice.eml", FILE)

    def write(self, name: str, data: bytes) -> Path:
        path = self.path / name
        path.write_bytes(data)
        return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def run(bundle: Path, policy: Path, *options: str | Path) -> int:
    return main(["verify", str(bundle), "--policy", str(policy), *map(str, options)])


def test_a_verified_record_is_told_in_plain_words(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder.bundle, folder.policy) == 0
    said, complained = capsys.readouterr()
    assert said.startswith("VERIFIED. These 3 fields stand unchanged in a record of northwind-parts")
    assert "  payable_amount  535500\n" in said
    assert "At most 13 more fields stay hidden" in said
    assert (
        "no later than 22 November 2026, 15:40:09 UTC:\n    meridian-bank     signed 22 November 2026, 15:40:07 UTC"
        in said
    )
    assert "Whether what the document says is true" in said
    assert "   8. passed       Enough validators signed the beacon's log\n" in said
    assert "   9. passed       The beacon's log is final\n" in said
    assert complained == ""


def test_what_people_want_first_comes_first(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder.bundle, folder.policy)
    said = capsys.readouterr().out
    headings = [
        "VERIFIED",
        "What is disclosed",
        "When, and who attests it",
        "What this does not show",
        "How it was checked",
    ]
    places = [said.index(heading) for heading in headings]
    assert places == sorted(places)


def test_a_refuted_record_names_its_step_and_shows_no_field(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    strangers = ExampleNetwork(validators=["a-bank"]).policy
    assert run(folder.bundle, folder.write("strangers.txt", strangers.render())) == 1
    said = capsys.readouterr().out
    assert said.startswith(
        "REFUTED. This proof does not hold. It fails at step 5: “Enough validators witnessed the pool's log”."
    )
    assert "expected 1 of 1, got 0" in said
    assert "   6. not reached" in said
    assert "535500" not in said


def test_a_deposit_is_compared_with_a_file(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder.evidence, folder.policy, "--file", folder.file) == 0
    assert "This file is unchanged since commercial-court deposited it." in capsys.readouterr().out
    assert run(folder.evidence, folder.policy, "--file", folder.policy) == 1
    assert "It fails at step 7" in capsys.readouterr().out
    assert run(folder.evidence, folder.policy) == 0
    assert sha256(FILE).hexdigest() in capsys.readouterr().out


def test_what_the_state_says_is_told_in_plain_words(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    deposit = example_deposit(sha256(FILE).digest())
    names = [f"evidence/{sha256(data).hexdigest()}" for data in (FILE, b"another")]
    bundle = folder.write("answer.json", example_state(deposit.network, names))
    assert run(bundle, folder.policy) == 0
    said = capsys.readouterr().out
    assert f"fingerprint {sha256(FILE).hexdigest()} by commercial-court." in said
    assert f"There is no deposit of a file with the SHA-256 fingerprint {sha256(b'another').hexdigest()}." in said
    assert f"  {names[1]}  nothing: it has no such name\n" in said
    assert run(bundle, folder.policy, "--file", folder.file) == 0
    assert "There is a deposit of this file by commercial-court." in capsys.readouterr().out
    assert run(bundle, folder.policy, "--file", folder.policy) == 1
    assert "It fails at step 6" in capsys.readouterr().out


def test_a_record_that_still_stands_is_called_so(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    record = example_record()
    bundle = folder.write("standing.json", record.bundle("number", latest=record.network.pool.latest()))
    assert run(bundle, folder.policy) == 0
    assert "This is the latest version and it is not void, as the pool stated on" in capsys.readouterr().out


def test_a_record_is_compared_with_the_file_it_was_made_from(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = folder.write("with-digest.json", RECORD.bundle("source.sha256"))
    assert run(bundle, folder.policy, "--file", folder.file) == 0
    assert run(bundle, folder.policy, "--file", folder.policy) == 1
    assert run(folder.bundle, folder.policy, "--file", folder.file) == 1
    assert "source.sha256 disclosed" in capsys.readouterr().out


def test_machines_get_json(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder.bundle, folder.policy, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["verdict"] == "verified"
    assert verdict["shows"]["fields"] == {name: INVOICE[name] for name in NAMES}
    assert run(folder.evidence, folder.policy, "--json", "--file", folder.policy) == 1
    assert json.loads(capsys.readouterr().out)["failed_step"] == 7
    assert run(folder.policy, folder.policy, "--json") == 2
    unreadable = json.loads(capsys.readouterr().out)
    assert unreadable["verdict"] == "unreadable"
    assert "not a proof bundle" in unreadable["error"]


def test_lines_are_listed_in_their_order(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = folder.write("lines.json", RECORD.bundle("lines.10.id", "lines.2.id", "lines.0.name"))
    run(bundle, folder.policy)
    said = capsys.readouterr().out
    places = [said.index(name) for name in ("lines.0.name", "lines.2.id", "lines.10.id")]
    assert places == sorted(places)


def test_a_disclosed_value_cannot_play_with_the_terminal(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder.write("note.json", RECORD.bundle("note")), folder.policy)
    said = capsys.readouterr().out
    assert r"bell \u{7}, colour \u{1b}[31m, order \u{202e}gnirts\u{202c}" in said
    assert not {"\a", "\x1b", "\u202e"} & set(said)


def test_a_terminal_that_lacks_a_character_gets_it_escaped(folder: Folder) -> None:
    fields = {"seller.name": "Müller GmbH 株式会社"}
    bundle = folder.write("umlaut.json", example_record(fields=fields).bundle("seller.name"))
    done = subprocess.run(
        [sys.executable, "-m", "audit_chain", "verify", bundle, "--policy", folder.policy],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"M\xfcller GmbH \u682a\u5f0f\u4f1a\u793e" in done.stdout


def spoiled_paths(folder: Folder) -> dict[str, tuple[Path, Path]]:
    huge = folder.path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**40)  # sparse: no disk is filled, and no memory must be
    return {
        "a missing bundle": (folder.path / "missing", folder.policy),
        "a missing policy": (folder.bundle, folder.path / "missing"),
        "a folder for a bundle": (folder.path, folder.policy),
        "a folder for a policy": (folder.bundle, folder.path),
        "a huge bundle": (huge, folder.policy),
        "a huge policy": (folder.bundle, huge),
        "an endless bundle": (Path("/dev/zero"), folder.policy),
        "an empty bundle": (folder.write("empty", b""), folder.policy),
        "a policy for a bundle": (folder.policy, folder.policy),
        "a bundle for a policy": (folder.bundle, folder.bundle),
        "a policy without a quorum": (folder.bundle, folder.write("none.txt", b"# nobody\n")),
        "noise for a policy": (folder.bundle, folder.write("noise.txt", b"\xff\x00\xfe")),
        "a bundle under a binary name": (folder.path / "a\0b", folder.policy),
        "a bundle under a name that is no Unicode": (folder.path / "\udcff", folder.policy),
        "deep nesting": (folder.write("deep.json", b"[" * 10**6), folder.policy),
        "an endless number": (folder.write("number.json", b"9" * 10**6), folder.policy),
        "a truncated bundle": (folder.write("short.json", RECORD.bundle("number")[:-1]), folder.policy),
    }


def test_what_cannot_be_read_is_said_in_one_line_and_never_a_traceback(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, (bundle, policy) in spoiled_paths(folder).items():
        assert run(bundle, policy) == 2, what
        said, complained = capsys.readouterr()
        assert said == "", what
        assert complained.startswith("UNREADABLE. "), what
        assert complained.count("\n") == 1, what


@pytest.mark.parametrize("file", ["missing", ".", "/dev/zero"])
def test_a_file_to_compare_must_be_a_file(folder: Folder, capsys: pytest.CaptureFixture[str], file: str) -> None:
    assert run(folder.evidence, folder.policy, "--file", folder.path / file) == 2
    assert "cannot read" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_bundle_that_may_not_be_read_is_unreadable(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.bundle.chmod(0)
    assert run(folder.bundle, folder.policy) == 2


@pytest.mark.parametrize("arguments", [[], ["verify"], ["verify", "x"], ["prove", "x"], ["verify", "x", "--policy"]])
def test_a_command_line_that_makes_no_sense_is_unreadable_too(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_reader_who_leaves_early_causes_no_traceback(folder: Folder) -> None:
    command = f'"{sys.executable}" -m audit_chain verify "{folder.bundle}" --policy "{folder.policy}" | head -c 1'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("V", "")


# Alone, offline


def site_with_cryptography_only(folder: Path) -> Path:
    """A folder of packages that holds `cryptography` and the compiled parts it needs, and nothing else."""
    site = folder / "site"
    site.mkdir()
    packages = Path(cryptography.__file__).parents[1]
    assert Path(cffi.__file__).is_relative_to(packages)
    for name in ("cryptography", "cffi", *(path.name for path in packages.glob("_cffi_backend*"))):
        (site / name).symlink_to(packages / name)
    (site / "audit_chain").symlink_to(ROOT / "audit_chain")
    return site


def without_network() -> list[str]:
    """The command that takes a process's network away; none where this system does not let us."""
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            break
    return []


ALONE = """
import socket, sys
sys.path.insert(0, sys.argv[1])

class NoNetwork(socket.socket):
    def __init__(self, *arguments, **options):
        raise AssertionError("the verifier opened a socket")

socket.socket = NoNetwork
from audit_chain.cli import main
code = main(sys.argv[2:])
strange = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"}
print("besides the standard library:", *sorted(strange), file=sys.stderr)
sys.exit(code)
"""


def test_the_verifier_needs_nothing_but_python_and_cryptography_and_no_network(folder: Folder) -> None:
    site = site_with_cryptography_only(folder.path)
    python = [*without_network(), sys.executable]
    for bundle, expected in ((folder.bundle, 0), (folder.evidence, 0), (folder.policy, 2)):
        done = subprocess.run(
            [*python, "-I", "-S", "-c", ALONE, site, "verify", bundle, "--policy", folder.policy],
            env={},
            cwd=folder.path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected, done.stderr
        used = done.stderr.splitlines()[-1].removeprefix("besides the standard library: ").split()
        assert set(used) <= {"audit_chain", "cryptography", "_openssl", "cffi", "_cffi_backend"}


def test_the_verifier_uses_nothing_of_the_prover() -> None:
    listing = "import sys, audit_chain.__main__, audit_chain.proof.verifier; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    provers = {f"audit_chain.{name}" for name in ("records.tree", "proof.builder", "merkle.prover", "log.sealed_log")}
    assert "audit_chain.proof.verifier" in loaded
    assert not loaded & {*provers, "merkletools", "django", "psycopg", "httpx", "audit_chain.testing"}


def test_the_policy_is_the_one_thing_trusted() -> None:
    policy = RECORD.network.policy
    assert TrustPolicy.parse(policy.render()) == policy
    assert len(policy.logs) == 1
