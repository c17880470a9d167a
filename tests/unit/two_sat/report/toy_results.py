"""The tracked tables of a run that never was: plain numbers in the shape the stages write them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from mechval.axioms import cell_rows, evaluate_axioms, report_row
from mechval.reporting.tables import write_csv, write_json
from mechval.two_sat.problem import Problem
from mechval.two_sat.report.report_tables import ReportTables, RunFacts, load_tables
from tests.unit.axioms import toy

STAGES = ("data", "train", "circuit", "axioms")
VARIANTS = tuple(
    f"{version}/{reading}/{residual}"
    for reading in ("calibrated", "paper")
    for version in ("trees", "disjunction")
    for residual in ("resid_mid", "attn_out")
)
N_SELECTION = 600
NEVER_WRONG = torch.tensor([number for number in range(10, 150, 2) if not 50 <= number <= 60])
"""Inputs on which the toy network always gives the label 1."""


def write_results(
    root: Path,
    problem: Problem,
    *,
    n_neurons: int = 3,
    n_heads: int = 1,
    is_trained: bool = True,
    t_is_constant: bool = False,
    variants: Sequence[str] = VARIANTS,
) -> None:
    """Write stages ``data``, ``train``, ``circuit`` and ``axioms`` into folders of their names."""
    for stage in STAGES:
        (root / stage).mkdir(parents=True)
    splits = [("training.selection", N_SELECTION), ("analysis.fit", 2_400)]
    write_json(
        {
            "natural_satisfiable_share": 0.8125,
            "formulas_drawn": 4_000,
            "splits": [{"name": name, "formulas": formulas} for name, formulas in splits],
        },
        root / "data" / "metrics.json",
    )
    _write_train(root / "train", is_trained)
    _write_circuit(root / "circuit", problem, n_neurons, n_heads)
    _write_axioms(root / "axioms", t_is_constant, variants)


def read_results(
    root: Path, problem: Problem, model: Literal["own", "published"] = "own"
) -> ReportTables:
    """The report's tables of what :func:`write_results` wrote."""
    run = RunFacts(problem, 7, model, {"training": 1_000, "finishing": 1_000})
    return load_tables(run, {stage: root / stage for stage in STAGES})


def _write_train(directory: Path, is_trained: bool) -> None:
    classes = {
        "satisfiable": {"n": 500, "wrong_count": 20},
        "unsatisfiable": {"n": 500, "wrong_count": 7},
    }
    total = {"n": 1_000, "wrong_count": 27, "accuracy": 0.973, "accuracy_lower": 0.963}
    write_json({**total, "confidence": 0.95, "classes": classes}, directory / "metrics.json")
    if not is_trained:
        return
    steps = [(phase, step) for phase in ("training", "finishing") for step in (5, 10)]
    write_csv(
        [
            {
                "phase": phase,
                "step": step,
                "examples": 256 * step,
                "train_loss": 1 / step,
                "selection_loss": 2 / step,
                "selection_accuracy": step / 10,
                "learning_rate": 1e-3,
            }
            for phase, step in steps
        ],
        directory / "learning_curve.csv",
    )
    write_csv(
        [
            {"phase": phase, "step": step, "accuracy": 0.5, "n": 600, "carrying_neurons": 90 - step}
            for phase, step in [("training", 0), *steps]
        ],
        directory / "snapshots.csv",
    )


def _write_circuit(directory: Path, problem: Problem, n_neurons: int, n_heads: int) -> None:
    reading = {
        "evaluating_neurons": n_neurons,
        "constant_bits_refused": [400, 401],
        "assignments": problem.n_assignments,
        "covered_by_trees": problem.n_assignments - 1,
        "covered_by_unpruned_trees": problem.n_assignments,
        "covered_by_disjunctions": problem.n_assignments,
    }
    facts = {
        "effect_share": 0.999,
        "carrying_neurons": n_neurons,
        "carrying_neurons_with_negative_coefficient": 0,
        "readings": {"calibrated": reading, "paper": reading},
    }
    write_json(facts, directory / "metrics.json")
    write_csv(
        [_neuron_row(index, n_neurons) for index in range(n_neurons)], directory / "neurons.csv"
    )
    write_csv(
        [
            {
                "reading": name,
                "neuron": neuron,
                "assignment": assignment,
                "mean_activation": float(neuron * 7 % problem.n_assignments == assignment),
                "in_disjunction": neuron * 7 % problem.n_assignments == assignment,
            }
            for name in ("calibrated", "paper")
            for neuron in range(n_neurons)
            for assignment in range(problem.n_assignments)
        ],
        directory / "assignments.csv",
    )
    write_csv(
        [
            {"head": head, "clause": clause, "own_clause_attention": 0.9 / (1 + head + clause)}
            for head in range(n_heads)
            for clause in range(problem.n_clauses)
        ],
        directory / "attention.csv",
    )


def _neuron_row(index: int, n_neurons: int) -> dict[str, str | float | bool | None]:
    row: dict[str, str | float | bool | None] = {
        "neuron": index,
        "coefficient": 2.0,
        "effect": 3.0 / (1 + index),
        "effect_share": 1 / n_neurons,
    }
    for name in ("calibrated", "paper"):
        row |= {
            f"{name}.evaluates": True,
            f"{name}.cut": 0.5,
            f"{name}.on_rate": 0.25,
            f"{name}.tree": "(φ0 ? 1 : 0)",
            f"{name}.disjunction": "φ0",
        }
    return row


def _write_axioms(directory: Path, t_is_constant: bool, variants: Sequence[str]) -> None:
    concrete = toy.make_toy()
    reports = evaluate_axioms(
        [
            replace(concrete, name=name)
            for name in variants
        ],
        toy.make_batches(inputs=NEVER_WRONG if t_is_constant else None),
        strata_names=("UNSAT", "SAT"),
        mixtures={
            "balanced": {"UNSAT": 0.5, "SAT": 0.5},
            "natural": {"UNSAT": 0.1875, "SAT": 0.8125},
        },
        confidence=0.95,
        constant_label=1,
    )  # fmt: skip
    write_csv([row for report in reports for row in cell_rows(report)], directory / "axioms.csv")
    write_csv([report_row(report) for report in reports], directory / "interpretations.csv")
