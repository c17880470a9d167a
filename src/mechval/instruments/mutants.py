"""Every single-assignment mutant of a disjunction program, exactly: no network, no sample.

A mutant changes one entry of one neuron's set of assignments. Where the network's bits are those of
the program on every formula (run ``proved``), the share of formulas on which a mutated bit differs
is the exact disagreement of axioms 1 and 2 at evaluate. It follows from the truth tables that
formulas have, and how many formulas have each.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mechval import tables
from mechval.two_sat.formulas.truth_tables import reachable_tables
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram


@dataclass(frozen=True, kw_only=True)
class MutantRow:
    """All mutants by one operator.

    Attributes:
        equivalent: those whose bits are the program's on every formula.
        by_bits: those that axioms 1 and 2 at evaluate tell from the program.
        by_answer: those that some formula's answer tells from it.
        least_bits: the least non-zero share of formulas with another bit, of independent draws;
            ``least_answer`` with another answer.
        samples: formulas that show the first with probability 95 %.
    """

    operator: str = tables.told()
    mutants: int = tables.told()
    equivalent: int = tables.told()
    by_bits: int = tables.told("seen by axioms 1 and 2 at evaluate")
    by_answer: int = tables.told("seen by the answer")
    least_bits: float | None = tables.rate("least share, bits")
    least_answer: float | None = tables.rate("least share, answer")
    samples: int | None = tables.told("samples needed")


MUTANTS = tables.Table("instruments/mutants.csv", MutantRow)


def count_mutants(problem: Problem, program: DisjunctionProgram) -> Iterator[MutantRow]:
    """Drop every assignment a neuron stands for, then add every one that it does not."""
    reachable = reachable_tables(problem)
    truth, weight = reachable.truth, reachable.formulas.astype(float) / problem.n_formulas
    stands_for = program.assignments.numpy()
    on = np.stack([truth[:, each].any(axis=1) for each in stands_for])
    n_on = on.sum(axis=0)
    for operator, is_dropped in (("assignment dropped", True), ("assignment added", False)):
        found = []
        for neuron, each in enumerate(stands_for):
            for assignment in np.flatnonzero(each == is_dropped):
                changed = each.copy()
                changed[assignment] = not is_dropped
                differs = truth[:, changed].any(axis=1) != on[neuron]
                answer = differs & (n_on == int(is_dropped))
                found.append((float(weight[differs].sum()), float(weight[answer].sum())))
        yield _row(operator, found)


def _row(operator: str, found: list[tuple[float, float]]) -> MutantRow:
    bits, answers = ([each[place] for each in found if each[place]] for place in (0, 1))
    least = min(bits, default=None)
    return MutantRow(
        operator=operator,
        mutants=len(found),
        equivalent=len(found) - len(bits),
        by_bits=len(bits),
        by_answer=len(answers),
        least_bits=least,
        least_answer=min(answers, default=None),
        samples=int(np.ceil(np.log(0.05) / np.log1p(-least))) if least else None,
    )
