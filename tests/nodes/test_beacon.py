"""A beacon with its sequencer and four validators, over HTTP."""

import gzip
import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network import beacon_api as api
from apps.network import wire
from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from apps.network.errors import Declined
from apps.network.key_files import read_key
from audit_chain.beacon.entries import Crosslink, Genesis, parse_entry
from audit_chain.beacon.entries import Pool as PoolEntry
from audit_chain.encoding import to_base64
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, TileNodes, tile_at, tile_path
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import EMPTY_ROOT, leaf_hash
from audit_chain.merkle.memory_log import MemoryLog
from audit_chain.merkle.prover import root_hash
from data_pool.network import Accepted, ProvenEntry, TreeHead, WrongParent
from tests.nodes.cast import Member, Pool, fresh_name, is_known, key_of
from tests.nodes.processes import NETWORK, OPERATOR_TOKEN, Processes, eventually
from tests.nodes.requests import Reply, send

pytestmark = pytest.mark.xdist_group("beacon")

BEARER = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}


@pytest.fixture(scope="module")
def url(nodes: Processes) -> str:
    return nodes.url("beacon")


@pytest.fixture(scope="module")
def member(beacon: BeaconClient) -> Member:
    return Member(fresh_name("member")).register(beacon)


@pytest.fixture(scope="module")
def committee(nodes: Processes) -> Committee:
    return Committee.of(nodes.network)


@pytest.fixture
def pool(beacon: BeaconClient, member: Member) -> Pool:
    return Pool(fresh_name("pool")).register(beacon, member)


def refusal(reply: Reply) -> str:
    """The code of a refusal, whose form is always the same."""
    error = json.loads(reply.body)["error"]
    assert set(error) == {"code", "message", "where"}
    assert reply.media_type == "application/json"
    return str(error["code"])


def checkpoint_of(proven: ProvenEntry) -> LogCheckpoint:
    return LogCheckpoint.parse(Note.parse(TlogProof.parse(proven.proof).checkpoint).text)


class TestTheWayOfACrosslink:
    def test_it_becomes_final_and_proven(
        self, nodes: Processes, beacon: BeaconClient, committee: Committee, pool: Pool
    ) -> None:
        assert pool.crosslink(beacon, committee) == Accepted(None)

        found = eventually(lambda: (found := beacon.crosslink(pool.name)) and found.final and found)

        assert (found.size, found.root) == (pool.parent.size, pool.parent.root)
        proven = beacon.proof(found.index)
        assert proven
        proof = TlogProof.parse(proven.proof)
        checkpoint = proof.verify(leaf_hash(proven.entry))
        verified = nodes.network.policy().verify(proof.checkpoint)
        assert verified.checkpoint == checkpoint
        entry = parse_entry(proven.entry)
        assert isinstance(entry, Crosslink)
        assert entry.pool == pool.name

    def test_one_follows_another(self, beacon: BeaconClient, committee: Committee, pool: Pool) -> None:
        for _ in range(3):
            pool.crosslink(beacon, committee)
            eventually(lambda: (found := beacon.crosslink(pool.name)) and found.size == pool.parent.size)

    def test_handing_it_in_again_gives_its_index(self, beacon: BeaconClient, committee: Committee, pool: Pool) -> None:
        cosigned = pool.cosigned(pool.grow(), committee)
        for _ in range(3):
            assert isinstance(pool.submit(beacon, cosigned), Accepted)
        found = eventually(lambda: beacon.crosslink(pool.name))
        assert pool.submit(beacon, cosigned) == Accepted(found.index)

    def test_another_parent_is_answered_with_the_current_one(
        self, beacon: BeaconClient, committee: Committee, pool: Pool
    ) -> None:
        pool.crosslink(beacon, committee)
        current = pool.parent
        eventually(lambda: beacon.crosslink(pool.name))
        pool.parent = TreeHead(size=0, root=EMPTY_ROOT)
        assert pool.crosslink(beacon, committee) == WrongParent(current)

    def test_of_two_that_wait_for_the_same_place_the_first_gets_it(
        self, beacon: BeaconClient, committee: Committee, pool: Pool
    ) -> None:
        first = pool.cosigned(pool.grow(), committee)
        second = pool.cosigned(pool.grow(), committee)
        for cosigned in (first, second):
            pool.submit(beacon, cosigned)
        found = eventually(lambda: (found := beacon.crosslink(pool.name)) and found.final and found)
        assert found.size in (4, 8)

    def test_before_the_first_there_is_none(self, beacon: BeaconClient, url: str, pool: Pool) -> None:
        assert beacon.crosslink(pool.name) is None
        shown = wire.parse(api.PoolCrosslink, send("GET", f"{url}/crosslinks/{pool.name}").body)
        assert (shown.index, shown.size, shown.root, shown.final) == (None, 0, EMPTY_ROOT, False)


