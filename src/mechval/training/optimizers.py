"""Optimizers by name: AdamW, or Muon for the binding matrices with AdamW for the rest."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from mechval.training.recipe import Recipe
from mechval.transformer import MLP, Transformer

USUAL_EPSILON = 1e-8
"""AdamW's, where the recipe says none."""


class ChainedOptimizers(Optimizer):
    """Several optimizers over disjoint parameters behind the interface of one. Lightning counts one
    global step per optimizer; a chain keeps a step a step."""

    def __init__(self, optimizers: Sequence[Optimizer]):
        self.optimizers = list(optimizers)
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        super().__init__([parameter for group in groups for parameter in group["params"]], {})
        self.param_groups = groups

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run the closure once, then step every optimizer."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {"chained": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for optimizer, state in zip(self.optimizers, state_dict["chained"], strict=True):
            optimizer.load_state_dict(state)
        self.param_groups = [
            group for optimizer in self.optimizers for group in optimizer.param_groups
        ]


def make_optimizer(model: Transformer, recipe: Recipe) -> Optimizer:
    """The optimizer that ``recipe`` names, over all weights that are not frozen."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if recipe.optimizer == "adamw":
        return _adamw(trained, recipe)
    binding = binding_matrices(model)
    chosen = {id(parameter) for parameter in binding}
    rest = [parameter for parameter in trained if id(parameter) not in chosen]
    muon = Muon(binding, lr=recipe.muon_learning_rate, weight_decay=recipe.muon_weight_decay)
    return ChainedOptimizers([muon, _adamw(rest, recipe)])


def binding_matrices(model: Transformer) -> list[nn.Parameter]:
    """Matrices of all attention layers and of every MLP but the last block's. The last MLP is left
    out because Muon spreads its work over many neurons with small weights, while AdamW's weight
    decay concentrates it."""
    n_blocks = len(model.blocks)
    attention = [
        matrix for index in range(n_blocks) for matrix in model.block(index).attn.parameters()
    ]
    mlps = [model.block(index).mlp for index in range(n_blocks - 1)]
    return attention + [matrix for mlp in mlps for matrix in (mlp.W_in, mlp.W_out)]


@torch.no_grad()
def shrink_neurons(mlp: MLP, amount: float) -> None:
    """Shorten every hidden neuron's weight vector (in, bias and out together) by ``amount``. A
    neuron that the loss does not hold against this reaches exactly zero and stays there: the step
    is the proximal operator of a group lasso over neurons, decoupled from the gradient as AdamW's
    weight decay is. ``amount``: Euclidean length taken off each neuron, not below zero."""
    length = torch.sqrt(
        mlp.W_in.square().sum(dim=0) + mlp.b_in.square() + mlp.W_out.square().sum(dim=1)
    )
    # Not 1 - amount / length: torch divides by multiplying with a reciprocal, which misses zero.
    factor = (length - amount).clamp(min=0) / length.clamp(min=1e-30)
    mlp.W_in.mul_(factor)
    mlp.b_in.mul_(factor)
    mlp.W_out.mul_(factor[:, None])


def _adamw(parameters: list[nn.Parameter], recipe: Recipe) -> AdamW:
    return AdamW(
        parameters,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        betas=recipe.betas,
        eps=recipe.epsilon or USUAL_EPSILON,
    )
