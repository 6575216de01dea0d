"""What no program would send, to every address of every node: a clear refusal each time, and nothing of it in a log."""

import json
import random
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from apps.portal.urls import urlpatterns as pages
from audit_chain.log.note import Note
from audit_chain.log.witness import AddCheckpointRequest
from tests.e2e.enterprise import Enterprise, api_url, checked, csrf_token, portal_url, until
from tests.e2e.invoices import invoice, numbered
from tests.e2e.marks import Marks
from tests.stack import Stack

MARK = Marks().word()
"""Stands in everything that is sent, and must not stand in any log."""

FAILURE = re.compile(rb'^(Traceback|  File ")', re.MULTILINE)
"""How the trace of a failure begins in a log."""

JSON_TYPE = {"Content-Type": "application/json"}

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**53 - 1, 2**64, 1.5, "", " ", MARK, f"{MARK}\x00", f"\u202e{MARK}\U0001f4a3", MARK * 400,
    "../../etc/passwd", "'; DROP TABLE record; --", "{{7*7}}", [], [MARK], [[MARK]], {}, {MARK: MARK}, [None] * 300,
)  # fmt: skip

BODIES: tuple[bytes, ...] = (
    b"",
    b"\x00",
    MARK.encode() + bytes(range(256)),
    f'"{MARK}"'.encode(),
    b"null",
    b"[]",
    b"{",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    f'{{"{MARK}": 1, "{MARK}": 2}}'.encode(),
    f'{{"{MARK}": "\\ud800"}}'.encode(),
    f'{{"{MARK}": NaN}}'.encode(),
    b'{"number": ' + b"9" * 5_000 + b"}",
    f'{{"{MARK}": "'.encode() + b"\xff\xfe" + b'"}',
    f'{{"{MARK}": 1}}'.encode("utf-16"),
    f'{{"text": "{MARK}'.encode() + b"x" * 2_000_000 + b'"}',
)

MEDIA_TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=a",
    f"multipart/form-data; boundary={'b' * 300}",
    "application/x-www-form-urlencoded",
    "text/plain; charset=klingon",
    f"{MARK}/\u00e9".encode("latin-1"),
    "",
)

QUERIES = (
    "",
    MARK,
    "\x00",
    "-1",
    "9" * 40,
    "1e9",
    "[]",
    "null",
    "%ff",
    "019aac2c-0000-7000-8000-00000000ffff",
    "🙈" * 9,
)


@dataclass(slots=True)
class Attack:
    """Sends, and keeps what was answered wrongly."""

    client: httpx.Client
    sent: int = 0
    wrong: list[str] = field(default_factory=list)

    def send(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        self.sent += 1
        try:
            answer = self.client.request(method, path, **request)
        except httpx.HTTPError as error:
            self.wrong.append(f"{method} {path} {_short(request)}: {type(error).__name__}")
            return None
        # Were it refused for coming too often, it would prove nothing.
        if answer.status_code >= 500 or answer.status_code == 429 or "Traceback" in answer.text:
            self.wrong.append(f"{method} {path} {_short(request)}: {answer.status_code} {answer.text[:200]}")
        return answer


def _short(request: Mapping[str, Any]) -> str:
    return repr(request)[:200]


def logs(stack: Stack) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in stack.log_dir.glob("*.log*")}


@pytest.fixture(autouse=True)
def clean_logs(stack: Stack) -> Iterator[None]:
    """After each test: what the logs gained names no failure and repeats nothing that was sent."""
    before = logs(stack)
    yield
    for name, content in logs(stack).items():
        gained = content.removeprefix(before.get(name, b""))
        failure = FAILURE.search(gained)
        assert failure is None, f"{name}: {gained[failure.start() :][:3000].decode()}"
        assert MARK.encode() not in gained, f"{name}: {gained[gained.index(MARK.encode()) - 300 :][:600].decode()}"


@pytest.fixture
def healthy_after(stack: Stack) -> Iterator[None]:
    yield
    stack.wait_until_healthy()


# The portal's API: every operation of its own description


@pytest.fixture(scope="module")
def description(stack: Stack) -> dict[str, Any]:
    return checked(httpx.get(f"{api_url(stack)}schema/"))


