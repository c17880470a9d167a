"""Networks set by hand that do what the paper says, slightly disturbed, and faults to plant."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from mechval.transformer import Architecture, Transformer, save_weights
from mechval.two_sat.certify.theorem.listing import Listing, save_listing
from mechval.two_sat.certify.theorem.neurons import falsified_clauses
from mechval.two_sat.certify.theorem.prover import prove_theorem
from mechval.two_sat.certify.theorem.theorem import THEOREM, Theorem, circuit_digest
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.circuit.files import save_circuit
from mechval.two_sat.configs import CircuitConfig
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import make_network
from mechval.two_sat.problem import Problem, clause_literals

FOUR, FIVE = (Problem(n_variables=3, n_clauses=m) for m in (4, 5))
FOCUS, NOISE = 20.0, 0.0001
D_MODEL, D_MLP = 40, 14
# Dimensions of the residual stream, after the tokens' own.
PLACE, SECOND, CONSTANT, ANSWER, LITERAL, CLAUSE, YES, NO = 12, 17, 18, 19, 20, 26, 38, 39
ON, PUSH = 4.0, 6.0
Fault = Callable[[Transformer], object]


def proper_network(problem: Problem, seed: int, noise: float = NOISE) -> Transformer:
    """Block 0 recognises clauses, block 1 counts them, its neurons judge the counts."""
    model = make_network(problem, Architecture(d_model=D_MODEL, d_mlp=D_MLP, n_heads=(1, 4)))
    generator = torch.Generator().manual_seed(seed)
    clauses = torch.as_tensor(clause_literals(problem))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, noise, generator=generator)
        _set_embeddings(model, problem)
        _set_first_block(model, clauses)
        _set_second_block(model, problem)
    return model


def _set_embeddings(model: Transformer, problem: Problem) -> None:
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    model.W_E[:12, :12] += torch.eye(12)
    constant = [vocabulary.left_parenthesis, vocabulary.right_parenthesis, vocabulary.colon]
    model.W_E[constant, CONSTANT] += 1
    for k in range(problem.n_clauses):
        model.W_pos[[4 * k + 1, 4 * k + 2], PLACE + k] += 1
    model.W_pos[list(layout.second_literal_positions), SECOND] += 1
    model.W_pos[layout.answer_position, ANSWER] += 1
    model.W_U[YES, vocabulary.satisfiable] += 2
    model.W_U[NO, vocabulary.unsatisfiable] += 2


def _set_first_block(model: Transformer, clauses: Int[torch.Tensor, "clause 2"]) -> None:
    attn, mlp = model.block(0).attn, model.block(0).mlp
    for k in range(5):
        attn.query[PLACE + k, k] += FOCUS * attn.d_head**0.5
        attn.key[PLACE + k, k] += 1
    attn.query[ANSWER, 5] += FOCUS * attn.d_head**0.5
    attn.key[CONSTANT, 5] += 1
    for literal in range(6):
        attn.value[literal, literal] += 1
        attn.output[literal, LITERAL + literal] += 2
    for clause, (first, second) in enumerate(clauses.tolist()):
        mlp.W_in[[LITERAL + first, LITERAL + second], clause] += 1
        mlp.b_in[clause] -= 1
        mlp.W_out[clause, CLAUSE + clause] += 1


def _set_second_block(model: Transformer, problem: Problem) -> None:
    attn, mlp = model.block(1).attn, model.block(1).mlp
    for head in range(4):
        column = head * attn.d_head
        attn.query[ANSWER, column] += FOCUS * attn.d_head**0.5
        attn.key[[SECOND, ANSWER], column] += 1
        for clause in range(3 * head, 3 * head + 3):
            attn.value[CLAUSE + clause, column + clause % 3] += 1
            attn.output[column + clause % 3, CLAUSE + clause] += problem.n_clauses + 1
    falsified = falsified_clauses(problem)
    mlp.W_in[CLAUSE : CLAUSE + 12, :8] -= PUSH * falsified.T
    mlp.b_in[:8] += ON
    mlp.W_out[:8, YES] += 1
    mlp.b_out[NO] += 1
    mlp.W_in[:, 8:], mlp.b_in[8:] = 0, 0


def all_formulas(problem: Problem) -> Int[np.ndarray, "formula clause_position"]:
    """Every formula, in order."""
    shape = (problem.n_distinct_clauses,) * problem.n_clauses
    return np.stack(np.unravel_index(np.arange(problem.n_formulas), shape), axis=1)


def n_wrong_answers(model: Transformer, problem: Problem) -> int:
    """On how many of all formulas the network's label is not the truth."""
    return sum(_wrong_answers(model, problem))


