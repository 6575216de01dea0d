"""Who asks the API, and of what: a supplier with its pool, whom it shares with, who supervises, and a stranger."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import HttpResponse
from django.test import Client

from apps.accounts.actor import Actor
from apps.accounts.models import Organisation
from apps.accounts.roles import Role
from apps.accounts.services import organisation_create, token_create, token_revoke
from apps.network.beacon_api import Alert
from apps.network.network_file import BeaconNode, NetworkFile, ValidatorNode
from apps.pools.folder import PoolFolder
from audit_chain.beacon.entries import Member, Slashing
from audit_chain.beacon.misbehaviour import build_fork, build_inconsistent_heads
from audit_chain.beacon.names import member_key_name
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner, private_key_pem
from audit_chain.log.note import Note
from audit_chain.testing import KEYS_FROM, KEYS_UNTIL, NETWORK, SUPPLIER, ExampleNetwork, ed25519_key
from data_pool.pool import Pool
from data_pool.setup import Setup
from data_pool.storage.postgres import PostgresStorage
from tests.api.chain import ExampleChain
from tests.pool.cast import STAFF, ExampleWitnesses, bring_in, finish, invoice, upload

STRANGER = "lotus-electronics"
PARTNER = "meridian-bank"
REGULATOR = "market-regulator"
POOL_KEY, MEMBER_KEY = 300, 200  # the example network's numbers of the supplier's keys

numbers = (f"API-{number}" for number in itertools.count(1))


class World:
    """Everything that is not in the portal's own database: folder, keys, pools, the shared chain."""

    def __init__(self, var_dir: Path, make_database: Callable[[], str]) -> None:
        self.var_dir = var_dir
        self.network = ExampleNetwork()
        self.witnesses = ExampleWitnesses(self.network)
        self.chain = ExampleChain(self.network)
        self.network_file = var_dir / "network.json"
        self.network_file.write_bytes(_network_file(self.network).render())
        self._join(SUPPLIER, ed25519_key(MEMBER_KEY))
        for number, name in enumerate((PARTNER, REGULATOR, STRANGER), start=MEMBER_KEY + 50):
            signer = self._join(name, ed25519_key(number))
            self.chain.queue.append(Member(name, signer.verifier_key))
        self.chain.make_block()
        self.pool = self._found(SUPPLIER, make_database(), key=POOL_KEY)
        self.pool_of_stranger = self._found(STRANGER, make_database(), key=POOL_KEY + 1)

    def close(self) -> None:
        for pool in (self.pool, self.pool_of_stranger):
            pool.setup.storage.close()

    def record(self, **changes: Any) -> UUID:
        """A new record of the supplier's, stored."""
        batch = bring_in(self.pool, upload(invoice(**({"number": next(numbers)} | changes))))
        (item,) = self.pool.items(batch.id)
        assert item.record_id, item
        return item.record_id

    def final_record(self, **changes: Any) -> UUID:
        record = self.record(**changes)
        self.finish()
        return record

    def finish(self) -> None:
        finish(self.pool, self.witnesses, self.chain)

    def alert(self, kind: str = "fork", *, cleared: str | None = None) -> Alert:
        """An alert that the monitor has written down, with a file that proves it."""
        file = pool_fork(self.network)
        digest = sha256(file).hexdigest()
        self.chain.files[digest] = file
        detail = f"{NETWORK}/pool/{SUPPLIER} has two histories; the evidence file proves it."
        alert = Alert(kind, f"{NETWORK}/pool/{SUPPLIER}", "2026-11-22T15:41:00Z", cleared, None, detail, digest)
        self.chain.found_by_monitor.append(alert)
        return alert

    def catch_liar(self) -> int:
        """Index of the entry that proves the last validator's lie, after which it votes no more."""
        index = self.network.append(Slashing(lie(self.network), REGULATOR).encode())
        self.network.voters = self.network.validators[:-1]
        self.chain.make_block()
        return index

    def read_everything(self) -> None:
        """What a worker does when it is woken."""
        while self.pool.process():
            pass

    def bundle(self, record: UUID, *names: str) -> bytes:
        return self.pool.disclose(record, names, recipient=PARTNER, by=STAFF)

    def _join(self, name: str, key: Ed25519PrivateKey) -> NoteSigner:
        """The organisation's key lies where the portal looks for it."""
        folder = self.var_dir / "keys" / "members"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.pem").write_bytes(private_key_pem(key))
        return NoteSigner(member_key_name(NETWORK, name), key)

    def _found(self, name: str, url: str, *, key: int) -> Pool:
        folder = PoolFolder.of(self.var_dir, name)
        folder.path.mkdir(parents=True)
        (folder.path / "signing.pem").write_bytes(private_key_pem(ed25519_key(key)))
        keys, storage = folder.keys(NETWORK), PostgresStorage(url)
        storage.migrate()
        folder.describe(network=NETWORK, database_url=url)
        return Pool(Setup(name=name, network=NETWORK, keys=keys, storage=storage, policy=self.network.policy))