Body = dict[str, Any]


def _sign_by_somebody_else(body: Body) -> None:
    note = Note.parse(body["checkpoint"].encode())
    signer = NoteSigner(note.text.split("\n")[0], key_of(99))
    body["checkpoint"] = Note(note.text, (signer.sign(note.text), *note.signatures[1:])).render().decode()


def _keep_signatures(count: int) -> Callable[[Body], None]:
    """The pool's line and those of `count` - 1 validators, with two lines each."""

    def spoil(body: Body) -> None:
        note = Note.parse(body["checkpoint"].encode())
        body["checkpoint"] = Note(note.text, note.signatures[:count]).render().decode()

    return spoil


def _change_text(old: str, new: str) -> Callable[[Body], None]:
    def spoil(body: Body) -> None:
        body["checkpoint"] = body["checkpoint"].replace(old, new, 1)

    return spoil


SPOILT_CROSSLINKS: dict[str, tuple[Callable[[Body], object], int, str]] = {
    "an epoch to come": (lambda body: body.update(epoch=2**40), 422, "unknown_epoch"),
    "an epoch before all": (lambda body: body.update(epoch=-1), 422, "malformed_epoch"),
    "no pool": (lambda body: body.pop("pool"), 400, "unreadable"),
    "one member more": (lambda body: body.update(more=1), 400, "unreadable"),
    "pool is a number": (lambda body: body.update(pool=1), 400, "unreadable"),
    "pool's name cannot be": (lambda body: body.update(pool="a\x00b"), 422, "malformed_name"),
    "unknown pool": (lambda body: body.update(pool="nobody"), 403, "unknown_pool"),
    "negative size": (lambda body: body["parent"].update(size=-1), 422, "malformed_entry"),
    "short root": (lambda body: body["parent"].update(root="AAAA"), 422, "malformed_entry"),
    "root is not base64": (lambda body: body["parent"].update(root="?"), 400, "unreadable"),
    "another parent": (lambda body: body["parent"].update(size=1), 409, "wrong_parent"),
    "no note": (lambda body: body.update(checkpoint=""), 422, "malformed_note"),
    "note without a checkpoint": (
        lambda body: body.update(checkpoint="a\n\n— b AAAAAAA=\n"),
        422,
        "malformed_checkpoint",
    ),
    "signed by somebody else": (_sign_by_somebody_else, 422, "invalid_crosslink"),
    "not cosigned": (_keep_signatures(1), 403, "insufficient_weight"),
    "cosigned by two of four": (_keep_signatures(5), 403, "insufficient_weight"),
    "another size": (_change_text("\n4\n", "\n5\n"), 422, "invalid_crosslink"),
    "another log": (_change_text(f"{NETWORK}/pool/", f"{NETWORK}/loop/"), 422, "invalid_crosslink"),
}


@pytest.mark.parametrize(("spoil", "status", "code"), SPOILT_CROSSLINKS.values(), ids=SPOILT_CROSSLINKS.keys())
def test_a_spoilt_crosslink_is_refused_with_a_reason(
    url: str, committee: Committee, pool: Pool, spoil: Callable[[Body], object], status: int, code: str
) -> None:
    epoch, checkpoint = pool.cosigned(pool.grow(), committee)
    body: Body = {
        "pool": pool.name,
        "epoch": epoch,
        "parent": {"root": to_base64(EMPTY_ROOT), "size": 0},
        "checkpoint": checkpoint.decode(),
    }
    spoil(body)
    reply = send("POST", f"{url}/crosslinks", json=body)
    assert (reply.status, refusal(reply)) == (status, code), reply
    if status == 409:
        assert json.loads(reply.body)["current"] == {"root": to_base64(EMPTY_ROOT), "size": 0}


