"""An enterprise of a test's own on the running network: a member, its pool, and a token that programs act with."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from apps.network.network_file import load
from apps.pools.folder import PoolFolder
from audit_chain.log.policy import TrustPolicy
from data_pool.pool import Pool
from data_pool.setup import Setup
from data_pool.storage.postgres import PostgresStorage
from tests.stack import Stack, wait_until

PASSWORD = "only-for-tests-of-the-network"
FINAL_WITHIN = 60.0  # seconds, on a machine that does other things too

_FOUND = """
import json
import time
from django.conf import settings
from apps.accounts.actor import Actor
from apps.accounts.roles import Role
from apps.accounts.services import organisation_ensure, token_create, user_ensure
from apps.network import genesis
from apps.network.beacon_client import BeaconClient
from apps.pools.services import pool_create

NAMES, PASSWORD = %r, %r
network, beacon, tokens = genesis.load(settings.NETWORK_FILE).network, BeaconClient(settings.BEACON_URL), {}
for name in NAMES:
    signer = genesis.member_signer(settings.VAR_DIR / "keys" / "members" / f"{name}.pem", network=network, name=name)
    beacon.register_member(
        name=name, key=str(signer.verifier_key), operator_token=settings.BEACON_OPERATOR_TOKEN
    )
while not {member.name for member in beacon.members()} >= set(NAMES):
    time.sleep(0.05)
for name in NAMES:
    organisation = organisation_ensure(name=name, display_name=name.title(), kind="supplier")
    pool_create(name=name, organisation=organisation)
    user_ensure(email=f"owner@{name}.example", password=PASSWORD, organisation=organisation, role="owner")
    owner = Actor(organisation=organisation, role=Role.OWNER, name="tests")
    _, tokens[name] = token_create(actor=owner, label="tests", role="owner")
print(json.dumps(tokens))
"""

T = TypeVar("T")
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a run of `import_documents` printed: by file, the record or the reason."""

    accepted: list[dict[str, str]]
    duplicates: list[dict[str, str]]
    refused: list[dict[str, str]]

    @property
    def record(self) -> str:
        """The one record that the one file became or was already."""
        (only,) = self.accepted + self.duplicates
        return only["record"]


@dataclass(frozen=True, slots=True)
class Enterprise:
    """The name is the organisation's and its pool's. `http` speaks to the REST API as its program."""

    name: str
    stack: Stack
    http: httpx.Client

    def send(self, files: Files, **form: str) -> str:
        """The id of a new import of these files, by the API; they are acknowledged and will be read."""
        parts = [("files", (name, data)) for name, data in files.items()]
        return str(checked(self.http.post("imports", files=parts, data=form), 202)["id"])

    def bring(self, files: Files, **form: str) -> list[dict[str, Any]]:
        """What became of the documents in these files, once all are read."""
        return self.outcomes(self.send(files, **form))

    def bring_one(self, data: bytes, *, name: str = "document.xml", **form: str) -> str:
        """The id of the record that the document became or was already."""
        (item,) = self.bring({name: data}, **form)
        assert item["record"], item
        return str(item["record"])

    def outcomes(self, import_id: str) -> list[dict[str, Any]]:
        wait_until(lambda: self._is_done(import_id), within=FINAL_WITHIN, what="the import to be read")
        answer = checked(self.http.get(f"imports/{import_id}/items", params={"limit": 200}))
        assert answer["next"] is None
        items: list[dict[str, Any]] = answer["items"]
        return items

    def _is_done(self, import_id: str) -> bool:
        return bool(checked(self.http.get(f"imports/{import_id}"))["done"])

    def import_by_command(self, *paths: Path, **options: str) -> Imported:
        """`manage.py import_documents --json`."""
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        done = self.stack.manage("import_documents", "--pool", self.name, *map(str, paths), "--json", *given)
        return Imported(**json.loads(done.stdout))

    def record(self, record: str) -> dict[str, Any]:
        return checked(self.http.get(f"records/{record}"))

    def wait_until_final(self, *records: str, within: float = FINAL_WITHIN) -> None:
        for record in records:
            wait_until(lambda: self._is_final(record), within=within, what=f"{record} to be final")  # noqa: B023

    def _is_final(self, record: str) -> bool:
        return self.record(record)["life"]["state"] == "final"

    def disclose(self, record: str, fields: Iterable[str], *, recipient: str = "meridian-bank") -> bytes:
        """The bundle that shows these fields."""
        body = {"recipient": recipient, "fields": sorted(fields)}
        answer = self.http.post(f"records/{record}/disclosures", json=body)
        assert answer.status_code == 201, answer.text
        return answer.content

    def sign_in(self) -> httpx.Client:
        """A browser's worth of cookies: the pages as the enterprise's owner sees them."""
        pages = httpx.Client(base_url=portal_url(self.stack), trust_env=False)
        answer = pages.get("sign-in")
        form = {"email": f"owner@{self.name}.example", "password": PASSWORD, "csrfmiddlewaretoken": csrf_token(answer)}
        answer = pages.post("sign-in", data=form)
        assert answer.status_code == 302, answer.text
        return pages

    def policy(self) -> TrustPolicy:
        return load(self.stack.var_dir / "network.json").policy()

    def pool(self) -> Pool:
        """The pool itself, opened beside the portal with connections of its own."""
        network = load(self.stack.var_dir / "network.json")
        folder = PoolFolder.of(self.stack.var_dir, self.name)
        return Pool(
            Setup(
                name=self.name,
                network=network.network,
                keys=folder.keys(network.network),
                storage=PostgresStorage(self.database_url(), connections=2),
                policy=network.policy(),
            )
        )

    def database_url(self) -> str:
        network = load(self.stack.var_dir / "network.json").network
        return PoolFolder.of(self.stack.var_dir, self.name).database_url(network)

    def wait_until_settled(self, pool: Pool, *, within: float = FINAL_WITHIN) -> None:
        """Returns when everything that was ever appended is final."""
        wait_until(lambda: pool.status().settled, within=within, what=f"{self.name} to settle")


def checked(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer that has this status."""
    assert answer.status_code == status, answer.text
    content: dict[str, Any] = answer.json()
    return content


def until(condition: Callable[[], T | None], *, what: str, within: float = FINAL_WITHIN) -> T:
    """The condition's value as soon as it has one."""
    found: list[T | None] = [None]

    def is_there() -> bool:
        found[0] = condition()
        return found[0] is not None

    wait_until(is_there, within=within, what=what)
    assert found[0] is not None
    return found[0]


def csrf_token(page: httpx.Response) -> str:
    """What a form of this page would send along."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert found, page.text
    return found[1]


def portal_url(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.place.portal_port}/"


def api_url(stack: Stack) -> str:
    return f"{portal_url(stack)}api/v1/"


def found(stack: Stack, names: Iterable[str]) -> dict[str, Enterprise]:
    """New members with a pool each, made by the services that every organisation is made by."""
    done = stack.manage("shell", "--no-imports", "--command", _FOUND % (sorted(names), PASSWORD))
    tokens: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return {
        name: Enterprise(name, stack, httpx.Client(base_url=api_url(stack), headers=bearer(token), trust_env=False))
        for name, token in tokens.items()
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
