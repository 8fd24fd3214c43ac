"""What is wrong with a file: the first problems in full, and how many rows there are that could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field

from nines.errors import Problem

#: Problems of one file that are kept; all are counted.
MOST_PROBLEMS = 100


@dataclass
class Findings:
    """What is wrong with a file: the first problems in full, and how many there are."""

    problems: list[Problem] = field(default_factory=list)
    bad_rows: int = 0

    def add(self, problem: Problem) -> None:
        """Note a row that cannot be read."""
        self.bad_rows += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