def is_ever_wrong(model: Transformer, problem: Problem) -> bool:
    """Whether there is such a formula; looks no further than the first ones."""
    return any(_wrong_answers(model, problem))


def _wrong_answers(model: Transformer, problem: Problem) -> Iterator[int]:
    """How many there are in each of the parts that all formulas are split into."""
    components, formulas = Components(model, problem), all_formulas(problem)
    for chunk in np.array_split(formulas, max(1, len(formulas) // 8192)):
        tokens = encode_formulas(problem, torch.tensor(chunk))
        with torch.inference_mode():
            labels = components.output(components.evaluate(components.parse(tokens))).numpy()
        yield int((labels != is_satisfiable(truth_tables(problem, chunk))).sum())


def circuit_of(model: Transformer, problem: Problem) -> Circuit:
    """The circuit as its stage extracts it, from formulas of which half are satisfiable."""
    drawn = np.random.default_rng(0).integers(
        0, problem.n_distinct_clauses, (60_000, problem.n_clauses)
    )
    satisfiable = is_satisfiable(truth_tables(problem, drawn))
    n = min(2000, int((~satisfiable).sum()))
    kept = np.concatenate([np.flatnonzero(satisfiable)[:n], np.flatnonzero(~satisfiable)[:n]])
    split = Split(drawn[kept].astype(np.uint8), satisfiable[kept])
    return extract_circuit(
        Components(model, problem),
        split,
        config=CircuitConfig(readings=("calibrated", "paper"), max_leaves=4),
        seed=0,
    )


def proved(
    model: Transformer,
    problem: Problem,
    folder: Path,
    circuit: Circuit | None = None,
    listing: Listing | None = None,
) -> Theorem:
    """The theorem of a network, with its weights, circuit and files in a folder."""
    circuit = circuit or circuit_of(model, problem)
    save_circuit(circuit, folder)
    save_weights(model, folder / "weights.safetensors")
    theorem = prove_theorem(model, problem, circuit, circuit_digest(folder), listing)
    if listing is not None:
        save_listing(listing, folder)
    THEOREM.write(theorem, folder)
    return theorem


def changed(model: Transformer, fault: Fault) -> Transformer:
    """The network with a fault, changed in place."""
    with torch.no_grad():
        fault(model)
    return model


FAULTS: dict[str, Fault] = {
    "a neuron forgets a clause": lambda model: _forget(model, 0),
    "a neuron is never on": lambda model: model.block(1).mlp.b_in[3].sub_(6),
    "a neuron argues against": lambda model: model.block(1).mlp.W_out[5, YES].neg_(),
    "a third token leads": lambda model: model.W_U[YES, 2].add_(3),
    "a clause position looks elsewhere": lambda model: _misplace(model),
    "a literal is not copied": lambda model: model.block(0).attn.value[4].zero_(),
}


def _forget(model: Transformer, neuron: int) -> None:
    weights = model.block(1).mlp.W_in
    clause = int((weights[CLAUSE : CLAUSE + 12, neuron] < -1).nonzero()[0])
    weights[CLAUSE + clause, neuron] = 0


def _misplace(model: Transformer) -> None:
    query = model.block(0).attn.query
    query[PLACE + 3] = query[PLACE + 2].clone()
