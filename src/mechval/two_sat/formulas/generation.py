"""Draw formulas until both corpora are full, balanced and free of duplicates.

Clauses are drawn independently and uniformly, as in the paper. The truth table sorts the draws
into classes; only the formulas kept go to the SAT solver, which labels and checks every one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from mechval.errors import MechvalError
from mechval.progress import progress_bar
from mechval.two_sat.configs import DataConfig
from mechval.two_sat.formulas.dataset import SPLIT_NAMES, Corpora, Provenance, Split, SplitName
from mechval.two_sat.formulas.solver import SatOracle
from mechval.two_sat.formulas.truth_tables import (
    class_sizes,
    is_countable,
    is_satisfiable,
    truth_tables,
)
from mechval.two_sat.problem import Problem

_FIRST_DRAW = 2**12
_LARGEST_DRAW = 2**20
_SMALLEST_BUDGET = 2**27
_BUDGET_PER_FORMULA = 100


@dataclass(frozen=True)
class DrawnFormulas:
    """As many distinct formulas of each class as were wanted, and what it took to find them.
    ``duplicates_dropped`` counts the draws of a still incomplete class that had been drawn
    before."""

    satisfiable: UInt8[np.ndarray, "formula clause_position"]
    unsatisfiable: UInt8[np.ndarray, "formula clause_position"]
    formulas_drawn: int
    satisfiable_drawn: int
    duplicates_dropped: int


def generate_corpora(problem: Problem, config: DataConfig, seed: int) -> Corpora:
    """Draw, label, split and shuffle both corpora; the same arguments give the same formulas.
    Raises MechvalError where a split would be empty, where a class has fewer formulas than asked
    for, or where a class is too rare for :func:`draw_budget`. Source: paper section 4
    (data)."""
    per_class = formulas_per_class(config)
    wanted = sum(per_class.values())
    _refuse_impossible(problem, wanted)
    rng = np.random.default_rng(seed)
    drawn = draw_distinct(problem, wanted, rng, budget=draw_budget(wanted))
    clause_ids = np.concatenate([drawn.satisfiable, drawn.unsatisfiable])
    with SatOracle(problem) as oracle:
        labelled = Split(clause_ids, oracle.label(clause_ids))
    provenance = Provenance(
        config=config,
        seed=seed,
        formulas_drawn=drawn.formulas_drawn,
        satisfiable_drawn=drawn.satisfiable_drawn,
        duplicates_dropped=drawn.duplicates_dropped,
    )
    return Corpora(problem, _split(labelled, per_class, rng), provenance)


def formulas_per_class(config: DataConfig) -> dict[SplitName, int]:
    """Say how many formulas of each class every split has. Raises MechvalError naming a split that
    would have none."""
    per_class = dict(zip(SPLIT_NAMES, config.per_class, strict=True))
    for name, size in per_class.items():
        if size < 1:
            corpus = name.split(".")[0]
            formulas = getattr(config, f"{corpus}_formulas")
            raise MechvalError(
                f"data.{corpus}_formulas={formulas} leaves {name} empty; "
                f"allowed: sizes and fractions that give every split a formula of each class."
            )
    return per_class


def draw_budget(wanted: int) -> int:
    """Say how many draws are spent at most on finding ``wanted`` formulas of each class."""
    return max(_SMALLEST_BUDGET, _BUDGET_PER_FORMULA * wanted)


def draw_distinct(
    problem: Problem, wanted: int, rng: np.random.Generator, *, budget: int
) -> DrawnFormulas:
    """Draw formulas until ``wanted`` distinct ones of each class are found. Raises MechvalError
    naming the class that is incomplete after ``budget`` draws."""
    satisfiable = _DistinctFormulas("satisfiable", problem, wanted)
    unsatisfiable = _DistinctFormulas("unsatisfiable", problem, wanted)
    formulas_drawn = satisfiable_drawn = 0
    size = max(_FIRST_DRAW, min(2 * wanted, _LARGEST_DRAW))
    with progress_bar(None, "draw formulas", total=2 * wanted) as bar:
        while satisfiable.n_missing or unsatisfiable.n_missing:
            size = min(size, budget - formulas_drawn)
            if size == 0:
                raise _exhausted(satisfiable if satisfiable.n_missing else unsatisfiable, budget)
            shape = (size, problem.n_clauses)
            drawn = rng.integers(problem.n_distinct_clauses, size=shape, dtype=np.uint8)
            is_sat = is_satisfiable(truth_tables(problem, drawn))
            formulas_drawn += size
            satisfiable_drawn += int(is_sat.sum())
            bar.update(satisfiable.add(drawn[is_sat]) + unsatisfiable.add(drawn[~is_sat]))
            # Rare classes need many draws, and large draws are cheaper per formula.
            size = min(2 * size, _LARGEST_DRAW)
    duplicates = satisfiable.duplicates_dropped + unsatisfiable.duplicates_dropped
    return DrawnFormulas(
        satisfiable.kept, unsatisfiable.kept, formulas_drawn, satisfiable_drawn, duplicates
    )


class _DistinctFormulas:
    """The first distinct formulas of one class, in the order drawn."""

    def __init__(self, class_name: str, problem: Problem, wanted: int) -> None:
        self.class_name = class_name
        self.wanted = wanted
        self.kept = np.empty((0, problem.n_clauses), dtype=np.uint8)
        self.duplicates_dropped = 0

    @property
    def n_missing(self) -> int:
        return self.wanted - len(self.kept)

    def add(self, drawn: UInt8[np.ndarray, "formula clause_position"]) -> int:
        """Keep what is new of ``drawn`` and still missing, and say how many that is."""
        n_before = len(self.kept)
        if self.n_missing and len(drawn):
            candidates = np.concatenate([self.kept, drawn])
            new = _first_occurrences(candidates)
            self.duplicates_dropped += len(candidates) - len(new)
            self.kept = candidates[new[: self.wanted]]
        return len(self.kept) - n_before


def _first_occurrences(
    clause_ids: UInt8[np.ndarray, "formula clause_position"],
) -> Int64[np.ndarray, " distinct"]:
    """Row numbers, ascending, of the formulas that no earlier row repeats."""
    n_formulas, n_clauses = clause_ids.shape
    padded = np.zeros((n_formulas, -(-n_clauses // 8) * 8), dtype=np.uint8)
    padded[:, :n_clauses] = clause_ids
    # The same bytes as 64-bit words, which sort faster.
    words = padded.view(np.uint64)
    # lexsort is stable, so the first row of every run of equal formulas was drawn first.
    order = np.lexsort(words.T)
    ordered = words[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[is_first])


def _split(
    labelled: Split, per_class: dict[SplitName, int], rng: np.random.Generator
) -> dict[SplitName, Split]:
    classes = (
        labelled.clause_ids[labelled.satisfiable],
        labelled.clause_ids[~labelled.satisfiable],
    )
    splits: dict[SplitName, Split] = {}
    start = 0
    for name, size in per_class.items():
        order = rng.permutation(2 * size)
        clause_ids = np.concatenate([formulas[start : start + size] for formulas in classes])
        splits[name] = Split(clause_ids[order], order < size)
        start += size
    return splits


def _refuse_impossible(problem: Problem, wanted: int) -> None:
    if not is_countable(problem):
        return
    for class_name, size in reversed(class_sizes(problem).items()):
        if wanted > size:
            raise MechvalError(
                f"data asks for {wanted} {class_name} formulas of {problem.n_clauses} clauses over "
                f"{problem.n_variables} variables, of which there are {size}; "
                f"allowed: at most {2 * size} formulas in both corpora together."
            )


def _exhausted(formulas: _DistinctFormulas, budget: int) -> MechvalError:
    return MechvalError(
        f"data asks for {formulas.wanted} {formulas.class_name} formulas, of which {budget} draws "
        f"gave {len(formulas.kept)}; allowed: fewer formulas, or a problem with more of that class."
    )
