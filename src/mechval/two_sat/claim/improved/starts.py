"""Where fits of voting and mirrored programs start: at the program that the weights suggest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.problem import Problem, clause_pairs
from mechval.two_sat.programs.mirrored import TABLES, Mirrors, monomials_of
from mechval.two_sat.programs.voting import literals_of_clauses


@dataclass(frozen=True)
class VotingStart:
    """Real-valued tables, named as in the voting program, before any fitting. Votes and bias are in
    units of each neuron's cut; a feature's largest entry is 1."""

    salience: Float[Tensor, "head_index literal"]
    features: Float[Tensor, "clause feature"]
    votes: Float[Tensor, "neuron head_index feature"]
    bias: Float[Tensor, " neuron"]


@torch.no_grad()
def voting_start(
    model: Transformer, problem: Problem, circuit: Circuit, reading: Reading, share: float
) -> VotingStart:
    """Read block 1's attention scores and votes off the clause prototypes. Salience is the
    least-squares split of every clause's score, under the mean query at ``:``, into its literals.
    Features are the leading singular directions, over clauses, of what each head moves each neuron
    by: as many as carry this ``share`` of its variance. Raises MechvalError for a cut that is not
    positive."""
    smallest = float(reading.levels.cut.min())
    if smallest <= 0:
        raise MechvalError(f"cut={smallest} of a neuron is not allowed; allowed: above 0.")
    prototypes = circuit.prototypes[torch.from_numpy(clause_pairs(problem))]
    colon = circuit.mean_resid_post[FormulaLayout(problem).answer_position]
    attn, mlp = model.block(1).attn, model.block(1).mlp
    moved = torch.einsum("cd,hde,hem->hcm", prototypes, attn.W_V, attn.W_O)
    pushes = moved @ mlp.W_in[:, reading.neurons] / reading.levels.cut
    centre = pushes.mean(dim=1, keepdim=True)
    features, votes = _leading((pushes - centre).transpose(1, 2).flatten(0, 1), share)
    return VotingStart(
        salience=_salience(model, problem, prototypes, colon),
        features=features,
        votes=votes.unflatten(0, (len(pushes), -1)).transpose(0, 1).contiguous(),
        bias=centre[:, 0].sum(dim=0) - 1,
    )


def _salience(
    model: Transformer,
    problem: Problem,
    prototypes: Float[Tensor, "clause d_model"],
    colon: Float[Tensor, " d_model"],
) -> Float[Tensor, "head_index literal"]:
    """Attention scores of all clauses, split into those of their literals."""
    attn = model.block(1).attn
    queries = torch.einsum("d,hde->he", colon, attn.W_Q)
    keys = torch.einsum("cd,hde->hce", prototypes, attn.W_K)
    scores = torch.einsum("he,hce->hc", queries, keys) / math.sqrt(attn.d_head)
    contains = literals_of_clauses(problem).double()
    centred = (scores - scores.mean(dim=1, keepdim=True)).double()
    return (centred @ torch.linalg.pinv(contains).T).float()


@dataclass(frozen=True)
class MirroredStart:
    """Mirrors, and real-valued tables before any fitting: no corrections."""

    mirrors: Mirrors
    tables: Mapping[str, Tensor]


@torch.no_grad()
def mirrored_start(
    problem: Problem,
    start: VotingStart,
    assignments: Bool[Tensor, "neuron assignment"],
    share: float,
) -> MirroredStart:
    """Say a voting start with mirrors, as well as that goes. What each head moves each neuron by is
    regressed on the monomials of the neurons' assignments. A head's mirror is the set of flips that
    makes its coefficients most like the first head's (largest inner product); tables are averages
    over the heads, seen from the first one. Features are the leading singular directions of the
    averaged coefficients over clauses, as many as carry this ``share`` of their variance."""
    n_heads, n_variables = len(start.salience), problem.n_variables
    unflipped = torch.zeros(n_heads, n_variables, dtype=torch.bool)
    monomials = Mirrors(problem, unflipped, assignments).monomials
    pushes = torch.einsum("nhf,cf->nhc", start.votes, start.features)
    inverse = torch.linalg.pinv(monomials)
    moved = torch.einsum("mn,nhc->hmc", inverse, pushes)
    mirrors = Mirrors(problem, _flips(problem, moved), assignments)
    average = _seen_from_the_first(mirrors, moved).mean(dim=0)
    features, votes = _leading(average, share)
    salience = start.salience.gather(1, mirrors.literals).mean(dim=0)
    bias = inverse @ start.bias
    sizes_of_axes = mirrors.axis_sizes(features.shape[1])
    tables = {
        name: torch.zeros([sizes_of_axes[axis] for axis in axes]) for name, axes in TABLES.items()
    } | {
        "salience": salience,
        "features": features,
        "votes": votes,
        "bias": bias,
        "bias_of_neuron": start.bias - monomials @ bias,
    }
    return MirroredStart(mirrors, tables)


def _leading(
    moved: Float[Tensor, "row clause"], share: float
) -> tuple[Float[Tensor, "clause feature"], Float[Tensor, "row feature"]]:
    """The leading directions over clauses, as many as carry this share of the variance, as
    features; and each row's votes on them."""
    loadings, sizes, directions = torch.linalg.svd(moved, full_matrices=False)
    variances = sizes.square().double()
    kept = int((variances.cumsum(0) < share * variances.sum()).sum()) + 1
    largest = directions[:kept].abs().amax(dim=1)
    features = (directions[:kept] / largest[:, None]).T.contiguous()
    return features, loadings[:, :kept] * sizes[:kept] * largest


def _flips(
    problem: Problem, moved: Float[Tensor, "head_index monomial clause"]
) -> Bool[Tensor, "head_index variable"]:
    """For every head, of all sets of variables the one whose flips make it most like the first."""
    rows = torch.arange(problem.n_assignments)[:, None]
    every = ((rows >> torch.arange(problem.n_variables)) & 1).bool()
    nobody = torch.zeros(0, problem.n_assignments, dtype=torch.bool)
    mirrors = Mirrors(problem, every, nobody)
    chosen = []
    for own in moved:
        seen = _seen_from_the_first(mirrors, own.expand(len(every), -1, -1))
        chosen.append(int((seen * moved[0]).sum(dim=(1, 2)).argmax()))
    return every[chosen]


def _seen_from_the_first(
    mirrors: Mirrors, moved: Float[Tensor, "mirror monomial clause"]
) -> Float[Tensor, "mirror monomial clause"]:
    """A flip is its own inverse, so what a head sees and what the first sees swap places."""
    clauses = mirrors.clauses[:, None].expand(-1, moved.shape[1], -1)
    return monomials_of(mirrors.signs)[:, :, None] * moved.gather(2, clauses)
