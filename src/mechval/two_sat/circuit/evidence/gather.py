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
    attention,
    contributions,
    extremes,
    neuron_rows,
    program_rows,
    scores,
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
    extremes.WORST_CASES,
    extremes.ANSWER_EXTREMES,
    scores.CLAUSE_SCORES,
    ablations.ABLATIONS,
    ablations.LOGIT_DIFFERENCES,
    neuron_rows.ASSIGNMENT_EFFECTS,
    program_rows.COVERAGE,
    program_rows.PROGRAM_QUALITY,
    contributions.PREACTIVATION_PARTS,
    contributions.HISTOGRAMS,
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
    """Measure everything PAPER.md lists as circuit evidence for a 2-SAT network of two blocks.

    ``circuit`` was extracted from block 1's activations ``hidden`` on ``fit``, and its trees were
    fitted with ``max_leaves`` and ``seed``; further trees are fitted on the same. Every other
    number is measured on ``test``. Returns the rows of each of ``TABLES``.
    """
    model = model.to(device)
    # Of sums that cancel, float32 leaves digits that differ between machines.
    precise = copy.deepcopy(model).double()
    of_first_block = scores.first_block_scores(model)
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
        scores.CLAUSE_SCORES: scores.clause_score_rows(precise, problem),
        ablations.ABLATIONS: ablations.ablation_rows(model, circuit, record),
        ablations.LOGIT_DIFFERENCES: ablations.logit_difference_rows(model, problem, record),
        program_rows.COVERAGE: coverage,
        program_rows.PROGRAM_QUALITY: quality,
        scores.SCORES: scores.score_rows(of_first_block, problem),
        scores.EXPECTED_ATTENTION: scores.expected_pattern_rows(of_first_block, problem),
        extremes.WORST_CASES: extremes.worst_case_rows(of_first_block, problem),
        extremes.ANSWER_EXTREMES: extremes.answer_extreme_rows(of_first_block, problem),
        **contributions.contribution_tables(precise, problem, circuit, test, device),
    }


def _truth(problem: Problem, split: Split) -> Bool[np.ndarray, "formula assignment"]:
    words = truth_tables(problem, split.clause_ids)
    return unpack_truth_tables(words, problem.n_variables)
