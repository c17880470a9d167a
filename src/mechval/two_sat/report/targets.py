"""What the networks were to reach: every limit once, in ``targets.csv``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mechval import tables
from mechval.errors import MechvalError
from mechval.reporting.paper_comparison import Measured, counted
from mechval.reporting.shown import CellText, Pick, Shown, by, show


@dataclass(frozen=True)
class Target:
    """One limit of the ``reference`` network (and any trained like it), of all ``seeds`` together,
    or of a better interpretation of the ``published`` one.

    It is held against the value, or the count of disagreements behind it, under a key of
    ``measured.py``; ``printed`` is the key of the paper's number, ``basis`` where it comes from.
    """

    about: Literal["reference", "seeds", "published"]
    name: str
    key: str
    quantity: Literal["value", "count"]
    comparison: Literal["at least", "at most"]
    limit: float
    printed: str
    basis: str

    def measured(self, values: Mapping[str, Measured]) -> Measured:
        """The value that is held against the limit; raises MechvalError if it is not there."""
        found = values.get(self.key)
        if found is None or getattr(found, self.quantity) is None:
            raise MechvalError(f"target {self.name!r} has no measured {self.key!r}.")
        return found

    def shown(self, values: Mapping[str, Measured]) -> CellText:
        """The measured value, with the count behind it."""
        found = self.measured(values)
        if self.quantity == "count":
            return CellText(f"{found.count:,} of {found.n:,}", found.count or 0)
        return counted(found)

    @property
    def bound(self) -> str:
        """The limit in a few characters, such as ``≤ 0.005``."""
        limit = int(self.limit) if self.limit.is_integer() else self.limit
        return f"{'≥' if self.comparison == 'at least' else '≤'} {limit}"

    def verdict(self, values: Mapping[str, Measured]) -> str:
        """``met``, or ``**MISSED**``."""
        value = getattr(self.measured(values), self.quantity)
        is_met = value >= self.limit if self.comparison == "at least" else value <= self.limit
        return "met" if is_met else "**MISSED**"


def against_limits(about: str, title: str, values: Mapping[str, Measured], *beside: Pick) -> Shown:
    """The targets of some networks: what is ``beside``, the values, titled so, and the limits."""
    return show(
        ABOUT[about],
        ("target", "name"),
        *beside,
        (title, lambda target: target.shown(values)),
        ("limit", "bound"),
        ("", lambda target: target.verdict(values)),
    )


DATA_FILE = Path(__file__).with_name("targets.csv")
TARGETS: Sequence[Target] = tables.Table("report/targets.csv", Target).read(DATA_FILE.parent)
ABOUT = by(TARGETS, "about")
FRONT = next(target for target in TARGETS if target.key == "improved/evaluate")
"""What evaluate equivalence of a better program is to reach."""
