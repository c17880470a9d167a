"""Properties of the suite on random finite networks and programs."""

from functools import cache
from typing import TypeAlias

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mechval.axioms import (
    AxiomReport,
    Batch,
    Interpretation,
    best_constant,
    evaluate_axioms,
    exact_labels,
    identity,
    run_components,
)
from mechval.axioms.base import Map
from tests.unit.axioms import toy

# The machine may be busy: an example's duration says nothing.
unhurried = settings(deadline=None, max_examples=40)

N_STATES = 5
N_SAMPLES = 40
MIXTURES = {"all": {"sample": 1.0}}

tables = st.lists(st.integers(0, N_STATES - 1), min_size=N_STATES, max_size=N_STATES)
# One list per component: its concrete and abstract table, and α and γ of the cut after it.
finite_pairs = st.lists(st.tuples(tables, tables, tables, tables), min_size=1, max_size=4)
FinitePair: TypeAlias = list[tuple[list[int], list[int], list[int], list[int]]]


def as_map(table: list[int]) -> Map:
    values = torch.tensor(table)
    return lambda state: values[state]


def make_interpretation(pair: FinitePair) -> Interpretation:
    """Random functions between finite sets; the equivalence is equality at every cut."""
    concrete, abstract, alphas, gammas = (
        tuple(as_map(table) for table in maps) for maps in zip(*pair, strict=True)
    )
    return Interpretation(
        name="finite",
        components=tuple(f"component {number}" for number in range(len(pair))),
        concrete=concrete,
        abstract=abstract,
        alphas=(identity, *alphas[:-1], identity),
        gammas=(identity, *gammas[:-1], identity),
        equivalences=(exact_labels,) * (len(pair) + 1),
    )


def evaluate(interpretation: Interpretation) -> AxiomReport:
    inputs = torch.arange(N_SAMPLES) % N_STATES
    labels = run_components(interpretation.concrete, inputs)[-1]
    (report,) = evaluate_axioms(
        [interpretation],
        [Batch(inputs, torch.zeros_like(inputs))],
        strata_names=("sample",),
        mixtures=MIXTURES,
        confidence=0.95,
        constant_label=best_constant(labels, exact_labels),
    )
    return report


@unhurried
@given(finite_pairs)
def test_component_equivalence_up_to_a_cut_implies_prefix_equivalence(
    pair: FinitePair,
) -> None:
    assert set(evaluate(make_interpretation(pair)).inclusion_violations.values()) == {0}


@unhurried
@given(finite_pairs)
def test_prefix_errors_are_at_most_the_sum_of_component_errors(
    pair: FinitePair,
) -> None:
    d = len(pair)
    counts = [cell.disagreements for cell in evaluate(make_interpretation(pair)).cells]
    for last in range(1, d + 1):
        assert counts[last - 1] <= sum(counts[d : d + last])


@unhurried
@given(finite_pairs)
def test_repeated_cells_have_the_numbers_of_the_paper_s_equation(
    pair: FinitePair,
) -> None:
    """Axioms 3 and 4 of the last component, written out, are what the repeated cells hold."""
    interpretation = make_interpretation(pair)
    report = evaluate(interpretation)
    inputs = torch.arange(N_SAMPLES) % N_STATES
    program, before_last = inputs, inputs
    for component in interpretation.abstract:
        program = component(program)
    for component in interpretation.concrete[:-1]:
        before_last = component(before_last)
    label = interpretation.concrete[-1](before_last)
    last = interpretation.abstract[-1](interpretation.alphas[-2](before_last))
    component = interpretation.components[-1]
    prefix = report.disagreements[f"prefix replaceability/{component}"]
    assert torch.equal(prefix, label != program)
    assert torch.equal(report.disagreements[f"component replaceability/{component}"], label != last)


@cache
def in_one_batch() -> AxiomReport:
    return toy.evaluate_toy(toy.make_toy())


@settings(unhurried, max_examples=15)
@given(st.integers(1, toy.N))
def test_results_do_not_depend_on_the_batch_size(size: int) -> None:
    whole = in_one_batch()
    parts = toy.evaluate_toy(toy.make_toy(), toy.make_batches(size))
    assert parts.cells == whole.cells
    assert (parts.constant, parts.inclusion_violations) == (
        whole.constant,
        whole.inclusion_violations,
    )
    for cell, disagrees in whole.disagreements.items():
        assert torch.equal(parts.disagreements[cell], disagrees)