class TestEvidence:
    def test_a_deposit_is_found_by_digest_with_time_and_proof(
        self, nodes: Processes, beacon: BeaconClient, member: Member
    ) -> None:
        digest = os.urandom(32)
        assert beacon.deposits(digest.hex()) == ()

        assert beacon.submit_evidence(member.deposit(digest)) == api.Receipt(None)

        (found,) = eventually(lambda: [one for one in beacon.deposits(digest.hex()) if one.final])
        assert (found.member, found.time) == (member.name, beacon.block(found.block).block.time)
        proven = beacon.proof(found.index)
        assert proven
        nodes.network.policy().verify(TlogProof.parse(proven.proof).checkpoint)

    def test_the_proven_time_of_a_deposit_does_not_move_when_the_log_goes_on(
        self, beacon: BeaconClient, member: Member
    ) -> None:
        beacon.submit_evidence(member.deposit(digest := os.urandom(32)))
        (found,) = eventually(lambda: [one for one in beacon.deposits(digest.hex()) if one.final])
        proven = beacon.proof(found.index)
        assert proven
        beacon.submit_evidence(member.deposit(later := os.urandom(32)))
        eventually(lambda: [one for one in beacon.deposits(later.hex()) if one.final])

        again = beacon.proof(found.index)
        assert again
        assert checkpoint_of(again) == checkpoint_of(proven)

    @pytest.mark.parametrize(("every_key", "kinds"), [(False, {4}), (True, {4, 6})], ids=["compact", "every key"])
    def test_a_proof_carries_the_cosignatures_asked_for(
        self, nodes: Processes, beacon: BeaconClient, member: Member, every_key: bool, kinds: set[int]
    ) -> None:
        beacon.submit_evidence(member.deposit(digest := os.urandom(32)))
        (found,) = eventually(lambda: [one for one in beacon.deposits(digest.hex()) if one.final])
        proven = beacon.proof(found.index, every_key=every_key)
        assert proven
        verified = nodes.network.policy().verify(TlogProof.parse(proven.proof).checkpoint)
        assert {cosigned.kind for cosigned in verified.cosigned} == kinds

    def test_the_same_deposit_gives_the_same_receipt(self, beacon: BeaconClient, member: Member) -> None:
        deposit = member.deposit(os.urandom(32))
        beacon.submit_evidence(deposit)
        beacon.submit_evidence(deposit)
        receipt = eventually(lambda: (receipt := beacon.submit_evidence(deposit)).index and receipt)
        assert beacon.entry(receipt.index).type == "evidence"

    def test_two_members_may_deposit_the_same_file(self, beacon: BeaconClient, member: Member) -> None:
        other = Member(fresh_name("member"), key=5).register(beacon)
        digest = os.urandom(32)
        for one in (member, other):
            beacon.submit_evidence(one.deposit(digest))
        found = eventually(lambda: (found := beacon.deposits(digest.hex())) and len(found) == 2 and found)
        assert {one.member for one in found} == {member.name, other.name}

    @pytest.mark.parametrize(
        ("spoil", "status", "code"),
        [
            (lambda deposit: deposit.replace(b"/evidence", b"/evidenc"), 422, "malformed_entry"),
            (
                lambda deposit: deposit.replace(NETWORK.encode() + b"/ev", b"other.example/ev", 1),
                422,
                "invalid_deposit",
            ),
            (lambda deposit: deposit[:-6] + b"=\n", 422, "malformed_note"),
            (lambda deposit: deposit.split(b"\n\n")[0] + b"\n", 422, "malformed_note"),
            (lambda deposit: b"", 422, "malformed_note"),
        ],
    )
    def test_a_spoilt_deposit_is_refused(
        self, url: str, member: Member, spoil: Callable[[bytes], bytes], status: int, code: str
    ) -> None:
        deposit = spoil(member.deposit(b"\x07" * 32)).decode()
        reply = send("POST", f"{url}/evidence", json={"deposit": deposit})
        assert (reply.status, refusal(reply)) == (status, code)

    def test_a_strangers_deposit_is_refused(self, url: str, member: Member) -> None:
        stranger = Member(fresh_name("stranger"))
        reply = send("POST", f"{url}/evidence", json={"deposit": stranger.deposit(b"\x07" * 32).decode()})
        assert (reply.status, refusal(reply)) == (403, "unknown_member")
        forged = Member(member.name, key=77).deposit(b"\x07" * 32).decode()
        reply = send("POST", f"{url}/evidence", json={"deposit": forged})
        assert (reply.status, refusal(reply)) == (422, "invalid_deposit")

    @pytest.mark.parametrize("sha256", ["", "00", "0" * 63, "G" * 64, "A" * 64, "0" * 66])
    def test_a_digest_has_one_spelling(self, url: str, sha256: str) -> None:
        reply = send("POST", f"{url}/evidence/lookup", json={"sha256": sha256})
        assert (reply.status, refusal(reply)) == (422, "malformed_digest")


