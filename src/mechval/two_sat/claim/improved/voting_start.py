"""Where the fit of a voting program starts: the program that the weights alone suggest."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.programs.voting import literals_of_clauses

FEATURE_SHARE = 0.999


@dataclass(frozen=True)
class VotingStart:
    """Real-valued tables, named as in the voting program, before any fitting.

    Votes and bias are in units of each neuron's cut; a feature's largest entry is 1.
    """

    salience: Float[Tensor, "head_index literal"]
    features: Float[Tensor, "clause feature"]
    votes: Float[Tensor, "neuron head_index feature"]
    bias: Float[Tensor, " neuron"]


@torch.no_grad()
def voting_start(
    model: Transformer, problem: Problem, circuit: Circuit, reading: Reading
) -> VotingStart:
    """Read block 1's attention scores and votes off the clause prototypes.

    Salience is the least-squares split of every clause's score, under the mean query at ``:``,
    into its literals. Features are the leading singular directions, over clauses, of what each
    head moves each neuron by: as many as carry 99.9 % of its variance.

    Raises:
        MechvalError: for a cut that is not positive.
    """
    _refuse_cut(reading)
    literals = torch.as_tensor(clause_literals(problem))
    pairs = literals[:, 0] * problem.n_literals + literals[:, 1]
    prototypes = circuit.prototypes[pairs]
    colon = circuit.mean_resid_post[FormulaLayout(problem).answer_position]
    pushes = _pushes(model, prototypes, reading.neurons) / reading.levels.cut
    centre = pushes.mean(dim=1, keepdim=True)
    loadings, sizes, directions = torch.linalg.svd(
        (pushes - centre).transpose(1, 2).flatten(0, 1), full_matrices=False
    )
    n_features = n_carrying(sizes.square())
    largest = directions[:n_features].abs().amax(dim=1)
    votes = (loadings[:, :n_features] * sizes[:n_features] * largest).unflatten(
        0, (len(pushes), -1)
    )
    return VotingStart(
        salience=_split_into_literals(problem, _scores(model, prototypes, colon)),
        features=(directions[:n_features] / largest[:, None]).T.contiguous(),
        votes=votes.transpose(0, 1).contiguous(),
        bias=centre[:, 0].sum(dim=0) - 1,
    )


def _scores(
    model: Transformer,
    prototypes: Float[Tensor, "clause d_model"],
    colon: Float[Tensor, " d_model"],
) -> Float[Tensor, "head_index clause"]:
    attn = model.block(1).attn
    queries = torch.einsum("d,hde->he", colon, attn.W_Q)
    keys = torch.einsum("cd,hde->hce", prototypes, attn.W_K)
    return torch.einsum("he,hce->hc", queries, keys) / math.sqrt(attn.d_head)


def _pushes(
    model: Transformer,
    prototypes: Float[Tensor, "clause d_model"],
    neurons: Int[Tensor, " neuron"],
) -> Float[Tensor, "head_index clause neuron"]:
    attn, mlp = model.block(1).attn, model.block(1).mlp
    moved = torch.einsum("cd,hde,hem->hcm", prototypes, attn.W_V, attn.W_O)
    return moved @ mlp.W_in[:, neurons]


def _split_into_literals(
    problem: Problem, scores: Float[Tensor, "head_index clause"]
) -> Float[Tensor, "head_index literal"]:
    contains = literals_of_clauses(problem).double()
    centred = (scores - scores.mean(dim=1, keepdim=True)).double()
    return (centred @ torch.linalg.pinv(contains).T).float()


def n_carrying(variances: Float[Tensor, " direction"]) -> int:
    """How many of the leading directions carry ``FEATURE_SHARE`` of the variance."""
    reached = variances.double().cumsum(0) < FEATURE_SHARE * variances.double().sum()
    return int(reached.sum()) + 1


def _refuse_cut(reading: Reading) -> None:
    smallest = float(reading.levels.cut.min())
    if smallest <= 0:
        raise MechvalError(f"cut={smallest} of a neuron is not allowed; allowed: above 0.")
