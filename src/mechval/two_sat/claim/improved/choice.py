"""Which parts of the better interpretation are taken: a rule that sees the fitting split alone.

Part by part (γ_1, the program of evaluate, γ_2), each candidate is put into what was taken so
far. One that makes any cell of the axiom table worse does not count; of those that count the one
with the fewest disagreements over all cells is taken, if that is fewer than before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mechval import tables
from mechval.axioms import Batch, Interpretation
from mechval.axioms.base import Measurements
from mechval.axioms.cells import CellKey
from mechval.axioms.equations import deciding_equivalence
from mechval.axioms.suite import measure_axioms

Change = Callable[[Interpretation], Interpretation]
Counts = Mapping[CellKey, int]


@dataclass(frozen=True)
class Part:
    """One part of an interpretation.

    Attributes:
        candidates: what might be put in its place, by name.
        about: the cell that they are made for.
    """

    name: str
    candidates: Mapping[str, Change]
    about: str


@dataclass(frozen=True, kw_only=True)
class ChoiceRow:
    """One candidate in one distinct cell: a row of choices.csv."""

    part: str = tables.told()
    candidate: str = tables.told()
    is_taken: bool = tables.told()
    n: int = tables.told("N")
    cell: str = tables.told()
    before_disagreements: int = tables.count("disagreements before")
    after_disagreements: int = tables.count("disagreements after")

    @property
    def is_worse(self) -> bool:
        """Whether the candidate disagrees more often there than what was in its place."""
        return self.after_disagreements > self.before_disagreements


CHOICES = tables.Table("axioms/choices.csv", ChoiceRow)


@dataclass(frozen=True)
class Choice:
    """What was taken.

    Attributes:
        interpretation: the base with every part that was taken.
        taken: names of the candidates in it.
        rows: one per candidate and distinct cell.
    """

    interpretation: Interpretation
    taken: tuple[str, ...]
    rows: tuple[ChoiceRow, ...]


def choose_parts(
    base: Interpretation, parts: Sequence[Part], batches: Callable[[], Iterable[Batch]]
) -> Choice:
    """Take the parts one after another; a part without candidates is passed over.

    Args:
        batches: of the fitting split; asked for anew for every part.
    """
    current, taken = base, []
    rows: list[ChoiceRow] = []
    for part in parts:
        if not part.candidates:
            continue
        changed = {name: change(current) for name, change in part.candidates.items()}
        first, *others = measure_axioms(
            [replace(made, name=name, tags={}) for name, made in {"": current, **changed}.items()],
            batches(),
        )
        before = _disagreements(current, first)
        after = {
            name: _disagreements(current, measured)
            for name, measured in zip(changed, others, strict=True)
        }
        best = _best(before, after)
        if best is not None:
            current = changed[best]
            taken.append(f"{part.name}: {best}")
        rows += _rows(base, part, best, len(first.labels), before, after)
    return Choice(current, tuple(taken), tuple(rows))


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


def _rows(
    base: Interpretation,
    part: Part,
    best: str | None,
    n: int,
    before: Counts,
    after: Mapping[str, Counts],
) -> Iterator[ChoiceRow]:
    for candidate, counts in after.items():
        for key, count in counts.items():
            yield ChoiceRow(
                part=part.name,
                candidate=candidate,
                is_taken=candidate == best,
                n=n,
                cell=base.cell_name(key),
                before_disagreements=before[key],
                after_disagreements=count,
            )
