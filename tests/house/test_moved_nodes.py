"""A node that has moved to another machine is a change of URL."""

import pytest

from apps.launch import addresses, installation, programs
from apps.launch.errors import LaunchError
from apps.launch.installation import Installation
from apps.network.network_file import load

MOVED = "https://validator.meridian.example"


@pytest.fixture
def place(tmp_path):
    made = Installation(tmp_path, "127.0.0.1", 8000, 8001, 8101)
    made.make_folders()
    addresses.found(made)
    return made


def test_a_validator_elsewhere_is_not_started_here_and_its_url_is_in_the_network_file(place):
    moved = Installation(place.var_dir, "127.0.0.1", 8000, 8001, 8101, remote_validators={"meridian-bank": MOVED})
    assert "validator-1" not in [program.name for program in programs.nodes(moved)]
    assert 8101 not in [port.number for port in programs.ports(moved)]
    addresses.update(moved)
    assert load(moved.network_file).validator("meridian-bank").url == MOVED


def test_its_private_keys_need_not_stay(place):
    before = load(place.network_file)
    for key in (place.var_dir / "keys" / "validators" / "meridian-bank").iterdir():
        key.unlink()
    addresses.update(
        Installation(place.var_dir, "127.0.0.1", 8000, 8001, 8101, remote_validators={"meridian-bank": MOVED})
    )
    assert load(place.network_file).genesis_entries() == before.genesis_entries()


def test_a_beacon_elsewhere_takes_its_sequencer_along(place):
    moved = Installation(place.var_dir, "127.0.0.1", 8000, 8001, 8101, remote_beacon="https://beacon.example")
    names = [program.name for program in programs.nodes(moved)]
    assert "beacon" not in names
    assert {"sequencer", "monitor"}.isdisjoint(names)
    addresses.update(moved)
    assert load(moved.network_file).beacon.url == "https://beacon.example"


def test_an_unknown_validator_is_named(monkeypatch):
    monkeypatch.setenv("VALIDATOR_URLS", f"meridian={MOVED}")
    with pytest.raises(LaunchError, match="'meridian'; the validators are meridian-bank,"):
        installation.read()


def test_urls_are_read_by_name(monkeypatch):
    monkeypatch.setenv("VALIDATOR_URLS", f"meridian-bank={MOVED},commercial-court=http://10.0.0.7:8101")
    assert installation.read().remote_validators == {
        "meridian-bank": MOVED,
        "commercial-court": "http://10.0.0.7:8101",
    }
