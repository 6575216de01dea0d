"""Pools that a portal hosts: their folders, their databases, the commands and the sweeps over them."""

import io
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from apps.network import genesis
from apps.network.network_file import load
from apps.pools import tasks
from apps.pools.databases import database_ensure
from apps.pools.errors import PoolFolderInvalid, UnknownPool
from apps.pools.folder import PoolFolder
from apps.pools.registry import close_pools, get_pool, pool_names
from audit_chain.beacon.names import beacon_origin
from audit_chain.log.keys import NoteSigner
from data_pool.errors import BeaconUnreachable, PoolError
from data_pool.pool import Pool
from data_pool.storage.postgres import PostgresStorage
from tests.e2e.invoices import invoice as ubl_invoice
from tests.pool.cast import STAFF, invoice, upload

NETWORK = "tallystick.example"
VALIDATORS = [(f"validator-{number}", f"http://127.0.0.1:{number}") for number in range(1, 5)]


@pytest.fixture
def var_dir(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A portal's folder with a network file, and no pool yet."""
    settings.VAR_DIR, settings.NETWORK_FILE = tmp_path, tmp_path / "network.json"
    genesis.create(tmp_path, network=NETWORK, beacon_url="http://127.0.0.1:9", validators=VALIDATORS)
    yield tmp_path
    close_pools()


@pytest.fixture
def hosted(var_dir: Path, pool_database: str) -> Pool:
    """The pool `northwind-parts`, which no beacon knows."""
    folder = PoolFolder.of(var_dir, "northwind-parts")
    folder.path.mkdir(parents=True)
    folder.keys(NETWORK)
    storage = PostgresStorage(pool_database)
    storage.migrate()
    storage.close()
    folder.describe(network=NETWORK, database_url=pool_database)
    return get_pool("northwind-parts")


def test_a_pool_that_is_open_trusts_what_the_network_file_says_now(hosted: Pool, var_dir: Path) -> None:
    path = var_dir / "network.json"
    network = load(path)
    assert get_pool("northwind-parts").setup.policy is hosted.setup.policy

    key = NoteSigner(beacon_origin(NETWORK, 1), Ed25519PrivateKey.generate()).verifier_key
    path.write_bytes(network.restarted(key).render())
    os.utime(path, ns=(0, 0))
    later = get_pool("northwind-parts").setup

    assert [log.key for log in later.policy.logs] == [key, network.beacon.key]
    assert later.storage is hosted.setup.storage


Ensure = Callable[[str], str]


@pytest.fixture
def ensure(postgres_url: str) -> Iterator[Ensure]:
    """`database_ensure` as an admin who may make roles and databases and nothing more; the test's are dropped."""
    admin, made = f"admin_{secrets.token_hex(6)}", list[str]()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        role = sql.Identifier(admin)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD 'admin'").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} SET createrole_self_grant = 'set, inherit'").format(role))

        def ensure(pool: str) -> str:
            url = database_ensure(make_conninfo(postgres_url, user=admin, password="admin"), pool)
            made.append(str(conninfo_to_dict(url)["dbname"]))
            return url

        yield ensure
        for name in dict.fromkeys(made):
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def new_pool() -> str:
    """A name that no other test has taken."""
    return f"test-{secrets.token_hex(6)}"


def run(command: str, *arguments: str) -> str:
    output = io.StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


# Databases


def test_a_pools_role_gets_into_its_own_database_alone(ensure: Ensure, new_pool: str) -> None:
    one, other = ensure(f"{new_pool}-a"), ensure(f"{new_pool}-b")

    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(other, dbname=conninfo_to_dict(one)["dbname"]))


def test_a_database_that_is_there_keeps_its_rows_and_gets_a_new_password(ensure: Ensure, new_pool: str) -> None:
    first = ensure(new_pool)
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE kept (number integer)")

    second = ensure(new_pool)

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(first)
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_server_keeps_a_scram_verifier(ensure: Ensure, new_pool: str, postgres_url: str) -> None:
    url = ensure(new_pool)

    with psycopg.connect(postgres_url) as connection:
        query = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
        (verifier,) = connection.execute(query, [conninfo_to_dict(url)["user"]]).fetchone() or ("",)
    assert verifier.startswith("SCRAM-SHA-256$")


