"""Count, mean, spread and range of values that arrive batch by batch, in groups."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.reporting.tables import Row


@dataclass
class Moments:
    """Running moments in float64; ``part`` is whatever a neuron is taken apart into."""

    n: Float[Tensor, "group part neuron"]
    total: Float[Tensor, "group part neuron"]
    squares: Float[Tensor, "group part neuron"]
    smallest: Float[Tensor, "group part neuron"]
    largest: Float[Tensor, "group part neuron"]

    @classmethod
    def empty(cls, n_groups: int, n_parts: int, n_neurons: int) -> "Moments":
        """Nothing counted yet."""
        zeros = torch.zeros(n_groups, n_parts, n_neurons, dtype=torch.float64)
        return cls(
            zeros.clone(),
            zeros.clone(),
            zeros.clone(),
            torch.full_like(zeros, torch.inf),
            torch.full_like(zeros, -torch.inf),
        )

    def add(
        self,
        group: int,
        values: Float[Tensor, "sample part neuron"],
        chosen: Bool[Tensor, "sample part neuron"],
    ) -> None:
        """Count the chosen values into one group."""
        kept = values.where(chosen, 0.0)
        self.n[group] += chosen.sum(dim=0)
        self.total[group] += kept.sum(dim=0)
        self.squares[group] += kept.square().sum(dim=0)
        low = values.where(chosen, torch.inf).amin(dim=0)
        high = values.where(chosen, -torch.inf).amax(dim=0)
        self.smallest[group] = torch.minimum(self.smallest[group], low)
        self.largest[group] = torch.maximum(self.largest[group], high)

    def columns(self, index: tuple[int, int, int], prefix: str = "") -> Row:
        """One cell that has values, as columns of a table."""
        mean = float(self.total[index] / self.n[index])
        variance = float(self.squares[index] / self.n[index]) - mean**2
        return {
            f"{prefix}mean": mean,
            f"{prefix}sd": max(variance, 0.0) ** 0.5,
            f"{prefix}smallest": float(self.smallest[index]),
            f"{prefix}largest": float(self.largest[index]),
        }
