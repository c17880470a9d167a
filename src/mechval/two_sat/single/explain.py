"""One formula through one network: what every part of it does, and what the claim says it does."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import ReadingName, Version
from mechval.two_sat.formulas.solver import SatOracle
from mechval.two_sat.formulas.text import WrittenFormula, complete_formula, write_clause, write_pair
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.interpretation import formula_evaluator
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.explain_cells import VERSIONS, CellOutcome, examine_formula
from mechval.two_sat.single.subject import Explained


@dataclass(frozen=True)
class ClauseReading:
    """What block 0 wrote at the second literal of one clause.

    Attributes:
        written: the clause of the formula.
        read: the literal pair of the nearest prototype.
        cosine: similarity to that prototype.
        margin: by how much it exceeds the similarity to any other clause's prototypes.
        agrees: whether both are the same clause.
    """

    written: str
    read: str
    cosine: float
    margin: float
    agrees: bool


@dataclass(frozen=True)
class NeuronReading:
    """One evaluating neuron at ``:``.

    Attributes:
        neuron: its index in block 1's hidden layer.
        activation: post-ReLU.
        cut: activation from which it counts as on.
        fires: whether it is on.
        effect: what it adds to the ``s`` logit.
        expected: whether it should be on, by each version of the program.
    """

    neuron: int
    activation: float
    cut: float
    fires: bool
    effect: float
    expected: Mapping[Version, bool]


@dataclass(frozen=True)
class NetworkAnswer:
    """What the network answers: the token with the largest logit, and s minus u."""

    token: str
    satisfiable: bool
    margin: float


@dataclass(frozen=True)
class SolverAnswer:
    """What PySAT answers, with its witness.

    Attributes:
        satisfiable: whether there is a model.
        model: a satisfying assignment, None if there is none.
        core: clauses of the formula that are unsatisfiable together, empty if it has a model.
    """

    satisfiable: bool
    model: str | None
    core: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything about one formula.

    Attributes:
        tokens: what the network was given.
        n_written: clauses as written; the rest repeats the last one.
        n_swapped: clauses whose literals were put into the network's order.
        assignments: all that satisfy the formula.
        reading: by which rules neurons are read.
    """

    tokens: tuple[str, ...]
    n_written: int
    n_swapped: int
    clauses: tuple[ClauseReading, ...]
    assignments: tuple[str, ...]
    reading: ReadingName
    neurons: tuple[NeuronReading, ...]
    answer: NetworkAnswer
    solver: SolverAnswer
    cells: tuple[CellOutcome, ...]


@torch.inference_mode()
def explain_formula(explained: Explained, written: WrittenFormula) -> Explanation:
    """Run one formula through the network, the programs and the solver."""
    problem, circuit = explained.problem, explained.circuit
    clause_ids = np.array(complete_formula(problem, written))
    tokens = encode_formulas(problem, torch.from_numpy(clause_ids)[None])
    components = Components(explained.model, problem)
    solver = _ask_solver(problem, clause_ids)
    symbols = Vocabulary(problem).symbols
    table = unpack_truth_tables(truth_tables(problem, clause_ids[None]), problem.n_variables)[0]
    return Explanation(
        tokens=tuple(symbols[token] for token in tokens[0].tolist()),
        n_written=len(written.clause_ids),
        n_swapped=written.n_swapped,
        clauses=_read_clauses(problem, circuit, clause_ids, components.parse(tokens)),
        assignments=tuple(_write_assignment(problem, a) for a in table.nonzero()[0].tolist()),
        reading=explained.reading,
        neurons=_read_neurons(explained, components, tokens),
        answer=_answer(components, tokens),
        solver=solver,
        cells=examine_formula(explained, components, tokens, satisfiable=solver.satisfiable),
    )


def _read_clauses(
    problem: Problem,
    circuit: Circuit,
    clause_ids: Int[np.ndarray, " clause_position"],
    resid: Float[Tensor, "1 pos d_model"],
) -> tuple[ClauseReading, ...]:
    second = list(FormulaLayout(problem).second_literal_positions)
    cosines = normalize(resid[0, second], dim=-1) @ normalize(circuit.prototypes, dim=-1).T
    n = problem.n_literals
    readings = []
    for clause_id, cosine in zip(clause_ids.tolist(), cosines, strict=True):
        best = int(cosine.argmax())
        swapped = best % n * n + best // n
        is_other = torch.ones(n * n, dtype=torch.bool)
        is_other[[best, swapped]] = False
        written = write_clause(problem, clause_id)
        readings.append(
            ClauseReading(
                written=written,
                read=write_pair(problem, best),
                cosine=float(cosine[best]),
                margin=float(cosine[best] - cosine[is_other].max()),
                agrees=written in (write_pair(problem, best), write_pair(problem, swapped)),
            )
        )
    return tuple(readings)


def _read_neurons(
    explained: Explained, components: Components, tokens: Int[Tensor, "1 pos"]
) -> tuple[NeuronReading, ...]:
    problem, circuit = explained.problem, explained.circuit
    reading = circuit.readings[explained.reading]
    hidden = components.evaluate(components.parse(tokens)).hidden[0]
    second = list(components.layout.second_literal_positions)
    first = [position - 1 for position in second]
    pairs = tokens[:, first] * problem.n_literals + tokens[:, second]
    programs = {"trees": reading.trees.program, "disjunction": reading.disjunctions}
    expected: dict[Version, Bool[Tensor, " neuron"]] = {
        version: formula_evaluator(problem, programs[version], tokens.device)(pairs)[0]
        for version in VERSIONS
    }
    return tuple(
        NeuronReading(
            neuron=neuron,
            activation=float(hidden[neuron]),
            cut=float(reading.levels.cut[index]),
            fires=bool(hidden[neuron] >= reading.levels.cut[index]),
            effect=float(hidden[neuron] * circuit.effects.coefficient[neuron]),
            expected={version: bool(bits[index]) for version, bits in expected.items()},
        )
        for index, neuron in enumerate(reading.neurons.tolist())
    )


def _answer(components: Components, tokens: Int[Tensor, "1 pos"]) -> NetworkAnswer:
    vocabulary = components.vocabulary
    logits = components.answer_logits(components.evaluate(components.parse(tokens)))[0]
    best = int(logits.argmax())
    margin = logits[vocabulary.satisfiable] - logits[vocabulary.unsatisfiable]
    return NetworkAnswer(
        vocabulary.symbols[best], best == vocabulary.satisfiable, margin=float(margin)
    )


def _ask_solver(problem: Problem, clause_ids: Int[np.ndarray, " clause_position"]) -> SolverAnswer:
    with SatOracle(problem) as oracle:
        if oracle.is_satisfiable(clause_ids):
            assignment = int(oracle.model(clause_ids) @ (1 << np.arange(problem.n_variables)))
            return SolverAnswer(True, _write_assignment(problem, assignment), ())
        core = oracle.core(clause_ids)
        return SolverAnswer(False, None, tuple(write_clause(problem, c) for c in core.tolist()))


def _write_assignment(problem: Problem, assignment: int) -> str:
    return " ".join(f"x{v}={assignment >> v & 1}" for v in range(problem.n_variables))
