"""The examples on the pages of `docs/spec/` are real, and belong to one log."""

import re
from pathlib import Path

import pytest

from audit_chain import canonical
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import ed25519_message, timestamp_of
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.tiles import parse_tile_path, tile_at, tile_path
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.log.witness import AddCheckpointRequest, check_request, parse_cosignatures
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog

PAGES = Path(__file__).resolve().parents[2] / "docs" / "spec"

ENTRIES = [
    b"one",
    b"two",
    b"three",
    b'{"previous":null,"time":"2026-11-22T12:00:00Z","type":"seal","v":1}',
    b"five",
    b"six",
    b'{"previous":3,"time":"2026-11-22T12:01:00Z","type":"seal","v":1}',
]
LOG = MemoryLog(map(leaf_hash, ENTRIES))


def examples(page: str) -> list[str]:
    """The indented or fenced blocks of a page, from the first."""
    return re.findall(r"^```\n(.*?)^```$", (PAGES / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE)


def key() -> VerifierKey:
    return VerifierKey.parse(examples("signed-note")[1].strip())


def checkpoint() -> LogCheckpoint:
    return LogCheckpoint.parse(examples("checkpoint")[0])


def policy() -> TrustPolicy:
    return TrustPolicy.parse(examples("policy")[0].encode())


def test_the_checkpoint_is_that_of_the_entries():
    assert checkpoint() == LogCheckpoint("tallystick.local/beacon", 7, LOG.root())


def test_the_tree_is_drawn_with_its_real_hashes():
    drawn = re.findall(r"\b[0-9a-f]{8}\b", examples("merkle-tree")[0])
    proof = LOG.inclusion_proof(1)
    assert set(drawn) >= {LOG.leaf_hash(index).hex()[:8] for index in range(7)}
    assert set(drawn) >= {LOG.root().hex()[:8], LOG.root(4).hex()[:8], *(value.hex()[:8] for value in proof)}
    text = (PAGES / "merkle-tree.md").read_text()
    assert ",\n".join(f"`{value.hex()[:8]}…`" for value in proof) in text.replace(", `", ",\n`")
    assert LOG.consistency_proof(4)[0].hex()[:8] in drawn


def test_the_canonical_json_is_an_entry_of_the_log():
    assert examples("canonical-json")[0].strip().encode() == ENTRIES[6] == examples("checkpoint")[1].strip().encode()
    assert canonical.decode(ENTRIES[6])


def test_the_note_is_signed_by_the_key_beside_it():
    note = Note.parse(examples("signed-note")[0].encode())
    assert verified_signatures(note, [key()])
    assert LogCheckpoint.parse(note.text) == checkpoint()


def test_the_cosignatures_satisfy_the_policy_and_sign_the_message_shown():
    note = Note.parse(examples("cosignature")[0].encode())
    verified = policy().verify(note.render())
    assert [one.witness for one in verified.cosigned] == ["meridian-bank-ed25519", "commercial-court-ed25519"]
    assert examples("cosignature")[1].encode() == ed25519_message(note.text, timestamp_of(note.signatures[1]))


def test_the_proof_shows_entry_two_under_the_policy():
    proof = TlogProof.parse(examples("tlog-proof")[0].encode())
    assert proof.verify(leaf_hash(b"two")) == policy().verify(proof.checkpoint).checkpoint


def test_the_request_is_granted_and_the_answer_fits():
    asked = AddCheckpointRequest.parse(examples("witness")[0].encode())
    latest = LogCheckpoint("tallystick.local/beacon", 4, LOG.root(4))
    assert check_request(asked, log_keys={key().name: key()}, latest=latest) == checkpoint()
    answer = parse_cosignatures(examples("witness")[1].encode())
    cosigners = [witness.key for witness in policy().witnesses]
    assert verified_signatures(Note.parse(asked.note).with_signatures(*answer), cosigners)


@pytest.mark.parametrize("page", ["policy"])
def test_the_policy_is_written_as_we_write_it(page):
    assert policy().render().decode() == examples(page)[0]


def test_the_tiles_are_those_of_the_size():
    head, *paths = examples("tiles")[0].split()
    assert head == "checkpoint"
    for path in paths:
        tile = parse_tile_path(path)
        assert tile_path(tile_at(tile.level, tile.index, size=7)) == path
