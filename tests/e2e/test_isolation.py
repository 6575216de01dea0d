"""Whose database is whose: no role of a running network gets into another's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.e2e.enterprise import Enterprise
from tests.stack import Stack

NODES = ("PORTAL_DATABASE_URL", "BEACON_DATABASE_URL", "CELERY_BROKER_URL", "POOL_ADMIN_DATABASE_URL")


@dataclass(frozen=True, slots=True)
class Account:
    """A role, its password and its own database."""

    role: str
    password: str
    database: str
    host: str

    @classmethod
    def of(cls, url: str) -> "Account":
        parts = conninfo_to_dict(re.sub(r"^\w+://", "postgresql://", url))
        return cls(str(parts["user"]), str(parts["password"]), str(parts["dbname"]), str(parts["host"]))

    def connect(self, database: str | None = None) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            make_conninfo(user=self.role, password=self.password, host=self.host, dbname=database or self.database)
        )


@pytest.fixture(scope="module")
def accounts(stack: Stack, enterprises: dict[str, Enterprise]) -> list[Account]:
    """Every role of the network: the nodes' and three pools'."""
    urls = [stack.setting(name) for name in NODES]
    urls += [enterprises[name].database_url() for name in sorted(enterprises)[:3]]
    return [Account.of(url) for url in urls]


@pytest.fixture(scope="module")
def superuser(stack: Stack) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(stack.superuser_url(), autocommit=True) as connection:
        yield connection


def test_every_role_gets_into_its_own_database_and_into_no_other(accounts: list[Account]) -> None:
    for account in accounts:
        account.connect().close()
        for other in accounts:
            if other.database != account.database and not is_made_by(account, other):
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    account.connect(other.database)


def is_made_by(account: Account, other: Account) -> bool:
    """The role that makes the pools of a portal can act for the roles that it made, and for no other."""
    return account.role == "pool_admin" and other.role.startswith("pool_")


def test_a_wrong_password_opens_nothing(accounts: list[Account]) -> None:
    for account in accounts:
        for wrong in ("", "x", account.password[:-1], account.role):
            with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
                replace(account, password=wrong).connect()


def test_passwords_are_asked_for_and_kept_as_scram_alone(superuser: psycopg.Connection[tuple[object, ...]]) -> None:
    methods = superuser.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    kept = superuser.execute(
        "SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword IS DISTINCT FROM NULL"
        " AND rolpassword NOT LIKE 'SCRAM-SHA-256$%'"
    ).fetchall()
    without = superuser.execute("SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword IS NULL").fetchall()

    assert methods == [("scram-sha-256",)]
    assert (kept, without) == ([], [])


def test_the_public_may_connect_to_no_database_that_holds_anything(
    superuser: psycopg.Connection[tuple[object, ...]], accounts: list[Account], stack: Stack
) -> None:
    open_to_all = {
        str(name)
        for (name,) in superuser.execute(
            "SELECT datname FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS granted"
            " WHERE grantee = 0 AND privilege_type = 'CONNECT' AND datallowconn"
        )
    }
    assert open_to_all.isdisjoint(account.database for account in accounts)
    for name in open_to_all:
        with psycopg.connect(stack.superuser_url(name)) as connection:
            query = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            assert connection.execute(query).fetchone() == (0,)


def test_roles_of_nodes_and_pools_are_nobody_special(
    superuser: psycopg.Connection[tuple[object, ...]], accounts: list[Account]
) -> None:
    special = "rolsuper OR rolreplication OR rolbypassrls OR rolcreaterole OR rolcreatedb"
    found = superuser.execute(f"SELECT rolname FROM pg_roles WHERE rolcanlogin AND ({special}) ORDER BY rolname")
    assert found.fetchall() == [("pool_admin",), ("postgres",)]

    members = superuser.execute(
        "SELECT m.rolname, r.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member"
        " JOIN pg_roles r ON r.oid = a.roleid WHERE r.rolname NOT LIKE 'pg\\_%'"
    ).fetchall()
    assert {str(member) for member, _ in members} <= {"pool_admin"}
    pools = {account.role for account in accounts if account.role.startswith("pool_") and account.role != "pool_admin"}
    assert len(pools) == 3
