"""The demo network's cast. What it does goes through the same services and commands as anybody's."""

from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True, slots=True)
class Organisation:
    """`people` are (role, first name); their addresses end in `.example`, which nobody owns."""

    name: str
    display_name: str
    kind: str
    has_pool: bool
    people: tuple[tuple[str, str], ...]

    def email(self, person: str) -> str:
        return f"{person.lower()}@{self.name}.example"

    def documents(self) -> list[Path]:
        return sorted((SAMPLES / self.name).glob("*.*"))


CAST = (
    Organisation(
        name="northwind-parts",
        display_name="Northwind Parts",
        kind="supplier",
        has_pool=True,
        people=(("owner", "Nora"), ("staff", "Nils"), ("viewer", "Nadia")),
    ),
    Organisation(
        name="lotus-electronics",
        display_name="Lotus Electronics",
        kind="supplier",
        has_pool=True,
        people=(("owner", "Lucas"),),
    ),
    Organisation(
        name="atlas-motors",
        display_name="Atlas Motors",
        kind="core-enterprise",
        has_pool=True,
        people=(("owner", "Ada"),),
    ),
    Organisation(
        name="meridian-bank",
        display_name="Meridian Bank",
        kind="bank",
        has_pool=False,
        people=(("owner", "Mira"),),
    ),
    Organisation(
        name="market-regulator",
        display_name="Market Regulator",
        kind="regulator",
        has_pool=False,
        people=(("owner", "Rosa"),),
    ),
    Organisation(
        name="commercial-court",
        display_name="Commercial Court",
        kind="court",
        has_pool=False,
        people=(("owner", "Clara"),),
    ),
)
