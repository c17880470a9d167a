"""Every single-assignment mutant of a disjunction program, exactly: no network, no sample.

A mutant changes one entry of one neuron's set of assignments. Where the network's bits are those of
the program on every formula (run ``proved``), the share of formulas on which a mutated bit differs
is the exact disagreement of axioms 1 and 2 at evaluate. It follows from the truth tables that
formulas have, and how many formulas have each.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from mechval import tables
from mechval.instruments.matrix import samples_needed
from mechval.two_sat.formulas.truth_tables import reachable_tables
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram


@dataclass(frozen=True, kw_only=True)
class MutantRow:
    """All mutants by one operator.

    Attributes:
        equivalent: those whose states are the program's on every input.
        by_bits: those that axioms 1 and 2 tell from the program (of 2-SAT: at evaluate).
        by_answer: those that some answer tells from it.
        least_bits: the least non-zero share of inputs with another state, of independent draws;
            ``least_answer`` with another answer.
        samples: inputs that show the first with probability 95 %.
    """

    operator: str = tables.told()
    mutants: int = tables.told()
    equivalent: int = tables.told()
    by_bits: int = tables.told("seen by axioms 1 and 2")
    by_answer: int = tables.told("seen by the answer")
    least_bits: float | None = tables.rate("least share, states")
    least_answer: float | None = tables.rate("least share, answer")
    samples: int | None = tables.told("samples needed")


MUTANTS = tables.Table("instruments/mutants.csv", MutantRow)
OPERATORS = {"assignment dropped": True, "assignment added": False}
"""And whether what is changed is an assignment that the neuron stands for."""


@dataclass(frozen=True)
class Mutant:
    """A program with one entry of one neuron's set of assignments changed.

    Attributes:
        bits: the share of formulas on which its bits are others; none says that it is equivalent.
        answer: on which its answer is another.
    """

    operator: str
    program: DisjunctionProgram
    bits: float
    answer: float


def make_mutants(problem: Problem, program: DisjunctionProgram) -> Iterator[Mutant]:
    """Drop every assignment a neuron stands for, then add every one that it does not."""
    reachable = reachable_tables(problem)
    truth, weight = reachable.truth, reachable.formulas.astype(float) / problem.n_formulas
    stands_for = program.assignments.numpy()
    on = np.stack([truth[:, each].any(axis=1) for each in stands_for])
    n_on = on.sum(axis=0)
    for operator, is_dropped in OPERATORS.items():
        for neuron, assignment in np.argwhere(stands_for == is_dropped):
            changed = stands_for.copy()
            changed[neuron, assignment] = not is_dropped
            differs = truth[:, changed[neuron]].any(axis=1) != on[neuron]
            answer = differs & (n_on == int(is_dropped))
            yield Mutant(
                operator,
                DisjunctionProgram(torch.from_numpy(changed)),
                bits=float(weight[differs].sum()),
                answer=float(weight[answer].sum()),
            )


def count_mutants(problem: Problem, program: DisjunctionProgram) -> Iterator[MutantRow]:
    """All of them, by operator."""
    made = [*make_mutants(problem, program)]
    for operator in OPERATORS:
        own = [(each.bits, each.answer) for each in made if each.operator == operator]
        yield mutant_row(operator, own)


def mutant_row(operator: str, found: list[tuple[float, float]]) -> MutantRow:
    """Of every mutant the share of inputs with another state, and with another answer."""
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
        samples=samples_needed(least) if least else None,
    )
