"""VAR_DIR/env: secrets that stay, addresses that follow."""

import os
import stat

import environ
import pytest

from apps.launch import installation, postgres, sign_ins
from apps.launch.errors import LaunchError
from apps.launch.installation import DATABASES, Installation


@pytest.fixture
def place(tmp_path, monkeypatch):
    for database in DATABASES:
        monkeypatch.delenv(database.variable, raising=False)
    made = Installation(tmp_path, "127.0.0.1", 8000, 8001, 8101)
    made.make_folders()
    return made


def settle(place):
    return installation.settle(place, postgres.locate(place.var_dir))


def test_a_second_start_keeps_every_secret(place):
    assert settle(place) == settle(place)


def test_ports_are_those_of_this_start(place):
    before = settle(place).values
    moved = Installation(place.var_dir, "127.0.0.1", 9000, 8001, 8101)
    after = settle(moved).values
    assert {name for name in before if before[name] != after[name]} == {"PORTAL_PORT"}


def test_only_the_owner_can_read_the_secrets(place):
    settle(place)
    assert stat.S_IMODE(place.env_file.stat().st_mode) == 0o600
    sign_ins.ensure(place.var_dir)
    assert stat.S_IMODE((place.var_dir / sign_ins.FILE).stat().st_mode) == 0o600


def test_two_installations_share_no_password(tmp_path, place):
    other = Installation(tmp_path / "other", "127.0.0.1", 8000, 8001, 8101)
    other.make_folders()
    ours, theirs = settle(place).values, settle(other).values
    assert not {"SECRET_KEY", "BEACON_OPERATOR_TOKEN", "POSTGRES_PASSWORD"} & {
        name for name in ours if ours[name] == theirs[name]
    }
    assert {account.password for account in sign_ins.ensure(place.var_dir)}.isdisjoint(
        account.password for account in sign_ins.ensure(other.var_dir)
    )


def test_a_database_url_in_the_environment_selects_an_external_server(place, monkeypatch):
    monkeypatch.setenv("PORTAL_DATABASE_URL", "postgresql://portal:secret@db.example/portal")
    settings = settle(place)
    assert installation.PORTAL not in settings.embedded
    assert installation.BEACON in settings.embedded
    assert settings.values["PORTAL_DATABASE_URL"] == "postgresql://portal:secret@db.example/portal"
    assert "db.example" not in place.env_file.read_text()


def test_the_settings_read_what_the_launcher_wrote(place):
    settings = settle(place)
    found = type("Found", (environ.Env,), {"ENVIRON": {}})
    found.read_env(place.env_file)
    assert settings.values.items() <= found.ENVIRON.items()
    address = found.db_url_config(found.ENVIRON["PORTAL_DATABASE_URL"])
    assert (address["USER"], address["NAME"]) == ("portal", "portal")
    assert address["OPTIONS"]["host"] == str(postgres.locate(place.var_dir).socket_folder)


def test_a_second_launcher_is_refused_while_the_first_runs(place):
    with installation.only_launcher(place):
        assert installation.launcher_pid(place) == os.getpid()
        with (
            pytest.raises(LaunchError, match=f"running already, started by process {os.getpid()}"),
            installation.only_launcher(place),
        ):
            pass
    assert installation.launcher_pid(place) is None


def test_a_port_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("PORTAL_PORT", "eight thousand")
    with pytest.raises(LaunchError, match="not a number"):
        installation.read()
