"""What a check of stored rows found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from audit_chain.errors import AuditChainError

MAX_PROBLEMS: Final = 100
"""After so many there is no point in going on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is not as it was written; `checkpoint` is the size of the first signed tree over it, if there is one.

    Rows are named by table and key. No value of a document or of a box is ever told.
    """

    where: str
    what: str
    expected: str = ""
    got: str = ""
    checkpoint: int | None = None

    def __str__(self) -> str:
        difference = f": expected {self.expected}, got {self.got}" if self.expected else ""
        covered = f" (first checkpoint over it: size {self.checkpoint})" if self.checkpoint is not None else ""
        return f"{self.where}: {self.what}{difference}{covered}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, by table, and what was wrong, in the order in which it was found."""

    counts: dict[str, int]
    problems: Sequence[Problem]
    complete: bool = True
    """False where the check was given up after MAX_PROBLEMS."""

    @property
    def sound(self) -> bool:
        return not self.problems


class TooManyProblems(AuditChainError):
    """The check is given up."""


@dataclass(slots=True)
class Findings:
    """Collects a report."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def count(self, table: str, rows: int = 1) -> None:
        self.counts[table] = self.counts.get(table, 0) + rows

    def add(
        self,
        where: str,
        what: str,
        *,
        expected: object = "",
        got: object = "",
        checkpoint: int | None = None,
    ) -> None:
        self.problems.append(Problem(where, what, str(expected), str(got), checkpoint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooManyProblems("too many problems", got=len(self.problems))
