"""What a training run does, as data."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mechval.config import Config

Beta = Annotated[float, Field(ge=0, lt=1)]


class Recipe(Config):
    """One training phase: how many examples, in which batches, with which optimizer.

    ``adamw`` is the paper's recipe (section 4). ``muon`` orthogonalises the updates of
    the matrices that have to learn to bind tokens (attention, and the MLPs below the last block)
    and leaves everything else to AdamW. ``neuron_decay`` shrinks each hidden neuron of the last
    MLP as a whole (see :func:`mechval.training.optimizers.shrink_neurons`).
    Manifests leave out what is null.
    """

    examples: int = Field(ge=1, description="a positive number of training examples")
    batch_size: int = Field(ge=1, description="a positive number of examples per step")
    optimizer: Literal["adamw", "muon"] = Field(description="adamw or muon")
    learning_rate: float = Field(gt=0, description="a positive number")
    weight_decay: float = Field(ge=0, description="a number of at least 0")
    betas: tuple[Beta, Beta] = Field(description="two numbers in [0, 1)")
    epsilon: float | None = Field(
        default=None,
        gt=0,
        description="null (1e-8), or a positive number: what AdamW adds to the root mean square "
        "of a weight's gradient before it divides by it",
    )
    muon_learning_rate: float = Field(gt=0, description="a positive number")
    muon_weight_decay: float = Field(ge=0, description="a number of at least 0")
    neuron_decay: float = Field(ge=0, description="a number of at least 0")
    neuron_decay_until: float = Field(
        gt=0,
        le=1,
        description="the fraction of the run after which neuron_decay stops",
    )
    warmup_steps: int = Field(ge=0, description="a number of steps of at least 0")
    rate_held_for_steps: int = Field(
        ge=1, description="a positive number of steps between changes of the rate"
    )
    decay_from: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="null, or the fraction of the run after which the rate falls",
    )
    evaluate_every_steps: int = Field(ge=1, description="a positive number of steps")
    evaluation_examples: int = Field(
        ge=1, description="a positive number of selection examples per evaluation"
    )
    checkpoint: Literal["last", "best"] = Field(
        description="last, or best (highest accuracy on the selection split)"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        description="auto (bfloat16 where the device multiplies it), float32 or bfloat16",
    )
    n_snapshots: int = Field(ge=1, description="a positive number of weight snapshots")

    @model_validator(mode="after")
    def _long_enough_to_be_evaluated(self) -> "Recipe":
        if self.n_steps < self.evaluate_every_steps:
            raise ValueError(
                f"examples={self.examples} must cover evaluate_every_steps="
                f"{self.evaluate_every_steps} batches of batch_size={self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _warms_up_within_its_steps(self) -> "Recipe":
        if self.warmup_steps > self.n_steps:
            raise ValueError(
                f"warmup_steps={self.warmup_steps} must be at most the {self.n_steps} steps of "
                f"examples={self.examples} in batches of batch_size={self.batch_size}"
            )
        return self

    @property
    def n_steps(self) -> int:
        """Optimizer steps of the run; a last incomplete batch is left out."""
        return self.examples // self.batch_size

    def rate_factor(self, step: int) -> float:
        """Factor on every learning rate at ``step`` (0-based): linear warm-up and linear decay."""
        held = step - step % self.rate_held_for_steps
        warmup = min(1.0, held / self.warmup_steps) if self.warmup_steps else 1.0
        if self.decay_from is None:
            return warmup
        start = self.decay_from * self.n_steps
        return warmup * min(1.0, (self.n_steps - held) / (self.n_steps - start))

    def neuron_decay_at(self, step: int) -> float:
        """Neuron decay per unit of learning rate at ``step`` (0-based)."""
        return self.neuron_decay if step < self.neuron_decay_until * self.n_steps else 0.0


class Descent(Config):
    """A phase whose loss draws its own examples: AdamW, no decay, linear warm-up, cosine to 0."""

    steps: int = Field(ge=1, description="an integer from 1 up")
    learning_rate: float = Field(gt=0, description="a positive number")
    warmup_steps: int = Field(ge=0, description="a number of steps of at least 0")
    betas: tuple[Beta, Beta] = Field(description="two numbers in [0, 1)")
    gradient_norm: float = Field(
        gt=0, description="a positive number: the gradient is clipped there"
    )
    measure_every_steps: int = Field(ge=1, description="an integer from 1 up")

    def rate_factor(self, step: int) -> float:
        """Factor on the learning rate at ``step`` (0-based)."""
        warmup = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        return warmup * (1 + math.cos(math.pi * step / self.steps)) / 2