class TestRegistration:
    def test_the_operator_registers_members_and_pools(self, beacon: BeaconClient, member: Member, pool: Pool) -> None:
        assert beacon.member(member.name).key == str(member.signer.verifier_key)
        assert pool.name in [one.name for one in beacon.pools()]
        assert member.name in [one.name for one in beacon.members()]
        proven = eventually(lambda: beacon.registration(pool.name))
        entry = parse_entry(proven.entry)
        assert isinstance(entry, PoolEntry)
        assert (entry.name, entry.member, entry.key) == (pool.name, member.name, pool.signer.verifier_key)

    def test_registering_again_gives_the_index(self, beacon: BeaconClient, member: Member) -> None:
        key = str(member.signer.verifier_key)
        receipt = beacon.register_member(name=member.name, key=key, operator_token=OPERATOR_TOKEN)
        assert receipt.index == beacon.member(member.name).registered.index

    def test_a_name_is_given_once(self, beacon: BeaconClient, member: Member) -> None:
        other = str(Member(member.name, key=42).signer.verifier_key)
        with pytest.raises(Declined) as problem:
            beacon.register_member(name=member.name, key=other, operator_token=OPERATOR_TOKEN)
        assert (problem.value.status, problem.value.code) == (409, "already_registered")

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": OPERATOR_TOKEN}])
    @pytest.mark.parametrize("path", ["members", "pools"])
    def test_nobody_else_registers_anything(self, url: str, path: str, headers: dict[str, str]) -> None:
        reply = send("POST", f"{url}/{path}", json={"name": "x", "key": "x"}, headers=headers)
        assert (reply.status, refusal(reply)) == (403, "not_the_operator")

    @pytest.mark.parametrize(
        ("path", "body", "status", "code"),
        [
            ("members", {"name": "Bad Name", "key": ""}, 422, "malformed_name"),
            ("members", {"name": "new", "key": "no key"}, 422, "malformed_key"),
            ("members", {"name": "new", "key": str(Member("old").signer.verifier_key)}, 422, "invalid_registration"),
            (
                "pools",
                {"name": "new", "member": "nobody", "key": str(Pool("new").signer.verifier_key)},
                403,
                "unknown_member",
            ),
        ],
    )
    def test_a_spoilt_registration_is_refused(
        self, url: str, path: str, body: dict[str, str], status: int, code: str
    ) -> None:
        reply = send("POST", f"{url}/{path}", json=body, headers=BEARER)
        assert (reply.status, refusal(reply)) == (status, code)


