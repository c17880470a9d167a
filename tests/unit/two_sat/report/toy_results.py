"""The tracked tables of a run that never was: plain numbers in the shape the stages write them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import torch

from mechval.axioms import evaluate_axioms
from mechval.axioms.report import CELLS, INTERPRETATIONS
from mechval.reporting.report import RunFiles
from mechval.two_sat.circuit.evidence import ablations, attention_extremes
from mechval.two_sat.circuit.evidence.coverage import COVERAGE, DISJUNCTION, CoverageRow
from mechval.two_sat.circuit.evidence.gather import FACTS, CircuitFacts
from mechval.two_sat.circuit.evidence.neuron_rows import (
    MEAN_ACTIVATIONS,
    NEURONS,
    MeanActivationRow,
    NeuronReading,
    NeuronRow,
)
from mechval.two_sat.circuit.sparsity import SNAPSHOTS, SparsityRow
from mechval.two_sat.claim.variants.variant import VARIANTS
from mechval.two_sat.configs import ModelSource, ReadingName
from mechval.two_sat.formulas.dataset import DATA, DataFacts, SplitFacts
from mechval.two_sat.network.training import (
    ACCURACY,
    LEARNING_CURVE,
    Accuracy,
    ClassCount,
    LearningCurveRow,
)
from mechval.two_sat.problem import Problem
from tests.unit.axioms import toy
from tests.unit.two_sat.stages.test_stages import recipe, settings

STAGES = ("data", "train", "circuit", "axioms")
TAGS = tuple(
    {"version": version, "reading": reading, "residual": residual}
    for reading, version, residual in product(
        ("calibrated", "paper"), ("trees", "disjunction"), ("resid_mid", "attn_out")
    )
)
N_SELECTION = 600
NEVER_WRONG = torch.tensor([number for number in range(10, 150, 2) if not 50 <= number <= 60])
"""Inputs on which the toy network always gives the label 1."""


def write_results(
    root: Path,
    problem: Problem,
    *,
    model: str = "own",
    n_neurons: int = 3,
    t_is_constant: bool = False,
    tags: Sequence[Mapping[str, str]] = TAGS,
) -> RunFiles:
    """Write stages ``data``, ``train``, ``circuit`` and ``axioms`` into folders of their names."""
    for stage in STAGES:
        (root / stage).mkdir(parents=True)
    splits = (("training.selection", N_SELECTION), ("analysis.fit", 2_400))
    data = DataFacts(
        n_variables=problem.n_variables,
        n_clauses=problem.n_clauses,
        n_distinct_clauses=problem.n_distinct_clauses,
        seed=7,
        splits=tuple(SplitFacts(name, n, n // 2) for name, n in splits),
        formulas_drawn=4_000,
        satisfiable_drawn=3_250,
        natural_satisfiable_share=0.8125,
        duplicates_dropped=0,
        sha256="0" * 64,
        file_bytes=1_000,
    )
    DATA.write(data, root / "data")
    _write_train(root / "train", model == "own")
    _write_circuit(root / "circuit", problem, n_neurons)
    _write_axioms(root / "axioms", t_is_constant, tags)
    training = recipe(12).model_copy(update={"evaluation_examples": 1_000})
    source = ModelSource(kind=model, path=None if model == "own" else "weights.pth")  # pyright: ignore[reportArgumentType]
    made = settings(source, problem=problem, training=training, finishing=training)
    return RunFiles(made, 7, {stage: root / stage for stage in STAGES})


def _write_train(directory: Path, is_trained: bool) -> None:
    classes = {"satisfiable": ClassCount(500, 20), "unsatisfiable": ClassCount(500, 7)}
    ACCURACY.write(Accuracy(1_000, 27, 0.973, 0.963, 0.95, classes), directory)
    if not is_trained:
        return
    steps = [(phase, step) for phase in ("training", "finishing") for step in (5, 10)]
    curve = [
        LearningCurveRow(phase, step, 256 * step, 1 / step, 2 / step, step / 10, 1e-3)
        for phase, step in steps
    ]
    LEARNING_CURVE.write(curve, directory)
    snapshots = [
        SparsityRow(phase, step, 0.5, 600, 90 - step, 1.0)
        for phase, step in [("training", 0), *steps]
    ]
    SNAPSHOTS.write(snapshots, directory)


def _write_circuit(directory: Path, problem: Problem, n_neurons: int) -> None:
    n_assignments = problem.n_assignments
    facts = CircuitFacts(
        effect_share=0.999,
        carrying_neurons=n_neurons,
        carrying_neurons_with_negative_coefficient=0,
        smallest_mean_own_clause_attention=0.1,
        norm_of_s_plus_u=1e-6,
        shown_neuron=0,
    )
    FACTS.write(facts, directory)
    refused = [replace(_neuron_row(index, n_neurons), is_carrying=False,
                       reading=dict.fromkeys(get_args(ReadingName), NeuronReading(False, True)))
               for index in (400, 401)]  # fmt: skip
    rows = [_neuron_row(index, n_neurons) for index in range(n_neurons)]
    NEURONS.write([*rows, *refused], directory)
    means = [
        MeanActivationRow(
            neuron, {str(a): float(neuron * 7 % n_assignments == a) for a in range(n_assignments)}
        )
        for neuron in range(n_neurons)
    ]
    MEAN_ACTIVATIONS.write(means, directory)
    (directory / "evidence").mkdir()
    coverage = [
        CoverageRow(name, program, True, n_assignments, covered, n_assignments)
        for name in get_args(ReadingName)
        for program, covered in (("trees-4", n_assignments - 1), (DISJUNCTION, n_assignments))
    ]
    COVERAGE.write(coverage, directory)
    ablations.ABLATIONS.write([], directory)
    attention_extremes.ANSWER_EXTREMES.write([], directory)


def _neuron_row(index: int, n_neurons: int) -> NeuronRow:
    read = NeuronReading(True, False, 0.5, 2.0, 0.25, "(φ0 ? 1 : 0)", (0,))
    return NeuronRow(
        neuron=index,
        coefficient=2.0,
        max_activation=1.5,
        effect=3.0 / (1 + index),
        effect_share=1 / n_neurons,
        is_carrying=True,
        reading=dict.fromkeys(get_args(ReadingName), read),
    )


def _write_axioms(directory: Path, t_is_constant: bool, tags: Sequence[Mapping[str, str]]) -> None:
    concrete = toy.make_toy()
    reports = evaluate_axioms(
        [replace(concrete, name="/".join(each.values()), tags=each) for each in tags],
        toy.make_batches(inputs=NEVER_WRONG if t_is_constant else None),
        strata_names=("UNSAT", "SAT"),
        mixtures={
            "balanced": {"UNSAT": 0.5, "SAT": 0.5},
            "natural": {"UNSAT": 0.1875, "SAT": 0.8125},
        },
        confidence=0.95,
        constant_label=1,
    )
    CELLS.write([cell for report in reports for cell in report.cells], directory)
    INTERPRETATIONS.write(reports, directory)
    VARIANTS.write([], directory)