def pool_fork(network: ExampleNetwork) -> bytes:
    """The file which proves that the supplier's pool signed two trees of one size."""
    signer = network.pool.signer
    texts = [LogCheckpoint(signer.name, 5, bytes([number]) * 32).text() for number in (1, 2)]
    heads = [Note(text, (signer.sign(text),)) for text in texts]
    return build_fork(*heads, key=signer.verifier_key).encode()


def lie(network: ExampleNetwork) -> str:
    """The proof that the last validator cosigned two trees of one size."""
    liar = network.validators[-1].ed25519
    texts = [LogCheckpoint(network.pool.signer.name, 7, bytes([number]) * 32).text() for number in (1, 2)]
    heads = [Note(text, (liar.cosign(text, network.clock),)) for text in texts]
    return build_inconsistent_heads(*heads, key=liar.verifier_key).encode().decode()


def _network_file(network: ExampleNetwork) -> NetworkFile:
    validators = tuple(
        ValidatorNode(
            name=validator.name,
            url="http://127.0.0.1:1",
            keys=validator.key_set.keys,
            governance=validator.governance.verifier_key,
            not_before=KEYS_FROM,
            not_after=KEYS_UNTIL,
        )
        for validator in network.validators
    )
    return NetworkFile(NETWORK, BeaconNode("http://127.0.0.1:1", network.beacon_signer.verifier_key), validators)


@dataclass(frozen=True, slots=True)
class Caller:
    """A program with a token, or with none."""

    name: str
    token: str | None = None

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.ask_json("POST", path, body, headers=headers)

    def ask_json(self, method: str, path: str, body: Any, *, headers: dict[str, str] | None = None) -> HttpResponse:
        return self.ask(method, path, b"" if body is None else json.dumps(body).encode(), headers=headers)

    def upload(self, path: str, form: dict[str, Any]) -> HttpResponse:
        headers = self._headers({})
        return Client(raise_request_exception=False).post(f"/api/v1/{path}", form, headers=headers)

    def ask(
        self,
        method: str,
        path: str,
        data: bytes = b"",
        content_type: str = "application/json",
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        return Client(raise_request_exception=False).generic(
            method, f"/api/v1/{path}", data, content_type, headers=self._headers(headers or {}), query_params=query
        )

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        return headers | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


@dataclass(frozen=True, slots=True)
class Cast:
    """Three programs of the supplier's, and everybody else."""

    owner: Caller
    staff: Caller
    viewer: Caller
    partner: Caller
    regulator: Caller
    stranger: Caller
    revoked: Caller
    anonymous: Caller

    def everybody(self) -> tuple[Caller, ...]:
        return (
            *(self.owner, self.staff, self.viewer, self.partner),
            *(self.regulator, self.stranger, self.revoked, self.anonymous),
        )


def make_cast() -> Cast:
    supplier = organisation_create(name=SUPPLIER, display_name="Northwind Parts", kind="supplier", pool=SUPPLIER)
    stranger = organisation_create(name=STRANGER, display_name="Lotus Electronics", kind="supplier", pool=STRANGER)
    partner = organisation_create(name=PARTNER, display_name="Meridian Bank", kind="bank")
    regulator = organisation_create(name=REGULATOR, display_name="Market Regulator", kind="regulator")
    return Cast(
        owner=_program("owner", supplier, Role.OWNER),
        staff=_program("staff", supplier, Role.STAFF),
        viewer=_program("viewer", supplier, Role.VIEWER),
        partner=_program("partner", partner, Role.OWNER),
        regulator=_program("regulator", regulator, Role.OWNER),
        stranger=_program("stranger", stranger, Role.OWNER),
        revoked=_program("revoked", supplier, Role.OWNER, revoked=True),
        anonymous=Caller("anonymous"),
    )


def owner_of(organisation: Organisation) -> Actor:
    return Actor(organisation=organisation, role=Role.OWNER, name="owner@example.org")


def _program(name: str, organisation: Organisation, role: Role, *, revoked: bool = False) -> Caller:
    token, text = token_create(actor=owner_of(organisation), label=name, role=role)
    if revoked:
        token_revoke(actor=owner_of(organisation), token_id=token.pk)
    return Caller(name, text)


def error_of(response: HttpResponse) -> dict[str, str]:
    """The error that the response tells of, in the one shape that there is."""
    assert response["Content-Type"] == "application/json", response.content
    body = json.loads(response.content)
    assert list(body) == ["error"], body
    error: dict[str, str] = body["error"]
    assert {"code", "message"} <= error.keys() <= {"code", "message", "where"}, error
    assert all(isinstance(text, str) and text for text in error.values()), error
    return error
