"""All settings of the modular-addition study: one class per stage, and all of them together.

What they are unless told otherwise is said in ``conf/settings/modular_addition/base.yaml`` alone.
A leaf: it imports no science, so that a stage depends on its settings and not on its siblings.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mechval.config import Config, Distinct, once_constant
from mechval.errors import MechvalError
from mechval.modular_addition.problem import ModularAddition
from mechval.pipeline.stage import ModelSource, PageConfig
from mechval.training.recipe import Beta, Recipe
from mechval.transformer.architecture import Architecture

Reading = Literal["all_tokens", "pseudo_inverse"]

Decimals = Annotated[int, Field(ge=0, le=15)]

SumEquivalence = Literal["exact", "rounded", "angle", "downstream"]


class DataConfig(Config):
    """How the p² inputs are split (the paper trains on 30 % of them)."""

    train_fraction: float = Field(
        strict=True, gt=0, lt=1, description="a number between 0 and 1, both excluded"
    )

    def n_train(self, problem: ModularAddition) -> int:
        """How many inputs are trained on: the fraction of all, rounded down."""
        return int(self.train_fraction * problem.n_pairs)


class GrokkingRecipe(Config):
    """Full-batch AdamW until the network groks (and has settled, if asked), or for ``max_steps``.

    The paper's recipe has rate 1e-3, decay 1 and betas 0.9 and 0.98 (section 5). A
    network that has just grokked still holds what it had memorised; weight decay removes it while
    the train loss goes on falling (the *cleanup* of Nanda et al., ICLR 2023). ``settled_within``
    waits until that is over. The rule sees the train loss, nothing of any interpretation.
    """

    max_steps: int = Field(ge=1, description="a positive number of steps")
    learning_rate: float = Field(gt=0, description="a positive number")
    weight_decay: float = Field(ge=0, description="a number of at least 0")
    betas: tuple[Beta, Beta] = Field(description="two numbers in [0, 1)")
    epsilon: float | None = Field(gt=0, description="null (1e-8), or a positive number: of AdamW")
    warmup_steps: int = Field(ge=0, description="a number of steps of at least 0")
    evaluate_every_steps: int = Field(ge=1, description="a positive number of steps")
    grokked_evaluations: int = Field(
        ge=1,
        description="a positive number of consecutive evaluations without an error on any input",
    )
    settled_within: float | None = Field(
        gt=0,
        description="null, or a positive number: the fraction by which the train loss may still "
        "vary over as many evaluations when the training ends",
    )
    n_snapshots: int = Field(ge=1, description="a positive number of weight snapshots")

    @model_validator(mode="after")
    def _long_enough_to_be_evaluated(self) -> "GrokkingRecipe":
        if self.max_steps < self.evaluate_every_steps:
            raise ValueError(
                f"max_steps={self.max_steps} must be at least "
                f"evaluate_every_steps={self.evaluate_every_steps}"
            )
        if self.warmup_steps > self.max_steps:
            raise ValueError(
                f"warmup_steps={self.warmup_steps} must be at most max_steps={self.max_steps}"
            )
        return self

    def full_batch(self, n_train: int) -> Recipe:
        """The same recipe for the shared training code: every batch is all train inputs."""
        return Recipe(
            examples=self.max_steps * n_train,
            batch_size=n_train,
            optimizer="adamw",
            muon_learning_rate=0.02,  # nothing reads Muon's, but null networks are named after it
            muon_weight_decay=0.05,
            neuron_decay=0.0,
            neuron_decay_until=1.0,
            rate_held_for_steps=1,
            decay_from=None,
            evaluation_examples=10_000,
            checkpoint="last",
            precision="float32",
            **self.model_dump(exclude={"max_steps", "grokked_evaluations", "settled_within"}),
        )


class CircuitConfig(Config):
    """How the circuit is read off the network."""

    smallest_gap: float = Field(
        gt=1,
        description="a number greater than 1: the factor in share that must lie between key "
        "frequencies and all others",
    )
    explained: float = once_constant(
        0.85,
        "a number between 0 and 1, both excluded: of a neuron's variance, from which on it counts "
        "as one of a frequency's (0.85 in Nanda et al., ICLR 2023)",
        gt=0,
        lt=1,
    )


class AxiomsConfig(Config):
    """What is validated, and with which confidence."""

    confidence: float = Field(
        gt=0.5, lt=1, description="a number greater than 0.5 and smaller than 1"
    )
    readings: Annotated[tuple[Reading, ...], Distinct] = Field(
        min_length=1,
        description="a list of pseudo_inverse (with a ridge regression at cut 2) and all_tokens "
        "(the paper's plain regressions, vacuous at cut 1 if there are no more tokens than "
        "features)",
    )
    equivalences: Annotated[tuple[SumEquivalence, ...], Distinct] = Field(
        min_length=1,
        description="a list of downstream, angle, rounded and exact: when sums count as the same",
    )
    embedding_decimals: int = Field(
        ge=0, le=15, description="an integer from 0 to 15: decimals kept at cut 1"
    )
    sum_decimals: int = Field(
        ge=0, le=15, description="an integer from 0 to 15: decimals compared at cut 2"
    )
    curve_decimals: Annotated[tuple[Decimals, ...], Distinct] = Field(
        min_length=1, description="a list of integers from 0 to 15: decimals of the curves"
    )


class CertifyConfig(Config):
    """What is written beside the ledger."""

    counterexamples: int = Field(
        ge=0, description="an integer from 0 up: failing inputs listed per cell"
    )


class ModularAdditionSettings(Config):
    """Everything a result of this study depends on, besides the seed."""

    problem: ModularAddition = Field(description="the modulus p")
    data: DataConfig = Field(description="the fraction of all inputs to train on")
    architecture: Architecture = Field(description="widths and heads of one block")
    training: GrokkingRecipe = Field(description="a training recipe")
    circuit: CircuitConfig = Field(description="how the circuit is read off the network")
    axioms: AxiomsConfig = Field(description="which interpretations are validated")
    certify: CertifyConfig = Field(description="what is written beside the ledger")
    model: ModelSource = Field(default=ModelSource(), description="own or published")
    page: PageConfig = once_constant(PageConfig(), "what the page counts as holding")

    @model_validator(mode="after")
    def _trains_on_some_inputs_and_holds_some_out(self) -> "ModularAdditionSettings":
        require_both_parts(self.problem, self.data)
        return self

    @model_validator(mode="after")
    def _has_one_block(self) -> "ModularAdditionSettings":
        n_blocks = len(self.architecture.n_heads)
        if n_blocks != 1:
            raise ValueError(
                f"architecture.n_heads={list(self.architecture.n_heads)} has {n_blocks} blocks; "
                "allowed: one head count"
            )
        return self


def require_both_parts(problem: ModularAddition, config: DataConfig) -> int:
    """How many inputs are trained on; raises MechvalError if that is none or all of them."""
    n_train = config.n_train(problem)
    if not 0 < n_train < problem.n_pairs:
        raise MechvalError(
            f"data.train_fraction={config.train_fraction} leaves {n_train} of {problem.n_pairs} "
            f"inputs to train on and {problem.n_pairs - n_train} held out; allowed: a fraction "
            "that leaves at least one of each."
        )
    return n_train
