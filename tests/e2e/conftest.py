"""The enterprises of the end-to-end tests, one for each theme: no test depends on what another leaves behind."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.enterprise import Enterprise, found
from tests.stack import Stack

NAMES = ("amber-mills", "birch-works", "cedar-yards", "dahlia-foods", "elder-tools", "fir-textiles")

FIGURE = "figure"


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Call it with what was measured or counted, and the outcome; both are told at the end of the run."""
    return lambda what, outcome: record_property(FIGURE, f"{what}: {outcome}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.getreports("passed")
    for line in [value for report in passed for name, value in report.user_properties if name == FIGURE]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def enterprises(stack: Stack) -> Iterator[dict[str, Enterprise]]:
    made = found(stack, NAMES)
    yield made
    for enterprise in made.values():
        enterprise.http.close()


@pytest.fixture(scope="session")
def supplier(enterprises: dict[str, Enterprise]) -> Enterprise:
    """Whoever sends invoices and has them proved."""
    return enterprises["amber-mills"]


@pytest.fixture(scope="session")
def newcomer(enterprises: dict[str, Enterprise]) -> Enterprise:
    """Whose pool is empty until the corpus goes in."""
    return enterprises["birch-works"]


@pytest.fixture(scope="session")
def secretive(enterprises: dict[str, Enterprise]) -> Enterprise:
    """Whose documents are full of marks that must not be found anywhere else."""
    return enterprises["cedar-yards"]


@pytest.fixture(scope="session")
def unlucky(enterprises: dict[str, Enterprise]) -> Enterprise:
    """Who imports while everything around is being killed."""
    return enterprises["dahlia-foods"]


@pytest.fixture(scope="session")
def inspected(enterprises: dict[str, Enterprise]) -> Enterprise:
    """Whose few rows are spoiled one by one."""
    return enterprises["elder-tools"]


@pytest.fixture(scope="session")
def besieged(enterprises: dict[str, Enterprise]) -> Enterprise:
    """Who is sent everything that no program would send."""
    return enterprises["fir-textiles"]
