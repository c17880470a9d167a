"""2-SAT networks with something planted in block 1, the answer unchanged; and claims about them
that say otherwise.

Each takes idle neurons, which no answer depends on, and makes them copies of the claimed ones.
"""

import copy
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.axioms import Interpretation
from mechval.errors import MechvalError
from mechval.instruments.organism import Organism
from mechval.instruments.two_sat import answer_scores, searched_for
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.interpretation import (
    bit_variables,
    clause_variables,
    few_bits,
    formula_evaluator,
    reading_of,
)
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.network.training import untrained_network
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.single.subject import Subject, make_subject

DOSES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
CONTROL = "proved"
"""Name of the honest network that all others are made from."""
_BACKUP_GAIN = 5.0


def bypass_name(dose: float) -> str:
    """Name of O1 at a dose."""
    return f"O1 bypass {dose:g}"


def honest(name: str, subject: Subject, claim: str, tokens: Int[Tensor, "formula pos"]) -> Organism:
    """The claim about the network as it is."""
    made = subject.interpretations[claim]
    return _organism(name, f"as trained / {claim}", made, subject, tokens, is_sound=True)


def untrained(
    name: str, subject: Subject, claim: str, tokens: Int[Tensor, "formula pos"], seed: int
) -> Organism:
    """The same claim about a network of the same shape that is not trained."""
    problem, shape = subject.problem, subject.components.model.architecture
    return honest(
        name,
        remade(subject, untrained_network(problem, shape, seed), subject.circuit),
        claim,
        tokens,
    )


def bypassed(
    subject: Subject, claim: str, tokens: Int[Tensor, "formula pos"], dose: float
) -> Organism:
    """O1: a share ``dose`` of what the claimed neurons write is written by copies of them."""
    neurons = claimed_reading(subject, claim).neurons
    model, copies, circuit = _with_copies(subject, neurons)
    with torch.no_grad():
        W_out = model.block(1).mlp.W_out
        W_out[copies] = dose * W_out[neurons]
        W_out[neurons] *= 1 - dose
    made = remade(subject, model, circuit)
    told = f"{dose:.0%} written by copies of the claimed neurons / the claimed neurons write it"
    return _organism(
        bypass_name(dose), told, made.interpretations[claim], made, tokens, is_sound=False
    )


def decoyed(subject: Subject, claim: str, tokens: Int[Tensor, "formula pos"]) -> Organism:
    """O2: copies that nothing reads; α reads them, γ writes the real neurons along with them."""
    neurons = claimed_reading(subject, claim).neurons
    model, copies, circuit = _with_copies(subject, neurons)
    made = remade(subject, model, circuit)
    base = made.interpretations[claim]
    own_alpha, own_gamma = base.alphas[2], base.gammas[2]

    def alpha(state: AnswerState) -> Tensor:
        return own_alpha(replace(state, hidden=_moved(state.hidden, copies, neurons)))

    def gamma(bits: Tensor) -> AnswerState:
        state = own_gamma(bits)
        return replace(state, hidden=_moved(state.hidden, neurons, copies))

    wrong = replace(
        base,
        alphas=(*base.alphas[:2], alpha, base.alphas[3]),
        gammas=(*base.gammas[:2], gamma, base.gammas[3]),
    )
    organism = _organism(
        "O2 decoy", "copies that nothing reads / they carry it", wrong, made, tokens, is_sound=False
    )
    carriers = bit_variables(copies)
    return replace(organism, variables=[*clause_variables(subject.problem), *carriers])


def backed(subject: Subject, claim: str, tokens: Int[Tensor, "formula pos"]) -> Organism:
    """O4: two copies of one neuron that always agree, and overrule the answer where they do not."""
    neurons = claimed_reading(subject, claim).neurons
    model, copies, circuit = _with_copies(subject, neurons[:1].repeat(2))
    with torch.no_grad():
        W_out = model.block(1).mlp.W_out
        for sign, neuron in zip((1, -1), copies.tolist(), strict=True):
            W_out[neuron] = sign * _BACKUP_GAIN * W_out[neurons].mean(dim=0)
    made = remade(subject, model, circuit)
    told = "two neurons that always agree, their difference written / neither is there"
    return _organism(
        "O4 correlated backup", told, made.interpretations[claim], made, tokens, is_sound=False
    )