class TestTheLog:
    def test_tiles_and_entries_give_the_signed_root(
        self, nodes: Processes, beacon: BeaconClient, committee: Committee, pool: Pool
    ) -> None:
        pool.crosslink(beacon, committee)
        eventually(lambda: (found := beacon.crosslink(pool.name)) and found.final)
        checkpoint = nodes.network.policy().verify(beacon.log.checkpoint()).checkpoint

        entries = [
            entry
            for index in range(-(-checkpoint.size // 256))
            for entry in beacon.log.bundle(index, size=checkpoint.size)
        ]

        assert isinstance(parse_entry(entries[0]), Genesis)
        assert MemoryLog(map(leaf_hash, entries)).root() == checkpoint.root
        nodes_there = TileNodes(beacon.log.tile_reader(checkpoint.size), checkpoint.size)
        assert root_hash(checkpoint.size, nodes_there) == checkpoint.root

    def test_tiles_may_be_kept_for_ever_and_checkpoints_for_a_moment(self, url: str, beacon: BeaconClient) -> None:
        size = beacon.validators().final_size
        for level in (0, ENTRIES):
            response = httpx.get(f"{url}/log/{tile_path(tile_at(level, 0, size=size))}")
            assert "immutable" in response.headers["cache-control"]
            assert response.headers["content-type"] == "application/octet-stream"
        response = httpx.get(f"{url}/log/checkpoint")
        assert response.headers["cache-control"] == "public, max-age=1"
        assert response.headers["content-type"] == "text/plain; charset=utf-8"

    def test_every_width_up_to_the_size_is_served_and_none_above(self, url: str, beacon: BeaconClient) -> None:
        index, edge = divmod(beacon.validators().size, TILE_WIDTH)
        for width in range(1, edge + 1):
            assert len(send("GET", f"{url}/log/tile/0/{index:03}.p/{width}").body) == 32 * width
        assert send("GET", f"{url}/log/tile/0/{index:03}.p/{edge + 1}").status == 404

    def test_bundles_are_compressed_for_who_can_read_it(self, url: str, beacon: BeaconClient) -> None:
        size = beacon.validators().final_size
        path = f"{url}/log/{tile_path(tile_at(ENTRIES, (size - 1) // TILE_WIDTH, size=size))}"
        with httpx.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["content-encoding"] == "gzip"
            packed = b"".join(response.iter_raw())
        plain = httpx.get(path, headers={"Accept-Encoding": "identity"}).content
        assert gzip.decompress(packed) == plain

    @pytest.mark.parametrize(
        "path",
        [
            "tile/0/900",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/000",
            "tile/0/-01",
            "tile/entries/900",
            "tile/entries/000.p/",
            "tile/9/999",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/0/%00",
        ],
    )
    def test_tiles_that_are_not_there_are_not_found(self, url: str, path: str) -> None:
        assert send("GET", f"{url}/log/{path}").status == 404


class TestExploring:
    def test_pages_of_blocks_reach_back_to_the_genesis(self, beacon: BeaconClient, pool: Pool) -> None:
        seen: list[api.BlockSummary] = []
        before: int | None = None
        while not seen or before is not None:
            page = beacon.blocks(before=before, limit=3)
            seen += page.blocks
            before = page.before
        numbers = [block.number for block in seen]
        assert numbers == list(range(numbers[0], -1, -1))
        assert [older.size for older in seen[1:]] == [newer.first for newer in seen[:-1]]
        assert seen[-1].first == 0

    def test_a_block_names_its_entries_and_cosigners(self, nodes: Processes, beacon: BeaconClient) -> None:
        eventually(lambda: len(beacon.block(0).block.cosigners) == 4)
        block = beacon.block(0)
        assert [line.type for line in block.entries] == ["genesis", *["validator"] * 4, "seal"]
        assert block.block.final
        assert nodes.network.policy().verify(block.checkpoint.encode()).checkpoint.size == block.block.size

    def test_validators_show_what_they_cosigned(self, beacon: BeaconClient) -> None:
        eventually(lambda: {one.cosigned.size for one in beacon.validators().validators if one.cosigned})
        state = beacon.validators()
        assert [one.name for one in state.validators] == ["bank", "regulator", "court", "chamber"]
        assert state.size >= state.final_size > 0

    def test_the_network_is_the_network_file(self, nodes: Processes, url: str) -> None:
        assert send("GET", f"{url}/network").body == nodes.network.render()

    def test_an_entry_that_is_not_there_is_not_found(self, url: str, beacon: BeaconClient) -> None:
        size = beacon.validators().size + 1000
        for path in (
            f"entries/{size}",
            f"proofs/{size}",
            f"blocks/{size}",
            f"epochs/{size}",
            f"finality/{size}",
            f"state/sections?size={size}",
            "committees/nobody",
            "pools/nobody",
            "members/nobody",
        ):
            reply = send("GET", f"{url}/{path}")
            assert (reply.status, refusal(reply)) == (404, "not_found"), path
        assert is_known(lambda: beacon.pool("nobody")) is None


class TestBadRequests:
    """Whatever is sent, the answer is JSON that says what is wrong; never a failure, never a traceback."""

    PATHS = ("crosslinks", "evidence", "evidence/lookup", "members", "pools")

    @pytest.fixture(autouse=True)
    def nothing_failed(self, nodes: Processes) -> Iterator[None]:
        yield
        assert "Traceback" not in nodes.log("beacon")
        assert "ERROR" not in nodes.log("beacon")

    def test_bytes_at_random(self, url: str) -> None:
        draw = random.Random(4)
        for _ in range(100):
            path = draw.choice(self.PATHS)
            reply = send("POST", f"{url}/{path}", draw.randbytes(draw.randrange(300)), headers=BEARER)
            assert (reply.status, refusal(reply)) == (400, "unreadable")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"1e999",
            b'{"deposit":"a","deposit":"b"}',
            b'{"deposit":"\\ud800"}',
            b'{"deposit":' + b"[" * 50_000,
            b'{"deposit":' + b"9" * 10_000 + b"}",
            b"\xef\xbb\xbf{}",
        ],
    )
    def test_json_that_readers_differ_about(self, url: str, body: bytes) -> None:
        for path in self.PATHS:
            reply = send("POST", f"{url}/{path}", body, headers=BEARER)
            assert (reply.status, refusal(reply)) == (400, "unreadable")

    def test_a_good_request_with_bytes_changed(self, url: str, committee: Committee, pool: Pool) -> None:
        head = api.Head(root=EMPTY_ROOT, size=0)
        epoch, note = pool.cosigned(pool.grow(), committee)
        good = wire.to_text(api.CrosslinkSubmission(pool.name, epoch, head, note.decode()))
        text_ends = good.index(b"\\n\\n")
        draw = random.Random(5)
        for _ in range(200):
            spoilt = bytearray(good)
            spoilt[draw.randrange(text_ends)] = draw.randrange(256)
            if spoilt != good:
                reply = send("POST", f"{url}/crosslinks", bytes(spoilt))
                assert reply.status in (400, 403, 409, 422), reply
                refusal(reply)

    def test_a_body_larger_than_any_submission(self, url: str) -> None:
        reply = send("POST", f"{url}/evidence", b"x" * (400 * 1024))
        assert (reply.status, refusal(reply)) == (413, "too_large")

    def test_a_head_is_a_get_without_a_body(self, nodes: Processes, url: str) -> None:
        for address in (f"{url}/blocks", f"{url}/log/checkpoint", f"{nodes.url('bank')}/status"):
            for _ in range(3):  # On one connection: a body that should not be there would be read as the next answer.
                reply = send("HEAD", address)
                assert (reply.status, reply.body) == (200, b"")

    def test_methods_that_a_path_does_not_know(self, url: str) -> None:
        for method, path in (("DELETE", "members"), ("PUT", "crosslinks"), ("GET", "evidence"), ("POST", "blocks")):
            reply = send(method, f"{url}/{path}")
            assert (reply.status, refusal(reply)) == (405, "method_not_allowed")

    @pytest.mark.parametrize(
        "path",
        ["", "x", "blocks/", "blocks/01", "blocks/-1", "entries/" + "9" * 30, "pools/%00", "pools/A", "pools/a%2Fb"],
    )
    def test_paths_that_are_none(self, url: str, path: str) -> None:
        reply = send("GET", f"{url}/{path}")
        assert (reply.status, refusal(reply)) == (404, "not_found")

    @pytest.mark.parametrize("query", ["limit=x", "limit=-1", "before=1.5", "before=" + "9" * 40])
    def test_page_numbers_that_are_none(self, url: str, query: str) -> None:
        reply = send("GET", f"{url}/blocks?{query}")
        assert (reply.status, refusal(reply)) == (400, "malformed_number")

    @pytest.mark.parametrize("query", ["limit=0", "limit=9999999", "before=0", f"before={2**63 - 1}"])
    def test_page_numbers_out_of_reach_give_what_there_is(self, url: str, query: str) -> None:
        assert send("GET", f"{url}/blocks?{query}").status == 200


def test_the_log_files_hold_no_digest_no_body_and_no_query(
    nodes: Processes, beacon: BeaconClient, url: str, member: Member
) -> None:
    digest = hashlib.sha256(b"a file").hexdigest()
    beacon.deposits(digest)
    beacon.submit_evidence(member.deposit(bytes.fromhex(digest)))
    eventually(lambda: beacon.deposits(digest))
    send("GET", f"{url}/blocks?secret-of-the-query=1")
    send("POST", f"{url}/evidence", b"secret-of-the-body")
    for name in ("beacon", "sequencer", *nodes.validators):
        log = nodes.log(name)
        assert digest not in log
        assert to_base64(bytes.fromhex(digest)) not in log
        assert "secret" not in log
        assert OPERATOR_TOKEN not in log
        assert "Traceback" not in log


def test_no_key_is_in_the_database(nodes: Processes, beacon_database: str) -> None:
    seed = read_key(nodes.var_dir / "keys" / "beacon.pem", Ed25519PrivateKey).private_bytes_raw()
    with psycopg.connect(beacon_database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                text = b"".join(map(bytes, copy))
            assert seed.hex().encode() not in text
            assert to_base64(seed)[:-4].encode() not in text
