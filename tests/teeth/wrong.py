"""A right interpretation, the ways to make it wrong, and what the suite says about each.

A subject is a network with the interpretation that is right for it. A wrong interpretation
differs in one map (and the map's mirror) only; α and γ stay those fitted for the right program.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from mechval.axioms import AxiomReport, Interpretation, evaluate_axioms
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.trees import Branch, Leaf, Tree

RIGHT = "right"


@dataclass(frozen=True)
class Subject:
    """A network and the circuit that explains it."""

    problem: Problem
    circuit: Circuit
    reading: ReadingName
    components: Components

    def interpretation(self, circuit: Circuit) -> Interpretation:
        """The library's own interpretation (trees) of a circuit, right or tampered with."""
        return make_interpretations(
            self.components,
            replace(circuit, readings={self.reading: circuit.readings[self.reading]}),
            versions=("trees",),
            residuals=("resid_mid",),
        )[0]


Make = Callable[[Subject], Interpretation]


def permuted_prototypes(subject: Subject) -> Interpretation:
    order = torch.randperm(
        len(subject.circuit.prototypes), generator=torch.Generator().manual_seed(0)
    )
    prototypes = subject.circuit.prototypes[order]
    return subject.interpretation(replace(subject.circuit, prototypes=prototypes))


def and_for_or(subject: Subject) -> Interpretation:
    right = subject.interpretation(subject.circuit)
    parse, evaluate, _ = right.abstract
    return replace(right, abstract=(parse, evaluate, lambda bits: bits.all(dim=1).long()))


def one_tree_negated(subject: Subject) -> Interpretation:
    reading = subject.circuit.readings[subject.reading]
    first, *others = reading.trees.program.trees
    program = replace(reading.trees.program, trees=(negated(first), *others))
    wrong = reading.claiming(replace(reading.trees, program=program))
    return subject.interpretation(replace(subject.circuit, readings={subject.reading: wrong}))


def inverted_gamma(subject: Subject) -> Interpretation:
    right = subject.interpretation(subject.circuit)
    start, parse, evaluate, end = right.gammas
    return replace(right, gammas=(start, parse, lambda bits: evaluate(~bits), end))


def neighbour_clause(subject: Subject) -> Interpretation:
    right = subject.interpretation(subject.circuit)
    parse, *others = right.abstract
    return replace(right, abstract=(lambda tokens: parse(tokens).roll(1, dims=1), *others))


WRONG: dict[str, Make] = {
    "permuted prototypes": permuted_prototypes,
    "AND for OR": and_for_or,
    "one tree negated": one_tree_negated,
    "inverted gamma": inverted_gamma,
    "neighbour clause": neighbour_clause,
}


def negated(tree: Tree) -> Tree:
    if isinstance(tree, Leaf):
        return Leaf(not tree.bit)
    return Branch(tree.assignment, negated(tree.if_false), negated(tree.if_true))


def judge_all(
    subject: Subject, formulas: Split, concrete: tuple | None = None
) -> dict[str, AxiomReport]:
    """Reports on the right interpretation and on every wrong one, of one network.

    Args:
        concrete: components to put in place of the subject's network.
    """
    right = subject.interpretation(subject.circuit)
    network = concrete or right.concrete
    named = {RIGHT: right, **{name: make(subject) for name, make in WRONG.items()}}
    reports = evaluate_axioms(
        [replace(made, name=name, tags={}, concrete=network) for name, made in named.items()],
        axiom_batches(subject.components, formulas),
        strata_names=("UNSAT", "SAT"),
        mixtures={},
        confidence=0.95,
        constant_label=subject.circuit.majority_label,
    )
    return {report.interpretation: report for report in reports}


def counts(report: AxiomReport) -> dict[str, int]:
    return {cell.name: cell.disagreements for cell in report.cells}


def moved_cells(report: AxiomReport, right: AxiomReport) -> set[str]:
    """Cells in which some formula is judged otherwise than under the right interpretation."""
    return {
        cell
        for cell, disagrees in report.disagreements.items()
        if not torch.equal(disagrees, right.disagreements[cell])
    }
