"""Where the fit of a mirrored program starts: mirrors and tables that the weights suggest."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.two_sat.claim.improved.voting_start import VotingStart, n_carrying
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.mirrored import TABLES, Mirrors, monomials_of


@dataclass(frozen=True)
class MirroredStart:
    """Mirrors, and real-valued tables before any fitting: no corrections."""

    mirrors: Mirrors
    tables: Mapping[str, Tensor]


@torch.no_grad()
def mirrored_start(
    problem: Problem, start: VotingStart, assignments: Bool[Tensor, "neuron assignment"]
) -> MirroredStart:
    """Say a voting start with mirrors, as well as that goes.

    What each head moves each neuron by is regressed on the monomials of the neurons' assignments.
    A head's mirror is the set of flips that makes its coefficients most like the first head's
    (largest inner product); tables are averages over the heads, seen from the first one. Features
    are the leading singular directions of the averaged coefficients over clauses.
    """
    n_heads, n_variables = len(start.salience), problem.n_variables
    unflipped = torch.zeros(n_heads, n_variables, dtype=torch.bool)
    monomials = Mirrors(problem, unflipped, assignments).monomials
    pushes = torch.einsum("nhf,cf->nhc", start.votes, start.features)
    inverse = torch.linalg.pinv(monomials)
    moved = torch.einsum("mn,nhc->hmc", inverse, pushes)
    mirrors = Mirrors(problem, _flips(problem, moved), assignments)
    average = _seen_from_the_first(mirrors, moved).mean(dim=0)
    loadings, sizes, directions = torch.linalg.svd(average, full_matrices=False)
    kept = n_carrying(sizes.square())
    largest = directions[:kept].abs().amax(dim=1)
    salience = start.salience.gather(1, mirrors.literals).mean(dim=0)
    bias = inverse @ start.bias
    sizes_of_axes = mirrors.axis_sizes(kept)
    tables = {
        name: torch.zeros([sizes_of_axes[axis] for axis in axes]) for name, axes in TABLES.items()
    } | {
        "salience": salience,
        "features": (directions[:kept] / largest[:, None]).T.contiguous(),
        "votes": loadings[:, :kept] * sizes[:kept] * largest,
        "bias": bias,
        "bias_of_neuron": start.bias - monomials @ bias,
    }
    return MirroredStart(mirrors, tables)


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
