"""Which parts of the better interpretation are taken: a rule that sees the fitting split alone.

Part by part (γ_1, the program of evaluate, γ_2), each candidate is put into what was taken so
far. One that makes any cell of the axiom table worse does not count; of those that count the one
with the fewest disagreements over all cells is taken, if that is fewer than before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mechval import axioms, tables
from mechval.axioms import CellKey, Interpretation
from mechval.axioms.equations import deciding_equivalence

Change = Callable[[Interpretation], Interpretation]
Counts = Counter[CellKey]
Taken = tuple[str | None, ...]


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
    base: Interpretation, parts: Sequence[Part], batches: Iterable[axioms.Batch]
) -> Choice:
    """Take the parts one after another, by what a single pass over the fitting split counts.

    In that pass every combination of candidates is measured, since whatever combinations share
    is evaluated only once. A part without candidates is passed over.
    """
    parts = [part for part in parts if part.candidates]
    made = _combinations(base, parts)
    counts, n = _count(made, batches)
    chosen: Taken = ()
    rows: list[ChoiceRow] = []
    for place, part in enumerate(parts, start=1):
        nothing = (None,) * (len(parts) - place)
        before = counts[*chosen, None, *nothing]
        after = {name: counts[*chosen, name, *nothing] for name in part.candidates}
        best = _best(before, after)
        chosen = (*chosen, best)
        rows += _rows(base, part, best, n, before, after)
    taken = tuple(
        f"{part.name}: {name}" for part, name in zip(parts, chosen, strict=True) if name is not None
    )
    return Choice(made[chosen], taken, tuple(rows))


def _combinations(base: Interpretation, parts: Sequence[Part]) -> dict[Taken, Interpretation]:
    """The base with one candidate, or none (None), for each of the parts."""
    made: dict[Taken, Interpretation] = {(): base}
    for part in parts:
        changes = {None: axioms.identity, **part.candidates}
        made = {
            (*taken, name): change(current)
            for taken, current in made.items()
            for name, change in changes.items()
        }
    return made


def _count(
    made: Mapping[Taken, Interpretation], batches: Iterable[axioms.Batch]
) -> tuple[dict[Taken, Counts], int]:
    """Disagreements of each combination in each distinct cell, and the number of samples."""
    named = [replace(each, name=str(taken), tags={}) for taken, each in made.items()]
    counts, n = {taken: Counts() for taken in made}, 0
    for batch in batches:
        n += len(batch.strata)
        for taken, measured in zip(made, axioms.measure_axioms(named, [batch]), strict=True):
            for key, distances in measured.distances.items():
                tolerance = deciding_equivalence(made[taken], key).tolerance
                counts[taken][key] += int((distances > tolerance).sum())
    return counts, n


def _best(before: Counts, after: Mapping[str, Counts]) -> str | None:
    totals = {
        name: counts.total()
        for name, counts in after.items()
        if all(counts[key] <= before[key] for key in before)
    }
    best = min(totals, key=totals.__getitem__, default=None)
    return best if best is not None and totals[best] < before.total() else None


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
