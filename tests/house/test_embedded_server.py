"""The embedded server lets nobody in without a password, and outlives nothing it should not."""

import os
import stat

import psycopg
import pytest

from apps.launch import folders, postgres
from apps.launch.errors import LaunchError
from tests import database


@pytest.fixture(scope="module")
def server():
    database.ensure_server()
    return postgres.locate(database.session_folder())


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_connection_needs_the_password(server, password):
    url = server.url(user=postgres.SUPERUSER, password=password, database="postgres")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


def test_it_listens_on_no_port_and_its_socket_is_closed_to_others(server):
    url = server.url(user=postgres.SUPERUSER, password=database.SUPERUSER_PASSWORD, database="postgres")
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert methods == [("scram-sha-256",)]
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700


def test_a_value_does_not_reach_its_log(server):
    url = server.url(user=postgres.SUPERUSER, password=database.SUPERUSER_PASSWORD, database="postgres")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TEMPORARY TABLE canary (word text PRIMARY KEY)")
        connection.execute("INSERT INTO canary VALUES (%s)", ["canary-in-a-parameter"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO canary VALUES ('canary-in-a-parameter')")
    log = (database.session_folder() / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "canary-in-a-parameter" not in log


def test_a_lock_left_by_a_power_cut_is_cleared_though_its_number_is_in_use_again(tmp_path):
    dead = postgres.Server(home=tmp_path, socket_folder=tmp_path, wheel=tmp_path, system_user=None)
    dead.data.mkdir()
    (dead.data / "postmaster.pid").write_text(f"{os.getpid()}\n{dead.data}\n")
    assert postgres.running_process(dead) is None
    assert postgres.stop(dead) is False
    assert not (dead.data / "postmaster.pid").exists()


def test_what_lies_under_a_closed_folder_is_not_reachable_and_is_left_closed(tmp_path):
    closed = tmp_path / "closed"
    inside = closed / "data"
    inside.mkdir(parents=True)
    closed.chmod(0o700)
    assert not folders.is_reachable_by_others(inside)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_as_root_the_data_goes_where_the_servers_user_can_reach_it(tmp_path):
    var_dir = tmp_path / "closed" / "var"
    var_dir.mkdir(parents=True)
    var_dir.parent.chmod(0o700)
    server = postgres.locate(var_dir)
    assert server.home.parent == folders.outside_folder_path(var_dir)
    assert postgres.locate(var_dir).home == server.home


def test_a_folder_that_somebody_else_could_write_to_is_not_used(tmp_path):
    squatted = folders.outside_folder_path(tmp_path)
    squatted.mkdir()
    try:
        squatted.chmod(0o777)
        with pytest.raises(LaunchError, match="remove it"):
            folders.make_outside_folder(tmp_path)
    finally:
        squatted.rmdir()


def test_a_path_too_long_for_a_socket_gets_a_short_one_elsewhere(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    assert folders.is_short_enough_for_sockets(postgres.locate(deep).socket_folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_as_root_a_copy_of_the_server_works_where_its_user_cannot_reach_the_original(tmp_path, monkeypatch):
    var_dir = tmp_path / "closed" / "var"
    var_dir.mkdir(parents=True)
    var_dir.parent.chmod(0o700)
    reachable = folders.is_reachable_by_others
    monkeypatch.setattr(
        postgres, "is_reachable_by_others", lambda path: "site-packages" not in str(path) and reachable(path)
    )
    server = postgres.locate(var_dir)
    try:
        postgres.make_runnable(server, var_dir)
        assert folders.outside_folder_path(var_dir) in server.binaries.parents
        assert postgres.initialise(server, superuser_password="secret")
        assert (server.data / "PG_VERSION").exists()
    finally:
        postgres.remove(server, var_dir)