def test_a_name_that_a_database_cannot_bear_is_refused(postgres_url: str) -> None:
    with pytest.raises(PoolError, match="at most 58 characters, got 59"):
        database_ensure(postgres_url, "n" * 59)


# Folders


def test_a_pools_folder_is_its_owners_alone(hosted: Pool, var_dir: Path) -> None:
    folder = var_dir / "pools" / "northwind-parts"

    assert sorted(path.name for path in folder.iterdir()) == ["passphrase", "pool.json", "signing.pem", "wrapping.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("key", ["signing.pem", "wrapping.key"])
def test_a_lost_key_is_never_replaced(hosted: Pool, var_dir: Path, key: str) -> None:
    close_pools()
    path = var_dir / "pools" / "northwind-parts" / key
    path.unlink()

    with pytest.raises(PoolFolderInvalid):
        get_pool("northwind-parts")
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"origin": "another/pool/x", "database_url": ""}'])
def test_a_description_that_is_none_is_named(hosted: Pool, var_dir: Path, content: bytes) -> None:
    close_pools()
    (var_dir / "pools" / "northwind-parts" / "pool.json").write_bytes(content)

    with pytest.raises(PoolFolderInvalid, match=r"pool\.json"):
        get_pool("northwind-parts")


@pytest.mark.parametrize("name", ["lotus", "../northwind-parts", "", "Northwind"])
def test_a_pool_that_is_not_hosted_is_unknown(hosted: Pool, name: str) -> None:
    with pytest.raises(UnknownPool):
        get_pool(name)


