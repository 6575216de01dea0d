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

    def submit_crosslink(self, *, pool: str, epoch: int, parent: TreeHead, checkpoint: bytes) -> Accepted | WrongParent:
        head = api.Head(root=parent.root, size=parent.size)
        submission = api.CrosslinkSubmission(pool=pool, epoch=epoch, parent=head, checkpoint=checkpoint.decode())
        answer = self._post("/crosslinks", submission)
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
        return ProvenEntry(entry=proven.entry.encode(), proof=proven.proof.encode(), finality=proven.finality.encode())

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
        return self.lookup(sha256).deposits

    def lookup(self, sha256: str) -> api.Deposits:
        """The same with the sealed state that proves what was final, also that there was nothing."""
        return _expect(api.Deposits, self._post("/evidence/lookup", api.EvidenceQuestion(sha256=sha256)))

    # Validators: what they decide, and what they are caught at.

    def submit_ballot(self, ballot: bytes) -> api.Receipt:
        """Hands in the note of a ballot."""
        return _receipt(self._post("/ballots", api.BallotSubmission(ballot=ballot.decode())))

    def submit_rotation(self, rotation: bytes) -> api.Receipt:
        """Hands in the note of a rotation of keys."""
        return _receipt(self._post("/rotations", api.RotationSubmission(rotation=rotation.decode())))

    def submit_slashing(self, proof: str, *, reporter: str | None = None) -> api.Receipt:
        """Hands in an evidence file; `reporter` is the member or validator who is credited."""
        return _receipt(self._post("/slashings", api.SlashingSubmission(proof=proof, reporter=reporter)))

    def motions(self) -> api.Motions:
        return _expect(api.Motions, self._get("/motions"))

    def offences(self) -> tuple[api.Offence, ...]:
        return _expect(api.Offences, self._get("/offences")).offences

    def committee(self, pool: str) -> api.Committee:
        """Whom the pool asks now."""
        return _expect(api.Committee, self._get(f"/committees/{_segment(pool)}"))

    # What explorers and supervisors look at.

    def blocks(self, *, before: int | None = None, limit: int = 50) -> api.BlockPage:
        params = {"limit": limit} | ({} if before is None else {"before": before})
        return _expect(api.BlockPage, self._get("/blocks", params))

    def block(self, number: int) -> api.Block:
        return _expect(api.Block, self._get(f"/blocks/{number}"))

    def epochs(self, *, before: int | None = None, limit: int = 50) -> api.EpochPage:
        params = {"limit": limit} | ({} if before is None else {"before": before})
        return _expect(api.EpochPage, self._get("/epochs", params))

    def epoch(self, number: int) -> api.Epoch:
        return _expect(api.Epoch, self._get(f"/epochs/{number}"))

    def crosslinks(self, *, first: int, epochs: int) -> tuple[api.PlacedCrosslink, ...]:
        """Those in the blocks of so many epochs from the first one on."""
        answer = self._get("/crosslinks", {"first": first, "epochs": epochs})
        return _expect(api.Crosslinks, answer).crosslinks

    def find(self, value: bytes) -> api.HashPlaces:
        """Where a root or a leaf hash stands."""
        return _expect(api.HashPlaces, self._post("/hashes/lookup", api.HashQuestion(hash=value.hex())))

    def alerts(self) -> tuple[api.Alert, ...]:
        return _expect(api.Alerts, self._get("/alerts")).alerts

    def alert_evidence(self, digest: str) -> bytes:
        """The file with this SHA-256 (lowercase hex) that proves what an alert says."""
        answer = self._get(f"/alerts/{_segment(digest)}")
        if answer.status == 200:
            return answer.body
        return _expect(bytes, answer)

    def finality(self, size: int | None = None) -> api.FinalityProof:
        """That the checkpoint of this size is final, or the latest that is."""
        return _expect(api.FinalityProof, self._get("/finality" if size is None else f"/finality/{size}"))

    def state_proof(self, name: str, *, size: int | None = None) -> api.StateAnswer:
        """What the state says of a name, as of a sealed tree or of the latest final boundary."""
        return _expect(api.StateAnswer, self._post("/state/proof", api.StateQuestion(name=name, size=size)))

    def state_sections(self, size: int | None = None) -> api.Sections:
        return _expect(api.Sections, self._get("/state/sections", None if size is None else {"size": size}))

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
