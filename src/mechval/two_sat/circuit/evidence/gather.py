"""All circuit evidence of one network in one call."""

import copy

import numpy as np
import torch
from jaxtyping import Bool

from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.ablations import ablation_evidence
from mechval.two_sat.circuit.evidence.attention import formula_attention_rows, mean_attention_rows
from mechval.two_sat.circuit.evidence.clause_scores import clause_score_rows
from mechval.two_sat.circuit.evidence.contribution_tables import contribution_evidence
from mechval.two_sat.circuit.evidence.neuron_tables import assignment_evidence, coefficient_evidence
from mechval.two_sat.circuit.evidence.program_tables import LabelledTables, program_evidence
from mechval.two_sat.circuit.evidence.record import Evidence
from mechval.two_sat.circuit.evidence.recording import AnswerRecord, record_answers, record_hidden
from mechval.two_sat.circuit.evidence.weights import weight_evidence
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import TruthTableCounts


def gather_evidence(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    fit: Split,
    test: Split,
    seed: int,
    device: torch.device,
) -> Evidence:
    """Measure everything PAPER.md lists as circuit evidence for the 2-SAT network.

    Args:
        model: a network of two blocks.
        problem: the size of its formulas.
        circuit: extracted from ``fit``; its means, effects, readings and disjunctions are used.
        fit: formulas that trees are fitted on.
        test: formulas that every other number is measured on.
        seed: decides between equally good splits of the trees.
        device: where the network runs; tables are made on the CPU.
    """
    model = model.to(device)
    # Of sums that cancel, float32 leaves digits that differ between machines.
    precise = copy.deepcopy(model).double()
    record = record_answers(model, problem, test, device)
    attention = Evidence(
        {
            "formula_attention": formula_attention_rows(model, problem, test, device),
            "mean_attention": mean_attention_rows(model, problem, test, record, device),
            "block1_clause_scores": clause_score_rows(precise, problem),
        },
        {},
    )
    return Evidence.of(
        [
            attention,
            weight_evidence(model, problem),
            ablation_evidence(model, problem, circuit, record),
            coefficient_evidence(circuit.effects),
            *_neuron_evidence(model, problem, circuit, fit, test, record, seed, device),
            contribution_evidence(precise, problem, circuit, test, device),
        ]
    )


def _neuron_evidence(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    fit: Split,
    test: Split,
    record: AnswerRecord,
    seed: int,
    device: torch.device,
) -> list[Evidence]:
    neurons = torch.cat([reading.neurons for reading in circuit.readings.values()]).unique()
    fitted = record_hidden(model, problem, fit, neurons, device)
    fit_truth, test_truth = _truth(problem, fit), _truth(problem, test)
    fit_tables, test_tables = TruthTableCounts.of(fit_truth), TruthTableCounts.of(test_truth)
    programs: list[Evidence] = []
    for name, reading in circuit.readings.items():
        fit_bits = fitted[:, torch.searchsorted(neurons, reading.neurons)] >= reading.levels.cut
        test_bits = record.hidden[:, reading.neurons] >= reading.levels.cut
        programs.append(
            program_evidence(
                name,
                reading,
                circuit.effects,
                LabelledTables(fit_tables, fit_bits.numpy()),
                LabelledTables(test_tables, test_bits.numpy()),
                seed,
            )
        )
    assignments = assignment_evidence(circuit, record.hidden, torch.from_numpy(test_truth))
    return [assignments, _merged(programs)]


def _merged(parts: list[Evidence]) -> Evidence:
    """Parts that share tables, with their rows one after the other."""
    tables = {
        name: [row for part in parts for row in part.tables[name]] for name in parts[0].tables
    }
    facts = {name: fact for part in parts for name, fact in part.facts.items()}
    return Evidence(tables, facts)


def _truth(problem: Problem, split: Split) -> Bool[np.ndarray, "formula assignment"]:
    words = truth_tables(problem, split.clause_ids)
    return unpack_truth_tables(words, problem.n_variables)
