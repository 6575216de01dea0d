import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.light_client.__main__ import main
from apps.network import beacon_api as api
from apps.network import wire
from audit_chain import canonical
from audit_chain.beacon.entries import Restart
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.names import beacon_origin
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.transition import process_latest_seal
from audit_chain.encoding import to_base64
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, encode_entry_bundle, parse_tile_path
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.proof.light_client import TrustedCheckpoint
from audit_chain.testing import NETWORK, ExampleNetwork, ed25519_key


class Beacon:
    """Answers as a beacon does whose network is the example's; what it says may be spoiled."""

    def __init__(self, net: ExampleNetwork) -> None:
        self.net = net
        self.cosigners: int | None = None
        self.hidden = ""

    def latest(self) -> int:
        """The latest final checkpoint that can be shown to be final."""
        return self.net.finalized[-2]

    def answer(self, path: str, question: dict[str, object]) -> object:
        if path == "/finality":
            size = self.latest()
            finality = self._sealed(self.net.finalizing_size(size), ("casper", "network"))
            checkpoint = self.net.notes[size].render().decode()
            return api.FinalityProof(epoch=0, size=size, checkpoint=checkpoint, finality=finality)
        if path == "/state/proof":
            name, size = str(question["name"]), question["size"]
            assert isinstance(size, int)
            sealed = self._sealed(size, ("casper", "network", name))
            proven = self.net.sealed_state(size, (name,)).values[name]
            value = None if proven.value is None else proven.value.decode()
            return api.StateAnswer(size=size, value=value, proof=proven.proof.render().decode(), sealed=sealed)
        return None

    def tile(self, path: str) -> bytes:
        tile = parse_tile_path(path.removeprefix("/log/"))
        if tile.level == ENTRIES:
            first = tile.index * TILE_WIDTH
            return encode_entry_bundle(self.net.store.read_entries(first, first + tile.width))
        key = (tile.level, tile.index)
        return self.net.store.read_tiles([key])[key][: tile.width * HASH_SIZE]

    def _sealed(self, size: int, names: tuple[str, ...]) -> str:
        state = self.net.sealed_state(size, [name for name in names if name != self.hidden])
        note = state.note
        if self.cosigners is not None:
            note = Note(note.text, note.signatures[: 1 + self.cosigners])
        sealed = SealedState(note=note, seal=state.seal, path=state.path, values=state.values)
        return canonical.encode(sealed.to_json()).decode()


class Followed:
    """A beacon that listens, and whoever follows it with a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.beacon = Beacon(ExampleNetwork())
        self.state, self.policy = folder / "trusted.json", folder / "policy.txt"
        self.policy.write_bytes(self.beacon.net.policy.render())
        self.url = ""

    def finalize(self, count: int = 1) -> None:
        net = self.beacon.net
        wanted = len(net.finalized) + count
        while len(net.finalized) < wanted:
            net.seal()

    def run(self, *options: str) -> int:
        return main(["--beacon", self.url, "--state", str(self.state), "--policy", str(self.policy), *options])

    def trusted(self) -> TrustedCheckpoint:
        return TrustedCheckpoint.parse(self.state.read_bytes())


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    followed = Followed(tmp_path)
    followed.finalize(3)

    class Requests(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, question: dict[str, object]) -> None:
            try:
                found = followed.beacon.answer(self.path, question)
                body = followed.beacon.tile(self.path) if found is None else wire.to_text(found)
            except (AuditChainError, KeyError):
                body = b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        followed.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield followed
        server.shutdown()


OLD = "36500"  # days: the example's clock never moves, the machine's does


def test_finality_is_followed_over_http(followed: Followed, capsys: pytest.CaptureFixture[str]) -> None:
    assert followed.run() == 0
    first = followed.trusted()
    assert first.size == followed.beacon.latest()
    assert f"{NETWORK}: epoch {first.epoch} is final" in capsys.readouterr().out
    followed.finalize(2)
    followed.policy.unlink()
    assert followed.run("--max-age", OLD) == 0
    second = followed.trusted()
    assert second.size == followed.beacon.latest() > first.size
    assert followed.run("--max-age", OLD) == 0
    assert followed.trusted() == second


def test_a_beacon_that_shows_too_few_votes_is_not_followed(
    followed: Followed, capsys: pytest.CaptureFixture[str]
) -> None:
    followed.run()
    before = followed.state.read_bytes()
    followed.finalize()
    followed.beacon.cosigners = 2
    assert followed.run("--max-age", OLD) == 1
    assert "REFUTED. too little of the known weight signed" in capsys.readouterr().err
    assert followed.state.read_bytes() == before


def test_another_network_under_the_same_names_is_not_followed(followed: Followed) -> None:
    followed.run()
    other = ExampleNetwork()
    other.append(other.deposit(bytes(32)).encode())
    followed.beacon.net = other
    followed.finalize(5)
    assert followed.run("--max-age", OLD) == 1


def test_a_file_that_is_too_old_is_not_gone_on_from(followed: Followed, capsys: pytest.CaptureFixture[str]) -> None:
    followed.run()
    followed.finalize()
    assert followed.run("--max-age", "-100000") == 1
    assert "too old; begin again" in capsys.readouterr().err


def test_a_beacon_that_answers_something_else_is_no_beacon(followed: Followed) -> None:
    followed.beacon.hidden = "registry/0"
    assert followed.run() == 2
    assert not followed.state.exists()


def test_without_a_file_and_a_policy_there_is_nothing_to_begin_with(followed: Followed) -> None:
    followed.policy.unlink()
    assert followed.run() == 2
    assert main(["--beacon", followed.url, "--state", str(followed.state)]) == 2


def test_a_beacon_that_is_away_is_told_from_one_that_lies(followed: Followed) -> None:
    assert (
        main(["--beacon", "http://127.0.0.1:1", "--state", str(followed.state), "--policy", str(followed.policy)]) == 2
    )
    followed.state.write_bytes(b"{}")
    assert followed.run() == 2


def test_a_restart_is_followed_over_http(followed: Followed) -> None:
    followed.run()
    net = followed.beacon.net
    while net._unvoted is not None:
        net.seal()
    signer = NoteSigner(beacon_origin(NETWORK, 1), ed25519_key(101))
    process_latest_seal(net.state)
    content = {
        "key": str(signer.verifier_key),
        "root": to_base64(net.state.tree.root()),
        "size": net.state.tree.size,
    }
    moved = Motion("restart", 900, bytes(8), content)
    net.append(Restart(tuple(validator.ballot(moved) for validator in net.validators)).encode())
    net.beacon_signer = signer
    net.restart_log()
    followed.finalize(3)
    assert followed.run("--max-age", OLD) == 0
    assert (followed.trusted().restarts, followed.trusted().log_key) == (1, signer.verifier_key)
