"""Tile clients that others wrote read and check the beacon's log (C2SP tlog-tiles)."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from apps.beacon.readers import readable
from apps.network.beacon_client import BeaconClient
from audit_chain.encoding import to_base64
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44, NoteSigner, VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, tile_at, tile_path
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import leaf_hash
from tests.core.log_cast import BANK, BANK_MLDSA, COURT, LOG_SIGNER, NOON, TREE, checkpoint, ed25519, mldsa44, signed
from tests.interop.cast import written
from tests.interop.go_programs import GoProgram
from tests.nodes.cast import key_of
from tests.nodes.processes import Processes

pytestmark = pytest.mark.xdist_group("interop")

SUCCESS = "Successfully fsck'd"

KINDS = ((CosignerEd25519, ed25519), (CosignerMLDSA44, mldsa44))

Fsck: TypeAlias = Callable[[str, VerifierKey], str]


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


class TestTesserasFsck:
    """It exits with 0 whatever it finds, so what it says is what counts. With one worker alone it hangs at an error."""

    @pytest.fixture
    def copy(self, network: Processes, long_log: BeaconClient, tmp_path: Path) -> Path:
        """The files of the log in a folder."""
        note = long_log.log.checkpoint()
        size = LogCheckpoint.parse(Note.parse(note).text).size
        bundles = -(-size // TILE_WIDTH)
        tiles = [tile_at(level, index, size=size) for level in (ENTRIES, 0) for index in range(bundles)]
        folder = tmp_path / "copy"
        keep(folder / "checkpoint", note)
        for path in map(tile_path, [*tiles, tile_at(1, 0, size=size)]):
            keep(folder / path, httpx.get(f"{network.url('beacon')}/log/{path}").raise_for_status().content)
        return folder

    @pytest.fixture
    def fsck(self, go_program: GoProgram, tmp_path: Path) -> Fsck:
        """Call it with a URL and a key for what fsck says of the log."""
        program = go_program("tessera", "github.com/transparency-dev/tessera/cmd/fsck")

        def say(url: str, key: VerifierKey) -> str:
            path = written(tmp_path / "key", str(key))
            return run(program, f"-storage_url={url}", f"-public_key={path}", "-N=8", "-ui=false").stderr

        return say

    def test_it_rebuilds_the_beacons_log_over_http(
        self, fsck: Fsck, network: Processes, long_log: BeaconClient
    ) -> None:
        said = fsck(f"{network.url('beacon')}/log/", network.network.beacon.key)
        checkpoint = LogCheckpoint.parse(Note.parse(long_log.log.checkpoint()).text)
        assert f"Successfully fsck'd log with size {checkpoint.size} and root {to_base64(checkpoint.root)}" in said

    def test_a_copy_of_the_log_is_as_good(self, fsck: Fsck, network: Processes, copy: Path) -> None:
        assert SUCCESS in fsck(f"file://{copy}/", network.network.beacon.key)

    @pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/000", "checkpoint"])
    def test_one_flipped_bit_is_found(self, fsck: Fsck, network: Processes, copy: Path, path: str) -> None:
        content = bytearray((copy / path).read_bytes())
        content[40] ^= 1
        (copy / path).write_bytes(content)
        said = fsck(f"file://{copy}/", network.network.beacon.key)
        assert "fsck failed" in said
        assert SUCCESS not in said

    def test_another_key_is_refused(self, fsck: Fsck, network: Processes, copy: Path) -> None:
        other = NoteSigner(network.network.beacon.key.name, key_of(41)).verifier_key
        said = fsck(f"file://{copy}/", other)
        assert "fsck failed" in said
        assert SUCCESS not in said


class TestTorchwood:
    def test_its_client_reads_every_entry_and_proves_the_last(
        self, go_program: GoProgram, network: Processes, long_log: BeaconClient, policy: str
    ) -> None:
        reading = run(go_program("torchwood", "./readlog"), f"-url={network.url('beacon')}/log", f"-policy={policy}")
        assert reading.returncode == 0, reading.stderr
        proof = TlogProof.parse(reading.stdout.encode())
        entry = long_log.log.bundle(proof.index // TILE_WIDTH, size=proof.index + 1)[-1]
        checkpoint = proof.verify(leaf_hash(entry))
        assert checkpoint.size == proof.index + 1
        network.network.policy().verify(proof.checkpoint)

    def test_its_client_refuses_a_checkpoint_without_the_quorum(
        self, go_program: GoProgram, network: Processes, long_log: BeaconClient, tmp_path: Path
    ) -> None:
        stranger = CosignerEd25519("stranger.example/witness", key_of(41)).verifier_key
        text = f"log {network.network.beacon.key}\nwitness stranger {stranger}\nquorum stranger\n"
        policy = written(tmp_path / "policy", text)
        reading = run(go_program("torchwood", "./readlog"), f"-url={network.url('beacon')}/log", f"-policy={policy}")
        assert (reading.returncode, reading.stdout) == (1, "")
        assert "note verification failed" in reading.stderr

    def test_it_verifies_our_proofs(
        self, go_program: GoProgram, long_log: BeaconClient, policy: str, tmp_path: Path
    ) -> None:
        program = go_program("torchwood", "./checkproof")
        for index in (0, 5, 255, 256):
            proven = long_log.proof(index)
            assert proven is not None
            proof = written(tmp_path / "proof", proven.proof)
            entry = written(tmp_path / "entry", proven.entry)
            arguments = (f"-policy={policy}", f"-proof={proof}", f"-entry={entry}")
            checking = run(program, *arguments)
            assert checking.returncode == 0, checking.stderr
            written(tmp_path / "entry", proven.entry + b" ")
            assert "inclusion proof verification failed" in run(program, *arguments).stderr

    def test_it_reads_a_checkpoint_of_64_validators_as_the_beacon_publishes_it(
        self, go_program: GoProgram, tmp_path: Path
    ) -> None:
        text = checkpoint(20).text()
        cosigners = [kind(f"test.example/validator/{n}", key(n)) for n in range(64) for kind, key in KINDS]
        note = Note(text, (LOG_SIGNER.sign(text), *(cosigner.cosign(text, NOON) for cosigner in cosigners)))
        policy = written(tmp_path / "policy", f"log {LOG_SIGNER.verifier_key}\nquorum none\n")
        entry = written(tmp_path / "entry", "entry 7")
        said = []
        for published in (note, readable(note)):
            proof = TlogProof(7, tuple(TREE.inclusion_proof(7)), published.render())
            arguments = (
                f"-policy={policy}",
                f"-proof={written(tmp_path / 'proof', proof.render())}",
                f"-entry={entry}",
            )
            said.append(run(go_program("torchwood", "./checkproof"), *arguments).stderr)
        assert said == ["malformed note\n", ""]
        assert len(readable(note).signatures) == 1 + 64


def test_a_checkpoint_that_everybody_reads_is_published_whole() -> None:
    note = signed(20, BANK, BANK_MLDSA, COURT)
    assert readable(note) == note


def keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
