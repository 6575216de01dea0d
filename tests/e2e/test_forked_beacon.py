"""A sequencer that lies, on a running network of its own: seen, proven, harmless, and left behind by a restart."""

import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from apps.launch.installation import BASE_DIR, VALIDATORS
from apps.network.network_file import load
from tests.e2e.enterprise import Enterprise, csrf_token, found, portal_url, until
from tests.e2e.invoices import invoice
from tests.stack import Stack, end, environment_of, launch, place_on_free_ports

NAME = "grove-mills"
REGULATOR = "rosa@market-regulator.example"
SEEN_WITHIN = 60.0  # seconds

LYING_SEQUENCER = """
import django

django.setup()

from apps.beacon.sealing import Sealing
from django.core.management import call_command

Sealing.refuse_lost_history = lambda self, witnesses: None
call_command("sequencer")
"""
"""Goes on from whatever its database holds, without asking anybody what it has signed."""


_DEPOSIT = """
import secrets
from django.conf import settings
from apps.network import genesis
from apps.network.beacon_client import BeaconClient
from audit_chain.beacon.deposit import Deposit

name, count = %r, %r
network, beacon = genesis.load(settings.NETWORK_FILE).network, BeaconClient(settings.BEACON_URL)
signer = genesis.member_signer(settings.VAR_DIR / "keys" / "members" / f"{name}.pem", network=network, name=name)
for _ in range(count):
    beacon.submit_evidence(Deposit(network, name, secrets.token_bytes(32)).sign(signer).render())
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A network that nobody else needs afterwards."""
    folder = tmp_path_factory.mktemp("forked")
    folder.chmod(0o755)
    place = place_on_free_ports(folder / "var")
    launcher = launch(place, folder / "out")
    try:
        yield Stack(place)
    finally:
        end(launcher)


@pytest.fixture(scope="module")
def enterprise(network: Stack) -> Iterator[Enterprise]:
    made = found(network, [NAME])[NAME]
    yield made
    made.http.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path


def test_a_sequencer_that_forks_is_seen_proven_and_left_behind(
    network: Stack, enterprise: Enterprise, files: Path
) -> None:
    early = enterprise.bring_one(invoice("EARLY-1"))
    enterprise.wait_until_final(early)
    bundle = enterprise.disclose(early, ["number"])
    policy = policy_file(network, files / "before.txt")

    stop(network)
    make_copy(network, "older")
    start(network, "sequencer", "beacon", "monitor")
    later = enterprise.bring_one(invoice("LATER-1"))
    enterprise.wait_until_final(later)
    heads = signed_heads(network)
    final = final_size(network)

    # The lie: another history, from an older copy of the database.
    stop(network)
    exchange(network, "older", keep_as="honest")
    liar = start_liar(network)
    try:
        start(network, "beacon", "monitor")
        hidden = enterprise.bring_one(invoice("HIDDEN-1"))
        seen(network, "rolled-back")
        deposit(network, count=12)
        alert = seen(network, "fork")
        assert sorted(signed_heads(network)) == sorted(heads), "a validator signed the other history"
        assert final_size(network) < final
        assert enterprise.record(hidden)["life"]["state"] in ("stored", "sealed", "anchored")
        page = regulators_page(network)
        assert "tallystick.local/beacon" in page
        assert "two histories" in page
    finally:
        liar.kill()
        liar.wait()

    evidence = httpx.get(f"{network.beacon_url}/alerts/{alert['evidence']}").content
    assert sha256(evidence).hexdigest() == alert["evidence"]
    (files / "evidence.json").write_bytes(evidence)
    checked = network.audit_chain("misbehaviour", str(files / "evidence.json"), "--policy", str(policy))
    assert checked.stdout.startswith("PROVEN.")

    # The way out: the honest copy goes on under another origin and key, by two thirds of the weight.
    stop(network)
    exchange(network, "honest", keep_as="lie")
    restart_beacon(network, files)
    restart_validators_and_pools(network)
    start(network, "sequencer", "beacon", "monitor")
    enterprise.wait_until_final(hidden, within=120)
    assert load(network.var_dir / "network.json").beacon.key.name == "tallystick.local/beacon-1"
    assert final_size(network) > final

    (files / "early.json").write_bytes(bundle)
    (files / "hidden.json").write_bytes(enterprise.disclose(hidden, ["number"]))
    after = policy_file(network, files / "after.txt")
    for name, trusted in (("early", policy), ("early", after), ("hidden", after)):
        verified = network.audit_chain("verify", str(files / f"{name}.json"), "--policy", str(trusted))
        assert verified.stdout.startswith("VERIFIED.")
    assert network.manage("fsck").stdout.count("sound") >= 4


