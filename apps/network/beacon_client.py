"""The beacon asked over HTTP; what the pools need of it is the port `data_pool.network.Beacon`.

Answers are claims: a pool, a validator or a verifier holds proofs and signatures against its own policy.
"""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

from apps.network import beacon_api as api
from apps.network import wire
from apps.network.errors import Declined, Unreachable
from apps.network.log_client import LogClient
from apps.network.transport import Answer, Transport
from data_pool.network import Accepted, Crosslink, ProvenEntry, TreeHead, WrongParent

T = TypeVar("T")


class BeaconClient:
    """Talks to one beacon; safe to share between threads.

    Every method raises `Unreachable` when no usable answer came, and `Declined` when the beacon says no.
    """

    def __init__(self, url: str, *, answer_seconds: float = 5.0) -> None:
        self._transport = Transport(url, answer_seconds=answer_seconds, connect_seconds=min(2.0, answer_seconds))
        self.log = LogClient(self._transport)

    def close(self) -> None:
        self._transport.close()

    # The port of the pools.

    def submit_crosslink(self, *, pool: str, parent: TreeHead, checkpoint: bytes) -> Accepted | WrongParent:
        head = api.Head(root=parent.root, size=parent.size)
        answer = self._post(
            "/crosslinks", api.CrosslinkSubmission(pool=pool, parent=head, checkpoint=checkpoint.decode())
        )
        if answer.status == 409:
            current = _read(api.ParentRefusal, answer).current
            return WrongParent(TreeHead(size=current.size, root=current.root))
        return Accepted(_receipt(answer).index)

    def crosslink(self, pool: str) -> Crosslink | None:
        found = _expect(api.PoolCrosslink, self._get(f"/crosslinks/{_segment(pool)}"))
        if found.index is None or found.block is None:
            return None
        return Crosslink(index=found.index, size=found.size, root=found.root, block=found.block, final=found.final)

    def proof(self, index: int, *, every_key: bool = False) -> ProvenEntry | None:
        """As the port says; with `every_key` the ML-DSA-44 cosignatures too, for evidence that has to last."""
        answer = self._get(f"/proofs/{index}", {"cosignatures": "all"} if every_key else None)
        if answer.status == 409:
            return None
        proven = _expect(api.EntryProof, answer)
        return ProvenEntry(entry=proven.entry.encode(), proof=proven.proof.encode())

    def registration(self, pool: str) -> ProvenEntry | None:
        answer = self._get(f"/pools/{_segment(pool)}")
        if answer.status == 404:
            return None
        return self.proof(_expect(api.PoolState, answer).registered.index)

    # Members, pools and evidence.

    def register_member(self, *, name: str, key: str, operator_token: str) -> api.Receipt:
        return _receipt(self._post("/members", api.MemberSubmission(name=name, key=key), token=operator_token))

    def register_pool(self, *, name: str, member: str, key: str, operator_token: str) -> api.Receipt:
        submission = api.PoolSubmission(name=name, member=member, key=key)
        return _receipt(self._post("/pools", submission, token=operator_token))

    def submit_evidence(self, deposit: bytes) -> api.Receipt:
        """Hands in a deposit note signed by a member."""
        return _receipt(self._post("/evidence", api.EvidenceSubmission(deposit=deposit.decode())))

    def deposits(self, sha256: str) -> tuple[api.Deposit, ...]:
        """All deposits of the file with this digest (lowercase hex), the earliest first."""
        answer = self._post("/evidence/lookup", api.EvidenceQuestion(sha256=sha256))
        return _expect(api.Deposits, answer).deposits

    # What explorers and supervisors look at.

    def blocks(self, *, before: int | None = None, limit: int = 50) -> api.BlockPage:
        params = {"limit": limit} | ({} if before is None else {"before": before})
        return _expect(api.BlockPage, self._get("/blocks", params))

    def block(self, number: int) -> api.Block:
        return _expect(api.Block, self._get(f"/blocks/{number}"))

    def entry(self, index: int) -> api.Entry:
        return _expect(api.Entry, self._get(f"/entries/{index}"))

    def validators(self) -> api.Validators:
        return _expect(api.Validators, self._get("/validators"))

    def pools(self) -> tuple[api.PoolState, ...]:
        return _expect(api.Pools, self._get("/pools")).pools

    def pool(self, name: str) -> api.PoolState:
        return _expect(api.PoolState, self._get(f"/pools/{_segment(name)}"))

    def members(self) -> tuple[api.MemberState, ...]:
        return _expect(api.Members, self._get("/members")).members

    def member(self, name: str) -> api.MemberState:
        return _expect(api.MemberState, self._get(f"/members/{_segment(name)}"))

    def is_ready(self) -> bool:
        try:
            return self._get("/healthz").status == 200
        except Unreachable:
            return False

    def _get(self, path: str, params: Mapping[str, int | str] | None = None) -> Answer:
        return self._transport.exchange("GET", path, params=dict(params or {}))

    def _post(self, path: str, submission: object, *, token: str | None = None) -> Answer:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return self._transport.exchange("POST", path, content=wire.to_text(submission), headers=headers)


def _segment(name: str) -> str:
    """A name as one segment of a path, whatever is in it."""
    return quote(name, safe="")


def _receipt(answer: Answer) -> api.Receipt:
    return _expect(api.Receipt, answer)


def _expect(kind: type[T], answer: Answer) -> T:
    if answer.status in (200, 202):
        return _read(kind, answer)
    if 400 <= answer.status < 500:
        problem = _read(api.Refusal, answer).error
        raise Declined(answer.status, problem.code, problem.message)
    raise Unreachable(f"the beacon answered with status {answer.status}")


def _read(kind: type[T], answer: Answer) -> T:
    try:
        return wire.parse(kind, answer.body)
    except wire.Unreadable as problem:
        raise Unreachable(f"the beacon answered with something else than {kind.__name__}: {problem}") from None