@pytest.fixture(scope="module")
def record(besieged: Enterprise) -> str:
    made = besieged.bring_one(invoice(next(numbered("SIEGE"))))
    besieged.wait_until_final(made)
    return made


def operations(description: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix("/api/v1/"), operation


def places(path: str, record: str) -> list[str]:
    """The path with identifiers in it: a real one, one of nothing, and what is none."""
    return [re.sub(r"\{\w+\}", value, path) for value in (record, str(uuid4()), "0", "%00", "%F0%9F%99%88")]


def test_every_operation_of_the_api_refuses_bodies_that_are_none(
    description: dict[str, Any], besieged: Enterprise, record: str
) -> None:
    attack, draw = Attack(besieged.http), random.Random(5)
    for method, path, _ in operations(description):
        for place in places(path, record):
            attack.send(method, place)
        if method == "POST":
            place = places(path, record)[0]
            for body in BODIES:
                attack.send(method, place, content=body, headers={"Content-Type": draw.choice(MEDIA_TYPES)})
                attack.send(method, place, content=body, headers=JSON_TYPE)

    assert attack.wrong == []
    assert attack.sent > 400


def test_every_member_of_every_body_is_refused_where_it_is_wrong(
    description: dict[str, Any], besieged: Enterprise, record: str
) -> None:
    attack = Attack(besieged.http)
    for method, path, operation in operations(description):
        for name, value in product(members(description, operation), VALUES):
            attack.send(method, places(path, record)[0], content=as_json({name: value}), headers=JSON_TYPE)

    assert attack.wrong == []
    assert attack.sent > 200


def members(description: Mapping[str, Any], operation: Mapping[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(description["components"]["schemas"][name]["properties"]) if name else []


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_every_query_and_header_of_the_api_is_refused_where_it_is_wrong(
    description: dict[str, Any], besieged: Enterprise, record: str
) -> None:
    attack = Attack(besieged.http)
    for method, path, operation in operations(description):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                for value in QUERIES:
                    attack.send(method, places(path, record)[0], params={parameter["name"]: value})
    for value in (MARK * 300, "\x7f", "a\tb", "\u00e9".encode("latin-1")):
        body = as_json({"fields": ["number"], "recipient": "meridian-bank"})
        headers = {"Idempotency-Key": value, **JSON_TYPE}
        attack.send("POST", f"records/{record}/disclosures", content=body, headers=headers)
        attack.send("GET", "me", headers={"Accept": value, "Accept-Language": value, "X-Forwarded-For": value})

    assert attack.wrong == []
    assert attack.sent > 60


def test_a_token_that_is_none_opens_nothing(description: dict[str, Any], stack: Stack) -> None:
    with httpx.Client(base_url=api_url(stack), trust_env=False) as client:
        for value in (
            "",
            "Bearer",
            f"Bearer {MARK}",
            "Bearer ts_" + "A" * 43,
            "Basic YTpi",
            b"Bearer \xff\xfe",
        ):
            attack = Attack(client)
            answer = attack.send("GET", "records", headers={"Authorization": value})
            assert attack.wrong == []
            assert answer is not None
            assert answer.status_code == 401, value


def test_forms_with_strange_parts_are_refused_or_read(besieged: Enterprise, record: str) -> None:
    attack = Attack(besieged.http)
    document = invoice(next(numbered("PART")))
    for name in (
        "",
        ".",
        "..",
        "../../etc/passwd",
        f"{MARK}\x00.xml",
        "a" * 600,
        "\u202exml.exe",
        "C:\\x\\y.xml",
        "🙈" * 200,
    ):
        attack.send("POST", "imports", files=[("files", (name, document))])
    for value in ("", MARK, "{", "[]", '{"columns": {"a": "number"}, "columns": 1}', '{"columns": 5}', "null", "\x00"):
        attack.send("POST", "imports", files=[("files", ("a.csv", b"a,b\n1,2\n"))], data={"mapping": value})
        attack.send("POST", "imports", files=[("files", ("a.csv", b"a,b\n1,2\n"))], data={"replaces": value})
    attack.send("POST", "imports", files=[("files", ("a.xml", document))] * 3_000)
    attack.send("POST", "imports", files=[("bundle", ("a.xml", document))])
    attack.send("POST", "verify", files=[("bundle", ("a.json", document))], data={"sha256": MARK})
    attack.send("POST", "verify", data={"bundle": MARK})

    assert attack.wrong == []


def test_broken_bundles_get_a_verdict_or_a_refusal(besieged: Enterprise, record: str) -> None:
    attack, draw = Attack(besieged.http), random.Random(6)
    bundle = besieged.disclose(record, ["number"])
    for _ in range(100):
        attack.send("POST", "verify", content=spoiled(bundle, draw), headers=JSON_TYPE)

    assert attack.wrong == []


def spoiled(data: bytes, draw: random.Random) -> bytes:
    """The data cut short, with something in it, with something missing, or with bytes changed."""
    broken, place = bytearray(data), draw.randrange(len(data))
    match draw.randrange(4):
        case 0:
            del broken[place:]
        case 1:
            broken[place:place] = MARK.encode()
        case 2:
            del broken[place : place + draw.randrange(1, 100)]
        case _:
            for _ in range(draw.randrange(1, 20)):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
    return bytes(broken)


# The portal's pages


def test_every_page_refuses_forms_that_are_none(besieged: Enterprise, record: str) -> None:
    draw = random.Random(7)
    with closing(besieged.sign_in()) as client:
        token = csrf_token(client.get("verify"))
        attack = Attack(client)
        for page in pages:
            route = str(page.pattern)
            if route.startswith("sign-"):  # These end the session, or slow down who tries too often.
                continue
            address = re.sub(r"<uuid:\w+>", record, re.sub(r"<int:\w+>", "1", route))
            attack.send(
                "GET", address, params={name: draw.choice(QUERIES) for name in ("after", "before", "q", "number")}
            )
            attack.send("GET", re.sub(r"<uuid:\w+>", str(uuid4()), re.sub(r"<int:\w+>", "9" * 30, route)))
            for name in (
                "file",
                "files",
                "bundle",
                "fields",
                "recipient",
                "sha256",
                "email",
                "role",
                "label",
                "request",
            ):
                value = draw.choice([value for value in VALUES if isinstance(value, str)])
                form = {"csrfmiddlewaretoken": token, name: value}
                attack.send("POST", address, data=form, headers={"Referer": portal_url(besieged.stack)})
            attack.send("POST", address, content=draw.choice(BODIES), headers={"X-CSRFToken": token})

        assert attack.wrong == []
        assert attack.sent > 300


# Beacon and validators


BEACON_PAGES = (
    "healthz", "network", "log/checkpoint", "validators", "members", "pools", "blocks", "blocks/{}", "entries/{}",
    "proofs/{}", "members/{}", "pools/{}", "crosslinks/{}", "log/tile/0/{}", "log/tile/{}/000", "log/tile/entries/{}",
    "log/tile/0/000.p/{}", "log/{}", "{}",
)  # fmt: skip
ODD_SEGMENTS = (
    "0",
    "1",
    "00",
    "-1",
    "9" * 25,
    "x001/002",
    "x999/x999/x999/999",
    "%00",
    "..%2f..%2fetc",
    "%ff",
    "A",
    "a" * 999,
)
SUBMISSIONS = {
    "crosslinks": {"pool": "fir-textiles", "parent": {"root": "A" * 43 + "=", "size": 0}, "checkpoint": "x"},
    "evidence": {"deposit": "x"},
    "evidence/lookup": {"sha256": "0" * 64},
    "members": {"name": "x", "key": "x"},
    "pools": {"name": "x", "member": "fir-textiles", "key": "x"},
}


@pytest.fixture
def beacon(stack: Stack) -> Iterator[Attack]:
    with httpx.Client(base_url=stack.beacon_url, trust_env=False) as client:
        attack = Attack(client)
        yield attack
        assert attack.wrong == []


def test_every_page_of_the_beacon_answers_odd_addresses(beacon: Attack) -> None:
    for page in BEACON_PAGES:
        for segment in ODD_SEGMENTS if "{}" in page else ("",):
            beacon.send("GET", f"/{page.format(segment)}")
            beacon.send("DELETE", f"/{page.format(segment)}", headers={"Accept": "x/y"})
    for name, value in product(("before", "limit"), QUERIES):
        beacon.send("GET", "/blocks", params={name: value})


def test_every_submission_to_the_beacon_is_read_strictly(beacon: Attack, stack: Stack) -> None:
    operator = {"Authorization": f"Bearer {stack.setting('BEACON_OPERATOR_TOKEN')}"}
    for path, good in SUBMISSIONS.items():
        for body in BODIES:
            refused(beacon.send("POST", f"/{path}", content=body, headers=operator))
            refused(beacon.send("POST", f"/{path}", content=body, headers=operator | JSON_TYPE))
        for name, value in product(good, VALUES):
            refused(beacon.send("POST", f"/{path}", content=as_json(good | {name: value}), headers=operator))
    for value in VALUES:
        parent = {"root": value, "size": value}
        refused(beacon.send("POST", "/crosslinks", content=as_json(SUBMISSIONS["crosslinks"] | {"parent": parent})))


def refused(answer: httpx.Response | None) -> None:
    assert answer is not None
    if answer.status_code < 500:  # Else it has been noted already.
        assert answer.status_code >= 400 or answer.json() == {"deposits": []}, answer.text


def test_broken_notes_are_refused_by_the_beacon(beacon: Attack, besieged: Enterprise, record: str) -> None:
    draw = random.Random(8)
    crosslink, deposit = entry_of(beacon.client, "crosslink"), deposit_of(beacon.client, besieged, record)
    for _ in range(60):
        checkpoint = spoiled(crosslink["checkpoint"].encode(), draw).decode("latin-1")
        submission = {name: crosslink[name] for name in ("pool", "parent")} | {"checkpoint": checkpoint}
        refused(beacon.send("POST", "/crosslinks", content=as_json(submission)))
        note = spoiled(deposit.encode(), draw).decode("latin-1")
        refused(beacon.send("POST", "/evidence", content=as_json({"deposit": note})))


def entry_of(client: httpx.Client, kind: str) -> dict[str, Any]:
    """What the newest entry of that kind says."""
    size = checked(client.get("/validators"))["size"]
    for index in reversed(range(size)):
        entry = checked(client.get(f"/entries/{index}"))
        if entry["type"] == kind:
            content: dict[str, Any] = json.loads(entry["entry"])
            return content
    raise AssertionError(f"the beacon has no entry of type {kind}")


def deposit_of(client: httpx.Client, enterprise: Enterprise, record: str) -> str:
    checked(enterprise.http.post(f"records/{record}/deposit"), 202)

    def deposited() -> str | None:
        try:
            return str(entry_of(client, "evidence")["deposit"])
        except AssertionError:
            return None

    return until(deposited, what="the deposit to be on the beacon")


def test_broken_requests_are_refused_by_every_validator(stack: Stack) -> None:
    draw = random.Random(9)
    note = Note.parse(httpx.get(f"{stack.beacon_url}/log/checkpoint").content)
    good = AddCheckpointRequest(0, (), Note(note.text, note.signatures[:1]).render()).render()
    for url in stack.validator_urls.values():
        with httpx.Client(base_url=url, trust_env=False) as client:
            attack = Attack(client)
            for body in BODIES:
                answer = attack.send("POST", "/add-checkpoint", content=body)
                assert answer is not None
                assert answer.status_code in (400, 413)
            for _ in range(60):
                answer = attack.send("POST", "/add-checkpoint", content=spoiled(good, draw))
                assert answer is not None
                assert answer.status_code in (400, 403, 404, 409, 422)
            for segment in ODD_SEGMENTS:
                for path in (
                    f"/{segment}",
                    f"/{segment}/checkpoint",
                    f"/status/{segment}",
                    f"/add-checkpoint/{segment}",
                ):
                    attack.send("GET", path)
            assert attack.wrong == []


# Below HTTP

HEADERS = b"Host: localhost\r\n"
RAW: tuple[bytes, ...] = (
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS, where none is spoken
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n" + HEADERS + b"\r\n",
    b"G\x00T / HTTP/1.1\r\n" + HEADERS + b"\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\n" + HEADERS + b"\r\n",
    b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HEADERS + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HEADERS + b"X: " + b"a" * 300_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \x00\xff\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\n" + HEADERS + b"\r\n",
    b"GET //evil.example/%0d%0aSet-Cookie:a HTTP/1.1\r\n" + HEADERS + b"\r\n",
    b"POST /verify HTTP/1.1\r\n" + HEADERS + b"Content-Length: -1\r\n\r\n",
    b"POST /verify HTTP/1.1\r\n" + HEADERS + b"Content-Length: one\r\n\r\n",
    b"POST /verify HTTP/1.1\r\n" + HEADERS + b"Content-Length: 999999999999999999\r\n\r\n",
    b"POST /verify HTTP/1.1\r\n" + HEADERS + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /verify HTTP/1.1\r\n" + HEADERS + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /verify HTTP/1.1\r\n" + HEADERS + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    b"POST /add-checkpoint HTTP/1.1\r\n" + HEADERS + b"Content-Length: 100\r\n\r\ncut off",
    b"POST /crosslinks HTTP/1.1\r\n" + HEADERS + b"Content-Length: 100\r\n\r\n{",
    b"POST /api/v1/evidence/lookup HTTP/1.1\r\n"
    + HEADERS
    + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
)


@pytest.mark.usefixtures("healthy_after")
def test_what_is_hardly_http_brings_no_node_down(stack: Stack) -> None:
    ports = [stack.place.portal_port, stack.place.beacon_port, stack.place.validator_base_port]
    for port, request in product(ports, RAW):
        answer = exchange(port, request)
        status = re.match(rb"HTTP/1\.[01] ([0-9]{3})", answer)
        assert b"Traceback" not in answer, request[:100]
        assert status is None or status[1] != b"500", (port, request[:100], answer[:300])


def exchange(port: int, request: bytes) -> bytes:
    """All that comes back until the node hangs up; what comes before our half is closed is not waited for."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            pieces = []
            while piece := connection.recv(65_536):
                pieces.append(piece)
        except OSError:  # Hung up on: an answer too.
            return b""
        return b"".join(pieces)


# Documents


def test_files_that_are_no_documents_are_refused_one_by_one_and_the_good_one_goes_in(
    besieged: Enterprise, corpora: Path, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    good = tmp_path / "good.xml"
    good.write_bytes(invoice(next(numbered("GOOD"))))
    for name, data in odd_files():
        (tmp_path / name).write_bytes(data)

    outcome = besieged.import_by_command(corpora / "bad-inputs", tmp_path)

    assert str(good) in [item["file"] for item in outcome.accepted]
    named = {item["file"] for item in outcome.accepted + outcome.duplicates + outcome.refused}
    assert named == set(map(str, files(corpora / "bad-inputs"))) | set(map(str, files(tmp_path)))
    assert [item for item in outcome.refused if not item["reason"]] == []
    assert [item for item in outcome.refused if "could not be read (" in item["reason"]] == []  # A fault of ours.
    never = [item["file"] for item in outcome.accepted if Path(item["file"]).name.startswith("n_")]
    assert never == []
    figure("bad inputs", f"{len(outcome.accepted)} accepted, {len(outcome.refused)} refused")


def files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def odd_files() -> Iterator[tuple[str, bytes]]:
    document, draw = invoice(next(numbered("ODD"))), random.Random(10)
    for place in range(20):
        yield f"spoiled-{place}.xml", spoiled(document, draw)
    yield "empty", b""
    yield "zeros", bytes(100_000)
    yield "deep.xml", b"<a>" * 100_000
    yield "wide.xml", b"<a " + b" ".join(b'x%d="1"' % number for number in range(50_000)) + b"/>"
    yield "utf-16.xml", document.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    yield "bell.csv", b'a,b\n"\x07,\n' * 1_000
    yield "bom.json", b"\xef\xbb\xbf" * 3 + b"{}"
    yield "many.json", b"[" + b"{}," * 20_000 + b"{}]"
    yield "archive.zip", b"PK\x03\x04" + draw.randbytes(5_000)