def policy_file(stack: Stack, path: Path) -> Path:
    stack.manage("trust_policy", "--out", str(path))
    return path


def seen(stack: Stack, kind: str) -> dict[str, Any]:
    """The open alert of that kind about the beacon's log."""

    def alert() -> dict[str, Any] | None:
        try:
            answer = httpx.get(f"{stack.beacon_url}/alerts").json()["alerts"]
        except httpx.TransportError:
            return None
        return next((one for one in answer if one["kind"] == kind and one["cleared"] is None), None)

    return until(alert, within=SEEN_WITHIN, what=f"an alert of {kind}")


def deposit(stack: Stack, *, count: int) -> None:
    """Some that follow the lie hand in something, so that it grows past what was signed before."""
    stack.manage("shell", "--no-imports", "--command", _DEPOSIT % (NAME, count))


def signed_heads(stack: Stack) -> list[tuple[str, int, str]]:
    """By validator, the beacon's tree that it signed last."""
    heads = []
    for name, url in stack.validator_urls.items():
        logs = httpx.get(f"{url}/status").json()["logs"]
        heads += [(name, log["size"], log["root"]) for log in logs if log["origin"] == "tallystick.local/beacon"]
    assert len(heads) == len(VALIDATORS)
    return heads


def final_size(stack: Stack) -> int:
    return int(httpx.get(f"{stack.beacon_url}/validators").json()["final_size"])


def regulators_page(stack: Stack) -> str:
    """The page of alerts as the regulator sees it."""
    account = stack.sign_in(REGULATOR)
    with httpx.Client(base_url=portal_url(stack), trust_env=False, follow_redirects=True) as pages:
        form = {"email": account.email, "password": account.password}
        pages.post("sign-in", data=form | {"csrfmiddlewaretoken": csrf_token(pages.get("sign-in"))})
        return pages.get("alerts").text


def start_liar(stack: Stack) -> subprocess.Popen[bytes]:
    environment = environment_of(stack.place) | {"DJANGO_SETTINGS_MODULE": "apps.config.settings.beacon"}
    with (stack.log_dir / "liar.log").open("wb") as log:
        command = [sys.executable, "-c", LYING_SEQUENCER]
        return subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=log, stderr=log)


# The operator's hands


def stop(stack: Stack) -> None:
    for program in ("monitor", "sequencer", "beacon"):
        stack.stop(program)


def start(stack: Stack, *programs: str) -> None:
    for program in programs:
        stack.start(program)


def beacon_database(stack: Stack) -> str:
    return urlsplit(stack.setting("BEACON_DATABASE_URL")).path.strip("/").partition("?")[0]


def make_copy(stack: Stack, name: str) -> None:
    database = beacon_database(stack)
    with psycopg.connect(stack.superuser_url(), autocommit=True) as connection:
        _end_connections(connection, database)
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database]
        ).fetchone()
        assert owner
        identifiers = (sql.Identifier(f"{database}_{name}"), sql.Identifier(database), sql.Identifier(owner[0]))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*identifiers))


def exchange(stack: Stack, name: str, *, keep_as: str) -> None:
    """Puts that copy in the place of the beacon's database, which is kept under another name."""
    database = beacon_database(stack)
    with psycopg.connect(stack.superuser_url(), autocommit=True) as connection:
        for old, new in ((database, f"{database}_{keep_as}"), (f"{database}_{name}", database)):
            _end_connections(connection, old)
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
            )


def _end_connections(connection: psycopg.Connection[Any], database: str) -> None:
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])


def restart_beacon(stack: Stack, files: Path) -> None:
    motion = files / "motion.json"
    motion.write_text(stack.manage("beacon_restart", "propose", node="beacon").stdout)
    ballots = []
    for name in VALIDATORS[:3]:
        ballot = files / f"{name}.ballot"
        ballot.write_text(manage_validator(stack, name, "governance", "vote", "--file", str(motion)))
        ballots.append(str(ballot))
    stack.manage("beacon_restart", "apply", *ballots, node="beacon")


def manage_validator(stack: Stack, name: str, *arguments: str) -> str:
    environment = environment_of(stack.place) | {
        "DJANGO_SETTINGS_MODULE": "apps.config.settings.validator",
        "VALIDATOR_NAME": name,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def restart_validators_and_pools(stack: Stack) -> None:
    """Every node reads the new network file."""
    for number in range(1, len(VALIDATORS) + 1):
        stack.stop(f"validator-{number}")
        stack.start(f"validator-{number}")
    for program in ("portal", "worker", "beat"):
        stack.stop(program)
        stack.start(program)
