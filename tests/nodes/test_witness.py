"""A validator as a witness, over HTTP: C2SP tlog-witness."""

import hashlib
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import NOTE_ED25519, NoteSigner, VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.policy import Log, TrustPolicy
from audit_chain.log.witness import AddCheckpointRequest
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog
from tests.nodes.cast import fresh_name, key_of
from tests.nodes.processes import Processes, eventually
from tests.nodes.requests import Reply, add_checkpoint, cosignatures, cosigned, send

pytestmark = pytest.mark.xdist_group("witness")

LITEWITNESS_LOG_KEY = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f"
LITEWITNESS_LOG = f"sigsum.org/v1/tree/{hashlib.sha256(bytes.fromhex(LITEWITNESS_LOG_KEY)).hexdigest()}"
OWN_LOGS = [f"test.example/log-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """One validator without a beacon, told by a file to witness some logs more."""
    processes = Processes(tmp_path_factory.mktemp("witness"), beacon_database=None)
    keys = [VerifierKey(LITEWITNESS_LOG, NOTE_ED25519, bytes.fromhex(LITEWITNESS_LOG_KEY))]
    keys += [signer_of(origin).verifier_key for origin in OWN_LOGS]
    policy = TrustPolicy(tuple(map(Log, keys)), (), (), "none")
    (processes.var_dir / "validators" / "bank.logs").write_bytes(policy.render())
    try:
        processes.migrate("bank")
        processes.start("bank")
        yield processes
    finally:
        processes.stop()


@pytest.fixture(scope="module")
def url(nodes: Processes) -> str:
    return nodes.url("bank")


def signer_of(origin: str) -> NoteSigner:
    return NoteSigner(origin, key_of(1000 + OWN_LOGS.index(origin)))


class OwnLog:
    """A log that the validator witnesses, with every size it could sign."""

    _unused = list(OWN_LOGS)

    def __init__(self, size: int = 64, *, origin: str | None = None) -> None:
        self.origin = origin or self._unused.pop()
        self.signer = signer_of(self.origin)
        self.tree = MemoryLog([leaf_hash(b"%d" % index) for index in range(size)])

    def note(self, size: int, *, root: bytes | None = None) -> bytes:
        text = LogCheckpoint(self.origin, size, self.tree.root(size) if root is None else root).text()
        return Note(text, (self.signer.sign(text),)).render()

    def proof(self, old: int, new: int) -> list[bytes]:
        return self.tree.consistency_proof(old, new)

    def ask(self, url: str, *, old: int, new: int) -> Reply:
        return add_checkpoint(url, old=old, proof=self.proof(old, new), note=self.note(new))


def litewitness_transcript(corpora: Path) -> list[tuple[bytes, int, str, str]]:
    """Body, status, and what is asserted how about the answer, for each request in order."""
    text = (corpora / "transparency" / "litewitness" / "litewitness.txt").read_text()
    pattern = r"POST \S+/add-checkpoint\n```\n(.*?)```\nHTTP (\d+)\n\[Asserts\]\nbody (contains|==) \"(.*?)\"\n"
    exchanges = re.findall(pattern, text, flags=re.DOTALL)
    assert len(exchanges) == 9
    return [(body.encode(), int(status), how, what.replace("\\n", "\n")) for body, status, how, what in exchanges]


def test_the_litewitness_transcript_gets_the_same_answers(nodes: Processes, url: str, corpora: Path) -> None:
    # Adapted: the name in signature lines is our witness's, and an unknown origin is a 404 in tlog-witness by now.
    own_name = nodes.network.validator("bank").keys[0].name
    for body, status, how, what in litewitness_transcript(corpora):
        if what == "unknown log":
            status = 404
        reply = send("POST", f"{url}/add-checkpoint", body)
        assert reply.status == status, reply
        expected = what.replace("example.com/witness", own_name)
        assert reply.text == expected if how == "==" else expected in reply.text
        if status == 409:
            assert reply.media_type == "text/x.tlog.size"


def test_both_cosignatures_verify_and_carry_the_time(nodes: Processes, url: str) -> None:
    log = OwnLog()
    note = log.note(5)

    signed = cosigned(note, add_checkpoint(url, old=0, proof=[], note=note))

    keys = nodes.network.validator("bank").keys
    verified = verified_signatures(signed, keys)
    assert {key.kind for key, _ in verified} == {0x04, 0x06}
    assert all(timestamp_of(signature) > 1_700_000_000 for _, signature in verified)


def test_the_checkpoint_page_shows_what_was_cosigned(nodes: Processes, url: str) -> None:
    log = OwnLog()
    page = f"{url}/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint"
    assert send("GET", page).status == 404
    stranger = NoteSigner("somebody.example", key_of(7)).sign(Note.parse(log.note(5)).text)

    returned = cosignatures(
        add_checkpoint(url, old=0, proof=[], note=Note.parse(log.note(5)).with_signatures(stranger).render())
    )

    shown = Note.parse(send("GET", page).body)
    assert shown.text == Note.parse(log.note(5)).text
    assert set(returned) < set(shown.signatures)
    assert verified_signatures(shown, [log.signer.verifier_key])
    assert stranger not in shown.signatures


def test_asking_again_for_the_same_checkpoint_is_answered_again(url: str) -> None:
    log = OwnLog()
    log.ask(url, old=0, new=5)
    assert add_checkpoint(url, old=5, proof=[], note=log.note(5)).status == 200


@pytest.mark.parametrize("size", [0, 1, 5, 64])
def test_the_first_checkpoint_may_have_any_size(url: str, size: int) -> None:
    log = OwnLog()
    assert log.ask(url, old=0, new=size).status == 200
    assert log.ask(url, old=size, new=64).status == 200


class TestRefusals:
    """One thing is wrong in each; the log stands at 8 before and after."""

    @pytest.fixture
    def log(self, url: str) -> Iterator[OwnLog]:
        log = OwnLog()
        assert log.ask(url, old=0, new=8).status == 200
        yield log
        assert log.ask(url, old=0, new=64).body == b"8\n"

    def test_a_fork_at_the_same_size_is_unprocessable(self, url: str, log: OwnLog) -> None:
        reply = add_checkpoint(url, old=8, proof=[], note=log.note(8, root=b"\x01" * 32))
        assert reply.status == 422

    def test_a_fork_that_grew_is_unprocessable(self, url: str, log: OwnLog) -> None:
        fork = MemoryLog([leaf_hash(b"other %d" % index) for index in range(64)])
        proof = fork.consistency_proof(8, 20)
        assert add_checkpoint(url, old=8, proof=proof, note=log.note(20, root=fork.root(20))).status == 422

    def test_a_roll_back_is_a_conflict_with_the_size_that_stands(self, url: str, log: OwnLog) -> None:
        reply = log.ask(url, old=0, new=4)
        assert (reply.status, reply.body, reply.media_type) == (409, b"8\n", "text/x.tlog.size")

    def test_an_older_checkpoint_on_the_size_that_stands_is_bad(self, url: str, log: OwnLog) -> None:
        assert add_checkpoint(url, old=8, proof=[], note=log.note(4)).status == 400

    def test_a_proof_for_another_pair_of_sizes_is_unprocessable(self, url: str, log: OwnLog) -> None:
        assert add_checkpoint(url, old=8, proof=log.proof(7, 20), note=log.note(20)).status == 422

    def test_a_proof_with_a_hash_too_many_is_unprocessable(self, url: str, log: OwnLog) -> None:
        proof = [*log.proof(8, 20), b"\x00" * 32]
        assert add_checkpoint(url, old=8, proof=proof, note=log.note(20)).status == 422

    def test_a_proof_from_nothing_is_unprocessable(self, url: str, log: OwnLog) -> None:
        other = OwnLog()
        assert add_checkpoint(url, old=0, proof=[b"\x00" * 32], note=other.note(4)).status == 422

    def test_another_keys_signature_is_forbidden(self, url: str, log: OwnLog) -> None:
        text = Note.parse(log.note(20)).text
        note = Note(text, (NoteSigner(log.origin, key_of(7)).sign(text),)).render()
        assert add_checkpoint(url, old=8, proof=log.proof(8, 20), note=note).status == 403

    def test_the_logs_signature_on_another_text_is_forbidden(self, url: str, log: OwnLog) -> None:
        note = Note(Note.parse(log.note(20)).text, Note.parse(log.note(21)).signatures).render()
        assert add_checkpoint(url, old=8, proof=log.proof(8, 20), note=note).status == 403

    def test_an_empty_tree_with_another_root_is_unprocessable(self, url: str, log: OwnLog) -> None:
        other = OwnLog()
        assert add_checkpoint(url, old=0, proof=[], note=other.note(0, root=b"\x01" * 32)).status == 422


def test_an_unknown_origin_is_not_found(url: str) -> None:
    origin = "unknown.example/log"
    text = LogCheckpoint(origin, 1, b"\x01" * 32).text()
    note = Note(text, (NoteSigner(origin, key_of(7)).sign(text),)).render()
    assert add_checkpoint(url, old=0, proof=[], note=note).status == 404


def test_a_pool_of_a_beacon_that_does_not_answer_is_not_found(nodes: Processes, url: str) -> None:
    origin = f"{nodes.network.network}/pool/{fresh_name('pool')}"
    text = LogCheckpoint(origin, 1, b"\x01" * 32).text()
    note = Note(text, (NoteSigner(origin, key_of(7)).sign(text),)).render()
    assert add_checkpoint(url, old=0, proof=[], note=note).status == 404


def test_a_hundred_racing_submissions_never_roll_it_back(nodes: Processes, url: str) -> None:
    log = OwnLog(size=200)
    assert log.ask(url, old=0, new=1).status == 200
    sizes = list(range(2, 102))
    random.Random(1).shuffle(sizes)
    page = f"{url}/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint"

    def bring_up_to(size: int) -> tuple[int | None, int]:
        """Follows the 409s until the size is signed or passed; then what the validator stands at."""
        old = 1
        while old <= size:
            reply = log.ask(url, old=old, new=size)
            if reply.status == 200:
                return size, LogCheckpoint.parse(Note.parse(send("GET", page).body).text).size
            assert reply.status == 409
            old = int(reply.body)
        return None, old

    with ThreadPoolExecutor(20) as executor:
        outcomes = list(executor.map(bring_up_to, sizes))

    assert max(signed for signed, _ in outcomes if signed) == 101
    assert all(stands >= signed for signed, stands in outcomes if signed)
    assert log.ask(url, old=0, new=200).body == b"101\n"


def test_a_validator_killed_in_the_middle_has_kept_what_it_signed(nodes: Processes, url: str) -> None:
    log = OwnLog(size=500)
    signed = [0]

    def grow() -> None:
        while signed[-1] < 400:
            reply = log.ask(url, old=signed[-1], new=signed[-1] + 1)
            if reply.status != 200:
                return
            signed.append(signed[-1] + 1)

    with ThreadPoolExecutor(1) as executor:
        growing = executor.submit(grow)
        eventually(lambda: len(signed) > 20)
        nodes.kill("bank")
        assert growing.exception() is not None
    nodes.start("bank")

    stands = int(log.ask(url, old=499, new=500).body)
    assert stands in (signed[-1], signed[-1] + 1)


class TestMalformedRequests:
    """Whatever is sent, the answer is a 4xx and never a failure."""

    def test_bytes_at_random(self, url: str) -> None:
        draw = random.Random(2)
        for _ in range(150):
            assert send("POST", f"{url}/add-checkpoint", draw.randbytes(draw.randrange(400))).status == 400

    def test_a_good_request_with_bytes_changed(self, url: str) -> None:
        log = OwnLog()
        log.ask(url, old=0, new=8)
        good = AddCheckpointRequest(8, tuple(log.proof(8, 60)), log.note(60)).render()
        draw = random.Random(3)
        for _ in range(300):
            spoilt = bytearray(good)
            spoilt[draw.randrange(len(good))] = draw.randrange(256)
            if draw.random() < 0.3:
                del spoilt[draw.randrange(len(spoilt)) :]
            if spoilt != good:
                reply = send("POST", f"{url}/add-checkpoint", bytes(spoilt))
                assert reply.status in (400, 403, 404, 409, 422), reply

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"old",
            b"old -1",
            b"old 08",
            b"old 8 ",
            b"Old 8",
            b"old 8\r",
            b"old 99999999999999999999",
            b"old 8\n" + b"A" * 43 + b"=" * 2,
            b"old 8" + b"\n" + b"\n".join([b"A" * 43 + b"="] * 64),
        ],
    )
    def test_heads_that_the_specification_does_not_allow(self, url: str, head: bytes) -> None:
        note = OwnLog(origin=OWN_LOGS[0]).note(60)
        assert send("POST", f"{url}/add-checkpoint", head + b"\n\n" + note).status == 400

    def test_a_body_larger_than_any_checkpoint(self, url: str) -> None:
        assert send("POST", f"{url}/add-checkpoint", b"x" * (512 * 1024)).status == 413

    def test_a_checkpoint_without_any_signature_is_forbidden(self, url: str) -> None:
        text = Note.parse(OwnLog(origin=OWN_LOGS[0]).note(60)).text.encode()
        assert send("POST", f"{url}/add-checkpoint", b"old 0\n\n" + text + b"\n").status == 403

    def test_other_methods_and_paths(self, url: str) -> None:
        assert send("GET", f"{url}/add-checkpoint").status == 405
        assert send("POST", f"{url}/status").status == 405
        for path in ("", "x", "../etc/passwd", "A" * 64 + "/checkpoint", "%00/checkpoint", "add-checkpoint/"):
            assert send("GET", f"{url}/{path}").status == 404


def test_the_log_file_holds_no_body_and_no_query(nodes: Processes, url: str) -> None:
    send("GET", f"{url}/status?secret-of-the-query")
    send("POST", f"{url}/add-checkpoint", b"secret-of-the-body")
    assert "secret" not in nodes.log("bank")
    assert "POST /add-checkpoint 400" in nodes.log("bank")
    assert "Traceback" not in nodes.log("bank")
