"""All circuit evidence of one network in one call."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence import (
    ablations,
    answer_extremes,
    attention,
    clause_scores,
    contribution_rows,
    neuron_rows,
    program_rows,
    scores,
    worst_case,
)
from mechval.two_sat.circuit.evidence.recording import record_answers
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.problem import Problem

Filled: TypeAlias = Mapping[tables.Table[Any], Sequence[Any]]

TABLES: tuple[tables.Table[Any], ...] = (
    neuron_rows.NEURONS,
    neuron_rows.MEAN_ACTIVATIONS,
    attention.OWN_CLAUSE_ATTENTION,
    attention.FORMULA_ATTENTION,
    attention.MEAN_ATTENTION,
    scores.SCORES,
    scores.EXPECTED_ATTENTION,
    worst_case.WORST_CASES,
    answer_extremes.ANSWER_EXTREMES,
    clause_scores.CLAUSE_SCORES,
    ablations.ABLATIONS,
    ablations.LOGIT_DIFFERENCES,
    neuron_rows.ASSIGNMENT_EFFECTS,
    program_rows.COVERAGE,
    program_rows.PROGRAM_QUALITY,
    contribution_rows.PREACTIVATION_PARTS,
    contribution_rows.HISTOGRAMS,
)


def gather_evidence(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    fit: Split,
    hidden: Float[Tensor, "formula d_mlp"],
    test: Split,
    *,
    max_leaves: int,
    seed: int,
    device: torch.device,
) -> Filled:
    """Measure everything PAPER.md lists as circuit evidence for the 2-SAT network.

    ``model``: a network of two blocks. ``problem``: the size of its formulas. ``circuit``:
    extracted from ``fit``; its means, effects, readings and programs are used. ``fit``: formulas
    that further trees are fitted on. ``hidden``: block 1's activations on them, which the circuit
    was extracted from. ``test``: formulas that every other number is measured on. ``max_leaves``:
    what the circuit's trees were fitted with. ``seed``: decides between equally good splits of the
    trees. ``device``: where the network runs; tables are made on the CPU. Returns the rows of each
    of ``TABLES``.
    """
    model = model.to(device)
    # Of sums that cancel, float32 leaves digits that differ between machines.
    precise = copy.deepcopy(model).double()
    record = record_answers(model, problem, test, device)
    fit_truth, test_truth = _truth(problem, fit), _truth(problem, test)
    coverage, quality = [], []
    for name, reading in circuit.readings.items():
        programs = program_rows.reading_programs(
            reading,
            program_rows.label_tables(reading, fit_truth, hidden[:, reading.neurons]),
            max_leaves=max_leaves,
            seed=seed,
        )
        labelled = program_rows.label_tables(reading, test_truth, record.hidden[:, reading.neurons])
        coverage += program_rows.coverage_rows(name, programs, problem.n_assignments)
        quality += program_rows.quality_rows(name, reading, programs, labelled)
    return {
        neuron_rows.NEURONS: neuron_rows.neuron_rows(circuit),
        neuron_rows.MEAN_ACTIVATIONS: neuron_rows.mean_activation_rows(circuit),
        neuron_rows.ASSIGNMENT_EFFECTS: neuron_rows.assignment_effect_rows(
            circuit, record.hidden, torch.from_numpy(test_truth)
        ),
        attention.OWN_CLAUSE_ATTENTION: attention.own_clause_rows(circuit),
        attention.FORMULA_ATTENTION: attention.formula_attention_rows(model, problem, test, device),
        attention.MEAN_ATTENTION: attention.mean_attention_rows(
            model, problem, test, record, device
        ),
        clause_scores.CLAUSE_SCORES: clause_scores.clause_score_rows(precise, problem),
        ablations.ABLATIONS: ablations.ablation_rows(model, circuit, record),
        ablations.LOGIT_DIFFERENCES: ablations.logit_difference_rows(model, problem, record),
        program_rows.COVERAGE: coverage,
        program_rows.PROGRAM_QUALITY: quality,
        **_first_block_tables(model, problem),
        **contribution_rows.contribution_tables(precise, problem, circuit, test, device),
    }


def _first_block_tables(model: Transformer, problem: Problem) -> Filled:
    """What the weights alone say about block 0's attention."""
    found = scores.first_block_scores(model)
    return {
        scores.SCORES: scores.score_rows(found, problem),
        scores.EXPECTED_ATTENTION: scores.expected_pattern_rows(found, problem),
        worst_case.WORST_CASES: worst_case.worst_case_rows(found, problem),
        answer_extremes.ANSWER_EXTREMES: answer_extremes.answer_extreme_rows(found, problem),
    }


def _truth(problem: Problem, split: Split) -> Bool[np.ndarray, "formula assignment"]:
    words = truth_tables(problem, split.clause_ids)
    return unpack_truth_tables(words, problem.n_variables)
