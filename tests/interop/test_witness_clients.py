"""Our validators answer witness clients that others wrote (C2SP tlog-witness)."""

import subprocess
from pathlib import Path

import pytest

from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note, verified_signatures
from tests.interop.cast import TESSERA_LOG, TORCHWOOD_LOG, UNKNOWN_LOG, policy_of, signing_key, written
from tests.interop.go_programs import GoProgram
from tests.nodes.processes import Processes

pytestmark = pytest.mark.xdist_group("interop")


class TestTessera:
    """A Tessera log, appended to by our small program around its public interface, asks our four validators."""

    def append(
        self, go_program: GoProgram, network: Processes, folder: Path, *arguments: str, signer: NoteSigner, count: int
    ) -> Note:
        """The checkpoint that the log publishes after `count` more entries."""
        key = written(folder / "key", signing_key(signer))
        policy = written(folder / "policy", policy_of(network.network, quorum="all"))
        program = go_program("tessera", "./appendlog")
        appending = subprocess.run(
            [program, f"-log={folder}/log", f"-key={key}", f"-policy={policy}", *arguments],
            input="".join(f"entry {number}\n" for number in range(count)).encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert appending.returncode == 0, appending.stderr.decode()
        return Note.parse(appending.stdout)

    def test_it_publishes_what_all_validators_cosigned(
        self, go_program: GoProgram, network: Processes, tmp_path: Path
    ) -> None:
        keys = [node.keys[0] for node in network.network.validators]
        for total in (3, 6, 9):
            note = self.append(go_program, network, tmp_path, signer=TESSERA_LOG, count=3)
            assert LogCheckpoint.parse(note.text).size == total
            signed = [key for key, _ in verified_signatures(note, [TESSERA_LOG.verifier_key, *keys])]
            assert sorted(map(str, signed)) == sorted(map(str, [TESSERA_LOG.verifier_key, *keys]))

    def test_a_log_that_no_validator_knows_is_not_cosigned(
        self, go_program: GoProgram, network: Processes, tmp_path: Path
    ) -> None:
        note = self.append(go_program, network, tmp_path, "-fail-open", signer=UNKNOWN_LOG, count=3)
        assert [signature.name for signature in note.signatures] == [UNKNOWN_LOG.name]


class TestTorchwood:
    """torchwood has no witness client of its own: our program asks, with its checkpoints, proofs and verifiers."""

    def test_a_growing_log_is_cosigned_and_a_forked_one_is_not(
        self, go_program: GoProgram, network: Processes, tmp_path: Path
    ) -> None:
        key = written(tmp_path / "key", signing_key(TORCHWOOD_LOG))
        node = network.network.validators[0]
        program = go_program("torchwood", "./askwitness")
        asking = subprocess.run(
            [program, f"-url={node.url}", f"-witness={node.keys[0]}", f"-key={key}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert asking.returncode == 0, asking.stderr
        assert asking.stdout.splitlines() == [
            "first: 200 cosigned",
            "grown: 200 cosigned",
            "unchanged: 200 cosigned",
            "forgetful: 409 text/x.tlog.size 300",
            "forked: 422",
            "beyond: 400",
            "grown again: 200 cosigned",
        ]
