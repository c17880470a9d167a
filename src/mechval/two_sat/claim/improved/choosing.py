"""Which parts of the better interpretation are taken: a rule that sees the fitting split alone.

Part by part (γ_1, the program of evaluate, γ_2), each candidate is put into what was taken so
far. One that makes any cell of the axiom table worse does not count; of those that count the one
with the fewest disagreements over all cells is taken, if that is fewer than before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mechval.axioms import Batch, Interpretation
from mechval.axioms.base import Measurements
from mechval.axioms.cells import CellKey
from mechval.axioms.equations import deciding_equivalence
from mechval.axioms.report import cell_name
from mechval.axioms.suite import measure_axioms
from mechval.reporting.tables import Row

Change = Callable[[Interpretation], Interpretation]
Counts = Mapping[CellKey, int]


@dataclass(frozen=True)
class Part:
    """One part of an interpretation, and what might be put in its place, by name."""

    name: str
    candidates: Mapping[str, Change]


@dataclass(frozen=True)
class Choice:
    """What was taken.

    Attributes:
        interpretation: the base with every part that was taken.
        taken: names of the candidates in it.
        rows: one per candidate and distinct cell: ``part``, ``candidate``, ``is_taken``, ``n``,
            ``cell``, ``before_disagreements``, ``after_disagreements``, ``is_worse``.
    """

    interpretation: Interpretation
    taken: tuple[str, ...]
    rows: list[Row]


def choose_parts(
    base: Interpretation, parts: Sequence[Part], batches: Callable[[], Iterable[Batch]]
) -> Choice:
    """Take the parts one after another; a part without candidates is passed over.

    Args:
        batches: of the fitting split; asked for anew for every part.
    """
    current, taken = base, []
    rows: list[Row] = []
    for part in parts:
        if not part.candidates:
            continue
        changed = {
            name: replace(change(current), name=f"{part.name} {name}")
            for name, change in part.candidates.items()
        }
        first, *others = measure_axioms([current, *changed.values()], batches())
        n, before = len(first.labels), _disagreements(current, first)
        after = {
            name: _disagreements(current, measured)
            for name, measured in zip(changed, others, strict=True)
        }
        best = _best(before, after)
        if best is not None:
            current = replace(changed[best], name=base.name)
            taken.append(f"{part.name}: {best}")
        for name, counts in after.items():
            common: Row = {"part": part.name, "candidate": name, "is_taken": name == best, "n": n}
            rows += [{**common, **row} for row in _cells(base, before, counts)]
    return Choice(current, tuple(taken), rows)


def _disagreements(interpretation: Interpretation, measured: Measurements) -> Counts:
    return {
        key: int((distances > deciding_equivalence(interpretation, key).tolerance).sum())
        for key, distances in measured.distances.items()
    }


def _best(before: Counts, after: Mapping[str, Counts]) -> str | None:
    counting = {
        name: sum(counts.values())
        for name, counts in after.items()
        if all(counts[key] <= before[key] for key in before)
    }
    best = min(counting, key=counting.__getitem__, default=None)
    return best if best is not None and counting[best] < sum(before.values()) else None


def _cells(interpretation: Interpretation, before: Counts, after: Counts) -> list[Row]:
    return [
        {
            "cell": cell_name(key.axiom, interpretation.components[key.component - 1]),
            "before_disagreements": before[key],
            "after_disagreements": after[key],
            "is_worse": after[key] > before[key],
        }
        for key in before
    ]
