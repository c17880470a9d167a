"""The parse component's γ with prototypes by position, and with the literal counts at ``:``.

A prototype of the paper is the same at every clause position, though position embeddings are not.

In block 0 the answer position attends to all positions nearly alike, so what it holds is, to first
order, a sum over the literals of the formula. The paper's γ_1 puts its mean there instead; on
the published model that one position causes nearly all of parse's disagreements.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.network.activations import token_batches
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem, clause_literals


@dataclass(frozen=True)
class PositionedParser(ClauseParser):
    """Cut 1 as in the paper, but γ_1 writes at each clause position a prototype of its own.

    Attributes:
        by_position: see ``prototypes_by_position``.
    """

    by_position: Float[Tensor, "clause_position pair d_model"]

    def gamma(
        self, pairs: Int[Tensor, "batch clause_position"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Mean residuals, with the positions' own prototypes at the second literals (γ_1)."""
        return _with_own_prototypes(super().gamma(pairs), pairs, self)


@dataclass(frozen=True)
class CountingParser(ClauseParser):
    """Cut 1 as in the paper, but γ_1 writes the formula's literal counts at ``:``.

    Attributes:
        colon: residual stream at ``:`` of a formula without literals, then what each literal adds.
    """

    colon: Float[Tensor, "coefficient d_model"]

    def gamma(
        self, pairs: Int[Tensor, "batch clause_position"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Mean residuals, prototypes at the second literals, literal counts at ``:`` (γ_1)."""
        resid = super().gamma(pairs)
        literals = torch.cat([pairs // self.problem.n_literals, pairs % self.problem.n_literals], 1)
        answer = FormulaLayout(self.problem).answer_position
        resid[:, answer] = _with_constant(self.problem, literals) @ self.colon
        return resid


@dataclass(frozen=True)
class PositionedCountingParser(CountingParser):
    """Both: prototypes by position, and the literal counts at ``:``."""

    by_position: Float[Tensor, "clause_position pair d_model"]

    def gamma(
        self, pairs: Int[Tensor, "batch clause_position"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Mean residuals, the positions' own prototypes, literal counts at ``:`` (γ_1)."""
        return _with_own_prototypes(super().gamma(pairs), pairs, self)


@torch.inference_mode()
def fit_colon(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> Float[Tensor, "coefficient d_model"]:
    """Regress the residual stream at ``:`` after block 0 on the literal counts.

    Least squares on the fitting split, in float64. A formula's counts add up to a constant, so of
    all solutions the shortest one is taken.
    """
    components = Components(model.to(device), problem)
    answer = components.layout.answer_position
    resid = torch.cat(
        [
            # A clone, because a view would keep all positions in memory.
            components.parse(tokens)[:, answer].clone().cpu()
            for tokens, _ in token_batches(problem, split, device, "residuals at ':'")
        ]
    )
    written = torch.as_tensor(clause_literals(problem))[torch.from_numpy(split.clause_ids).long()]
    counts = _with_constant(problem, written.flatten(1))
    gram, moments = counts.double().T @ counts.double(), counts.double().T @ resid.double()
    return (torch.linalg.pinv(gram, hermitian=True) @ moments).float()


def _with_own_prototypes(
    resid: Float[Tensor, "batch pos d_model"],
    pairs: Int[Tensor, "batch clause_position"],
    parser: PositionedParser | PositionedCountingParser,
) -> Float[Tensor, "batch pos d_model"]:
    second = list(FormulaLayout(parser.problem).second_literal_positions)
    clause = torch.arange(len(second), device=pairs.device)
    resid[:, second] = parser.by_position[clause, pairs]
    return resid


def _with_constant(
    problem: Problem, literals: Int[Tensor, "batch written"]
) -> Float[Tensor, "batch coefficient"]:
    one_hot = torch.nn.functional.one_hot(literals, problem.n_literals)
    return torch.nn.functional.pad(one_hot.sum(dim=1).float(), (1, 0), value=1.0)