def test_a_forked_worker_opens_connections_of_its_own(hosted: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_pool("northwind-parts") is hosted
    assert pool_names() == ["northwind-parts"]

    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        in_child = get_pool("northwind-parts")
        assert in_child is not hosted
        close_pools()
    assert hosted.status().entries == 0


def test_the_portals_settings_limit_a_file(hosted: Pool, settings: Any) -> None:
    close_pools()
    settings.MAX_FILE_BYTES = 10

    pool = get_pool("northwind-parts")
    batch = pool.stage([upload(invoice())], by=STAFF)

    assert "at most 10 bytes" in pool.items(batch)[0].reason


# Commands


def test_import_documents_walks_folders_and_tells_what_became_of_each_file(hosted: Pool, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    (folder / "november").mkdir(parents=True)
    (folder / "a.xml").write_bytes(ubl_invoice("A"))
    (folder / "november" / "b.xml").write_bytes(ubl_invoice("B"))
    (folder / "november" / "again.xml").write_bytes(ubl_invoice("B"))
    (folder / "broken.xml").write_bytes(b"<Invoice")
    (folder / ".hidden").write_bytes(b"not for import")

    outcome = json.loads(run("import_documents", "--pool", "northwind-parts", str(folder), "--json"))

    assert [line["file"] for line in outcome["accepted"]] == [str(folder / "a.xml"), str(folder / "november/again.xml")]
    (duplicate,) = outcome["duplicates"]
    assert duplicate == {"file": str(folder / "november/b.xml"), "record": outcome["accepted"][1]["record"]}
    (refused,) = outcome["refused"]
    assert refused["file"] == str(folder / "broken.xml")
    assert refused["reason"]
    assert hosted.status().records == 2


def test_import_documents_says_counts_and_reasons_in_lines(hosted: Pool, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(ubl_invoice("A"))
    (tmp_path / "broken.json").write_bytes(b"{")

    output = run(
        "import_documents", "--pool", "northwind-parts", str(tmp_path / "a.xml"), str(tmp_path / "broken.json")
    )

    lines = output.splitlines()
    assert lines[0].startswith(f"refused: {tmp_path / 'broken.json'}: ")
    assert lines[1] == "northwind-parts: 1 accepted, 0 already there, 1 refused"


def test_import_documents_takes_a_mapping_and_a_replaced_record(hosted: Pool, tmp_path: Path) -> None:
    table, mapping = tmp_path / "t.csv", tmp_path / "mapping.json"
    table.write_text("No;Day;Total\nA;03.11.2026;10,50\n")
    columns = {"No": "number", "Day": "issue_date", "Total": "payable_amount"}
    defaults = {"currency": "EUR", "seller.name": "Northwind", "buyer.name": "Atlas"}
    mapping.write_text(
        json.dumps({"columns": columns, "defaults": defaults, "date_format": "DD.MM.YYYY", "decimal_separator": ","})
    )

    first = json.loads(run("import_documents", "--pool", hosted.name, str(table), "--mapping", str(mapping), "--json"))
    older = first["accepted"][0]["record"]
    table.write_text("No;Day;Total\nA;03.11.2026;11,50\n")
    arguments = ["--mapping", str(mapping), "--replaces", older, "--json"]
    second = json.loads(run("import_documents", "--pool", hosted.name, str(table), *arguments))

    (newer,) = second["accepted"]
    assert str(hosted.record(UUID(newer["record"])).replaces) == older


@pytest.mark.parametrize(
    "arguments",
    [
        ["--pool", "nobody", "."],
        ["--pool", "northwind-parts", "/no/such/file"],
        ["--pool", "northwind-parts", ".", "--mapping", "/no/such/file"],
    ],
)
def test_import_documents_says_what_it_cannot_do(hosted: Pool, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("import_documents", *arguments)


def test_trust_policy_writes_what_the_pools_verify_with(hosted: Pool, tmp_path: Path) -> None:
    output = run("trust_policy", "--out", str(tmp_path / "policy.txt"))

    assert (tmp_path / "policy.txt").read_bytes() == hosted.setup.policy.render()
    assert "4 validators" in output


def test_proof_bundle_waits_no_longer_than_it_is_told(hosted: Pool, tmp_path: Path) -> None:
    hosted.stage([upload(invoice())], by=STAFF)
    hosted.process()
    (item,) = hosted.items(hosted.batches()[0].id)
    arguments = ["--record", str(item.record_id), "--disclose", "number", "--out", str(tmp_path / "bundle")]

    with pytest.raises(CommandError, match="not final yet"):
        run("proof_bundle", "--pool", hosted.name, *arguments, "--wait-final", "0.3")
    assert not (tmp_path / "bundle").exists()


def test_fsck_names_the_row_and_ends_with_status_1(hosted: Pool, pool_database: str) -> None:
    hosted.stage([upload(invoice())], by=STAFF)
    hosted.process()
    hosted.seal()
    assert "sound" in run("fsck", "--pool", hosted.name)

    with psycopg.connect(pool_database) as connection:
        connection.execute("UPDATE log_entry SET data = set_byte(data, 20, get_byte(data, 20) # 1) WHERE index = 0")
    with pytest.raises(SystemExit) as ended:
        run("fsck", "--pool", hosted.name)
    assert ended.value.code == 1


# Sweeps


class Woken:
    """What the sweep would have put on the broker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        for name in ("process_imports", "commit_pool"):
            task = getattr(tasks, name)
            monkeypatch.setattr(task, "apply_async", lambda *_, name=name, **__: self.calls.append(name))


def test_a_sweep_wakes_only_who_has_work(hosted: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = Woken(monkeypatch)
    tasks.sweep()
    assert woken.calls == []

    hosted.stage([upload(invoice())], by=STAFF)
    tasks.sweep()
    assert woken.calls == ["process_imports"]

    tasks.process_imports(hosted.name)
    woken.calls.clear()
    tasks.sweep()
    assert woken.calls == ["commit_pool"]


def test_one_sick_pool_does_not_keep_the_others(
    hosted: Pool, var_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    woken = Woken(monkeypatch)
    (var_dir / "pools" / "aaa").mkdir()
    (var_dir / "pools" / "aaa" / "pool.json").write_text("broken")
    hosted.stage([upload(invoice())], by=STAFF)

    tasks.sweep()

    assert woken.calls == ["process_imports"]
    assert "pool aaa cannot be looked at" in caplog.text


def test_an_absent_beacon_leaves_a_sealed_pool_and_a_line_in_the_log(
    hosted: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def be_away(*_: Any) -> None:
        raise BeaconUnreachable("nobody answers")

    hosted.stage([upload(invoice())], by=STAFF)
    hosted.process()
    monkeypatch.setattr(hosted, "anchor", be_away)

    tasks.commit_pool(hosted.name)

    assert hosted.status().reach.sealed == 2
    assert "not anchored yet: nobody answers" in caplog.text