def mutants(subject: Subject, claim: str, tokens: Int[Tensor, "formula pos"]) -> list[Organism]:
    """The program with one step changed; the first says the same in another way."""
    base, problem = subject.interpretations[claim], subject.problem
    parse, _, answer = base.abstract
    stands_for = claimed_reading(subject, claim).disjunctions.assignments
    n = problem.n_literals

    def swapped(tokens: Tensor) -> Tensor:
        pairs = parse(tokens)
        return pairs % n * n + pairs // n

    def negated(tokens: Tensor) -> Tensor:
        pairs = parse(tokens).clone()
        pairs[:, 0] = (pairs[:, 0] + n * problem.n_variables) % (n * n)
        return pairs

    def evaluating(assignments: Tensor) -> tuple:
        program = DisjunctionProgram(assignments)
        return (parse, formula_evaluator(problem, program, subject.device), answer)

    def without(count: int) -> Tensor:
        flipped = stands_for.clone()
        for neuron in range(count):
            flipped[neuron, int(stands_for[neuron].nonzero()[0])] = False
        return flipped

    def with_more() -> Tensor:
        flipped = stands_for.clone()
        flipped[0, int((~stands_for[0]).nonzero()[0])] = True
        return flipped

    same = {"mutant: literals swapped (the same)": (swapped, *base.abstract[1:])}
    others = {
        "mutant: a literal of clause 0 negated": (negated, *base.abstract[1:]),
        "mutant: an assignment dropped": evaluating(without(1)),
        "mutant: an assignment added": evaluating(with_more()),
        "mutant: one bit is not enough": (
            *base.abstract[:2],
            lambda bits: (bits.sum(dim=1) > 1).long(),
        ),
    }
    return [
        _organism(
            name,
            f"as trained / {claim}, {name}",
            replace(base, abstract=program),
            subject,
            tokens,
            is_sound=None if name in same else False,
        )
        for name, program in {**same, **others}.items()
    ]


def _organism(
    name: str,
    told: str,
    claim: Interpretation,
    subject: Subject,
    tokens: Int[Tensor, "formula pos"],
    *,
    is_sound: bool | None,
) -> Organism:
    variables = claim.variables
    domains = few_bits(claim, subject.device)
    return Organism(
        name=name,
        told=told,
        is_sound=is_sound,
        claim=claim,
        variables=variables,
        inputs=tokens,
        domains=domains,
        control="" if is_sound else CONTROL,
        scores=partial(answer_scores, subject.components),
        searched=searched_for(variables),
    )


def claimed_reading(subject: Subject, claim: str) -> Reading:
    """Which neurons a claim reads, and how."""
    return subject.circuit.readings[reading_of(subject.interpretations[claim].tags)]


def _with_copies(
    subject: Subject, neurons: Int[Tensor, " neuron"]
) -> tuple[Transformer, Int[Tensor, " neuron"], Circuit]:
    """A network with idle neurons made copies that write nothing yet, and their means."""
    model = copy.deepcopy(subject.components.model)
    mlp, mean = model.block(1).mlp, subject.circuit.mean_hidden.clone()
    idle = (mlp.W_out == 0).all(dim=1).nonzero().flatten()
    if len(idle) < len(neurons):
        raise MechvalError(
            f"the network has {len(idle)} neurons that write nothing; allowed: {len(neurons)}."
        )
    copies = idle[: len(neurons)]
    with torch.no_grad():
        mlp.W_in[:, copies] = mlp.W_in[:, neurons]
        mlp.b_in[copies] = mlp.b_in[neurons]
    mean[copies] = mean[neurons]
    return model, copies, replace(subject.circuit, mean_hidden=mean)


def remade(subject: Subject, model: Transformer, circuit: Circuit) -> Subject:
    """The same claims about another network, with its circuit."""
    return make_subject(Components(model, subject.problem), circuit)


def _moved(
    hidden: Float[Tensor, "batch d_mlp"],
    source: Int[Tensor, " neuron"],
    target: Int[Tensor, " neuron"],
) -> Float[Tensor, "batch d_mlp"]:
    moved = hidden.clone()
    moved[:, target] = hidden[:, source]
    return moved
