"""One formula through one network: what every part of it does, and what the claim says it does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mechval.axioms import distinct_cells
from mechval.two_sat.configs import ReadingName, Version
from mechval.two_sat.formulas.text import WrittenFormula, complete_formula, write_clause, write_pair
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.formulas.truth_tables import formula_truth
from mechval.two_sat.interpretation import OUTPUT, PARSE, formula_evaluator, main_reading
from mechval.two_sat.network.components import Components
from mechval.two_sat.single.subject import (
    Subject,
    find_witness,
    write_assignment,
    write_label,
)

RESIDUAL = "resid_mid"


@dataclass(frozen=True)
class ClauseReading:
    """What block 0 wrote at the second literal of a clause ``written``.

    ``read`` is the literal pair of the nearest prototype, ``cosine`` the similarity to it and
    ``margin`` by how much that exceeds the similarity to any other clause's prototypes. By head,
    ``own_attention`` is what block 0 gives there to the clause's two literals, ``answer_attention``
    what block 1 gives to that place from ``:``.
    """

    written: str
    read: str
    cosine: float
    margin: float
    own_attention: tuple[float, ...]
    answer_attention: tuple[float, ...]
    agrees: bool


@dataclass(frozen=True)
class NeuronActivity:
    """One evaluating neuron of block 1 at ``:``, with its post-ReLU activation.

    It fires from ``cut`` on and adds ``effect`` to the margin, the logit of s minus that of u;
    ``assignments`` are those it stands for, by the disjunctions; ``expected`` is whether it should
    be on, by each version of the program.
    """

    neuron: int
    activation: float
    cut: float
    fires: bool
    effect: float
    assignments: tuple[int, ...]
    expected: Mapping[Version, bool]


@dataclass(frozen=True)
class CellOutcome:
    """One distinct cell of one version of the program on this formula: its two sides.

    ``responsible`` is what a disagreement is due to, empty where there is none; ``wrong`` which
    side contradicts the formula itself (its clauses, or the solver's answer): network,
    interpretation, or nothing where they agree or the formula does not tell.
    """

    version: str
    axiom: str
    component: str
    disagrees: bool
    network: str
    program: str
    responsible: str
    wrong: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one formula.

    Attributes:
        tokens: what the network was given.
        n_written: clauses as written; the rest repeats the last one.
        n_swapped: clauses whose literals were put into the network's order.
        n_dimacs: how many variables there are, if they were written as DIMACS has them, else 0.
        assignments: all that satisfy the formula.
        reading: by which rules neurons are read: calibrated if the circuit has them, as the
            constants of the paper suit one network only.
        token: the network's answer, the token with the largest logit; ``label`` is it in words.
        margin: the network's logit of s minus that of u: the sum of the effects of ``neurons``, of
            ``others``, the other neurons, and of ``direct``, the residual stream and biases.
        satisfiable: the solver's answer, with its ``witness``.
    """

    tokens: tuple[str, ...]
    n_written: int
    n_swapped: int
    n_dimacs: int
    clauses: tuple[ClauseReading, ...]
    assignments: tuple[str, ...]
    reading: ReadingName
    neurons: tuple[NeuronActivity, ...]
    token: str
    label: str
    margin: float
    direct: float
    others: float
    satisfiable: bool
    witness: str
    cells: tuple[CellOutcome, ...]


@torch.inference_mode()
def explain_formula(subject: Subject, written: WrittenFormula) -> Explanation:
    """Run one formula through the network, the programs and the solver."""
    problem, components = subject.problem, subject.components
    clause_ids = np.array(complete_formula(problem, written))
    tokens = encode_formulas(problem, torch.from_numpy(clause_ids)[None])
    resid = components.parse(tokens)
    answer = components.evaluate(resid)
    logits, vocabulary = components.answer_logits(answer)[0], components.vocabulary
    best, s = int(logits.argmax()), vocabulary.satisfiable
    satisfiable, witness = find_witness(problem, clause_ids)
    table = formula_truth(problem, clause_ids[None])[0]
    reading = main_reading(subject.circuit)
    effects = answer.hidden[0] * _effect_sizes(components)
    evaluating = subject.circuit.readings[reading].neurons
    margin = float(logits[s] - logits[vocabulary.unsatisfiable])
    return Explanation(
        tokens=tuple(vocabulary.symbols[token] for token in tokens[0].tolist()),
        n_written=len(written.clause_ids),
        n_swapped=written.n_swapped,
        n_dimacs=problem.n_variables if written.is_dimacs else 0,
        clauses=_read_clauses(subject, clause_ids, tokens, resid),
        assignments=tuple(write_assignment(a, problem) for a in table.nonzero()[0].tolist()),
        reading=reading,
        neurons=_read_neurons(subject, reading, tokens, answer.hidden[0], effects),
        token=vocabulary.symbols[best],
        label=write_label(best == s),
        margin=margin,
        direct=margin - float(effects.sum()),
        others=float(effects.sum() - effects[evaluating].sum()),
        satisfiable=satisfiable,
        witness=witness,
        cells=tuple(_examine(subject, reading, clause_ids)),
    )


def _effect_sizes(components: Components) -> Float[Tensor, " d_mlp"]:
    """What one unit of each neuron's activation adds to the margin."""
    model, vocabulary = components.model, components.vocabulary
    s, u = vocabulary.satisfiable, vocabulary.unsatisfiable
    return model.block(1).mlp.W_out @ (model.W_U[:, s] - model.W_U[:, u])


def _read_clauses(
    subject: Subject,
    clause_ids: Int[np.ndarray, " clause_position"],
    tokens: Int[Tensor, "1 pos"],
    resid: Float[Tensor, "1 pos d_model"],
) -> tuple[ClauseReading, ...]:
    problem, n = subject.problem, subject.problem.n_literals
    second = list(subject.components.layout.second_literal_positions)
    cosines = normalize(resid[0, second], dim=-1) @ normalize(subject.circuit.prototypes, dim=-1).T
    model = subject.components.model
    first_block = model.block(0).attn.pattern(model.embed(tokens), torch.tensor(second))[0]
    from_answer = subject.components.attend_from_answer(resid).pattern[0, :, 0]
    readings = []
    for place, (clause_id, cosine) in enumerate(zip(clause_ids.tolist(), cosines, strict=True)):
        own = first_block[:, place, [second[place] - 1, second[place]]].sum(dim=1)
        best = int(cosine.argmax())
        same = [best, best % n * n + best // n]
        is_other = torch.ones(n * n, dtype=torch.bool)
        is_other[same] = False
        written = write_clause(problem, clause_id)
        readings.append(
            ClauseReading(
                written=written,
                read=write_pair(problem, best),
                cosine=float(cosine[best]),
                margin=float(cosine[best] - cosine[is_other].max()),
                own_attention=tuple(own.tolist()),
                answer_attention=tuple(from_answer[:, second[place]].tolist()),
                agrees=written in [write_pair(problem, pair) for pair in same],
            )
        )
    return tuple(readings)


def _read_neurons(
    subject: Subject,
    name: ReadingName,
    tokens: Int[Tensor, "1 pos"],
    hidden: Float[Tensor, " d_mlp"],
    effects: Float[Tensor, " d_mlp"],
) -> tuple[NeuronActivity, ...]:
    circuit, problem = subject.circuit, subject.problem
    reading = circuit.readings[name]
    second = list(subject.components.layout.second_literal_positions)
    pairs = tokens[:, [place - 1 for place in second]] * problem.n_literals + tokens[:, second]
    expected: dict[Version, Bool[Tensor, " neuron"]] = {
        version: formula_evaluator(problem, program, tokens.device)(pairs)[0]
        for version, program in reading.programs.items()
    }
    assignments = reading.disjunctions.to_json()
    return tuple(
        NeuronActivity(
            neuron=neuron,
            activation=float(hidden[neuron]),
            cut=float(reading.levels.cut[index]),
            fires=bool(hidden[neuron] >= reading.levels.cut[index]),
            effect=float(effects[neuron]),
            assignments=tuple(assignments[index]),
            expected={version: bool(bits[index]) for version, bits in expected.items()},
        )
        for index, neuron in enumerate(reading.neurons.tolist())
    )


def _examine(
    subject: Subject, reading: ReadingName, clause_ids: Int[np.ndarray, " clause"]
) -> Iterator[CellOutcome]:
    """Every distinct cell of both versions, under one reading and the state γ_2 should put in."""
    for name, interpretation in subject.interpretations.items():
        tags = interpretation.tags
        if (tags["reading"], tags["residual"]) != (reading, RESIDUAL):
            continue
        for cell in distinct_cells(interpretation):
            facts, _, disagrees = subject.observe(name, cell, clause_ids)
            component = interpretation.components[cell.component - 1]
            wrong = ""
            if disagrees and (cell.axiom.is_replaceability or component == OUTPUT):
                is_network = facts.network != write_label(facts.satisfiable)
                wrong = "network" if is_network else "interpretation"
            elif disagrees and component == PARSE:
                wrong = "network"
            yield CellOutcome(
                version=tags["version"],
                axiom=cell.axiom,
                component=component,
                disagrees=disagrees,
                network=facts.network,
                program=facts.program,
                responsible=facts.responsible,
                wrong=wrong,
            )
