"""The clients against servers that do not behave."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from apps.network.beacon_client import BeaconClient
from apps.network.errors import Declined, Unreachable
from apps.network.transport import Transport
from apps.network.witness_client import AnotherSize, Cosigned, NotSigned, WitnessAnswer, WitnessClient
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.witness import AddCheckpointRequest, render_cosignatures
from data_pool.errors import BeaconRefused, BeaconUnreachable
from data_pool.network import TreeHead
from tests.nodes.cast import key_of

Handler = Callable[[http.server.BaseHTTPRequestHandler], None]
COSIGNER = CosignerEd25519("test.example/validator/bank", key_of(10))
OTHER = CosignerEd25519("test.example/validator/other", key_of(11))
LOG = NoteSigner("test.example/log", key_of(1))
TEXT = LogCheckpoint(LOG.name, 8, b"\x01" * 32).text()
REQUEST = AddCheckpointRequest(0, (), Note(TEXT, (LOG.sign(TEXT),)).render())


@contextmanager
def server(handle: Handler) -> Iterator[str]:
    """The URL of a server that answers every request by `handle`."""

    class Requests(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            handle(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()


def answering(status: int, body: bytes, **headers: str) -> Handler:
    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return handle


def ask(handle: Handler) -> WitnessAnswer:
    with server(handle) as url:
        client = WitnessClient("bank", url, (COSIGNER.verifier_key,), answer_seconds=0.3)
        try:
            return client.add_checkpoint(REQUEST)
        finally:
            client.close()


def lines(*cosigners: CosignerEd25519, text: str = TEXT) -> bytes:
    return render_cosignatures(cosigner.cosign(text, 1_700_000_000) for cosigner in cosigners)


def hang(request: http.server.BaseHTTPRequestHandler) -> None:
    threading.Event().wait(1.0)


def never_end(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b"x" * 4096)
    except OSError:
        pass


def test_a_cosignature_by_a_known_key_is_taken_and_others_are_left() -> None:
    answer = ask(answering(200, lines(OTHER, COSIGNER)))
    assert isinstance(answer, Cosigned)
    assert [signature.name for signature in answer.signatures] == [COSIGNER.name]


def test_another_size_is_read() -> None:
    assert ask(answering(409, b"5\n")) == AnotherSize(5)


UNUSABLE: dict[str, Handler] = {
    "no known key": answering(200, lines(OTHER)),
    "signature on another text": answering(200, lines(COSIGNER, text=TEXT.replace("8", "9"))),
    "no lines": answering(200, b""),
    "not text": answering(200, b"\xff\xfe"),
    "size in words": answering(409, b"five\n"),
    "negative size": answering(409, b"-5\n"),
    "refused": answering(422, b"no"),
    "failed": answering(500, b""),
    "redirect": answering(302, b"", Location="http://127.0.0.1:1/"),
    "never ends": never_end,
    "hangs": hang,
    "broken protocol": lambda request: request.wfile.write(b"\x00\x01\x02") and None,
}


@pytest.mark.parametrize("handle", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_any_other_answer_is_no_cosignature(handle: Handler) -> None:
    assert isinstance(ask(handle), NotSigned)


def test_nobody_there_is_no_cosignature() -> None:
    assert isinstance(
        WitnessClient("bank", "http://127.0.0.1:1", (COSIGNER.verifier_key,)).add_checkpoint(REQUEST), NotSigned
    )


def test_a_beacon_that_is_away_is_unreachable_to_the_pools() -> None:
    with pytest.raises(BeaconUnreachable):
        BeaconClient("http://127.0.0.1:1").crosslink("acme")


UNREADABLE: dict[str, Handler] = {
    "failed": answering(500, b""),
    "not JSON": answering(200, b"<html>"),
    "another answer": answering(200, b'{"blocks":[]}'),
    "refusal without a reason": answering(404, b"{}"),
    "never ends": never_end,
    "hangs": hang,
}


@pytest.mark.parametrize("handle", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_no_beacon_says_is_unreachable_too(handle: Handler) -> None:
    with server(handle) as url, pytest.raises(Unreachable):
        BeaconClient(url, answer_seconds=0.3).pool("acme")


def test_a_no_of_the_beacon_says_why() -> None:
    body = b'{"error":{"code":"malformed_note","message":"not a note","where":"checkpoint"}}'
    with server(answering(422, body)) as url, pytest.raises(BeaconRefused) as problem:
        BeaconClient(url).submit_crosslink(pool="acme", epoch=0, parent=TreeHead(0, b"\x00" * 32), checkpoint=b"x")
    assert isinstance(problem.value, Declined)
    assert (problem.value.status, problem.value.code) == (422, "malformed_note")


def test_names_stay_one_segment_of_the_path() -> None:
    paths = []

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        answering(404, b'{"error":{"code":"not_found","message":"","where":null}}')(request)

    with server(handle) as url:
        assert BeaconClient(url).registration("../pools?x#") is None
    assert paths == ["/pools/..%2Fpools%3Fx%23"]


def test_a_proxy_in_the_environment_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with server(answering(200, b"ok")) as url:
        assert Transport(url).exchange("GET", "/").body == b"ok"
