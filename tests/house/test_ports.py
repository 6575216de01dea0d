"""A port that cannot be had is named before anything is started."""

import socket

import pytest

from apps.launch.errors import LaunchError
from apps.launch.ports import Port, check_free

ADDRESS = "127.0.0.1"


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def test_free_ports_are_no_matter(free):
    check_free(ADDRESS, [Port(free, "the portal", "PORTAL_PORT")])


def test_a_taken_port_is_named_with_its_holder_and_the_variable_that_moves_it(taken, free):
    with pytest.raises(LaunchError) as refusal:
        check_free(ADDRESS, [Port(free, "the portal", "PORTAL_PORT"), Port(taken, "the beacon", "BEACON_PORT")])
    message = str(refusal.value)
    assert f"Port {taken}, wanted by the beacon, is taken by" in message
    assert "BEACON_PORT=<port>" in message
    assert "PORTAL_PORT" not in message


def test_one_port_wanted_twice_is_refused(free):
    with pytest.raises(LaunchError, match="wanted by both the portal and the beacon"):
        check_free(ADDRESS, [Port(free, "the portal", "PORTAL_PORT"), Port(free, "the beacon", "BEACON_PORT")])


@pytest.mark.parametrize("number", [0, -1, 65536, 10**9])
def test_what_is_no_port_is_refused(number):
    with pytest.raises(LaunchError, match=f"{number} is not a port"):
        check_free(ADDRESS, [Port(number, "the portal", "PORTAL_PORT")])
