"""All settings of the 2-SAT study: one class per stage, and :class:`TwoSatSettings` with all.

A leaf: it imports no science, so that a stage depends on its settings and not on its siblings.
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, model_validator

from mechval.config import Config
from mechval.pipeline.stage import ModelSource
from mechval.training.recipe import Recipe
from mechval.transformer.architecture import Architecture
from mechval.two_sat.problem import Problem

Version = Literal["trees", "disjunction"]

Residual = Literal["resid_mid", "attn_out"]

ReadingName = Literal["calibrated", "paper"]

NoiseKind = Literal["pairs", "clauses"]

NOISE_KINDS: tuple[NoiseKind, ...] = ("pairs", "clauses")
"""What a clause is replaced by: any ordered pair of literals (paper), or a real clause."""

PUBLISHED_PROBABILITY = 0.01


class DataConfig(Config):
    """How many formulas each corpus has and how it is split.

    Half of every corpus, and of every split, is satisfiable. What ``train_fraction`` and
    ``selection_fraction`` leave is the test split.
    """

    training_formulas: int = Field(
        default=2_000_000, strict=True, ge=2, multiple_of=2, description="an even integer from 2 up"
    )
    analysis_formulas: int = Field(
        default=200_000, strict=True, ge=2, multiple_of=2, description="an even integer from 2 up"
    )
    train_fraction: float = Field(
        default=0.60, strict=True, gt=0, lt=1, description="a number between 0 and 1, both excluded"
    )
    selection_fraction: float = Field(
        default=0.05, strict=True, gt=0, lt=1, description="a number between 0 and 1, both excluded"
    )
    fit_fraction: float = Field(
        default=0.60, strict=True, gt=0, lt=1, description="a number between 0 and 1, both excluded"
    )

    @model_validator(mode="after")
    def _leaves_a_test_split(self) -> "DataConfig":
        if self.train_fraction + self.selection_fraction >= 1:
            raise ValueError(
                f"train_fraction={self.train_fraction} and selection_fraction="
                f"{self.selection_fraction} must add up to less than 1"
            )
        return self


class CircuitConfig(Config):
    """How neurons are read as bits."""

    readings: tuple[ReadingName, ...] = Field(
        default=("calibrated", "paper"),
        min_length=1,
        description="a list of calibrated (scale-free rules) and paper (its constants)",
    )
    max_leaves: int = Field(default=4, ge=2, le=64, description="an integer from 2 to 64")


class AxiomsConfig(Config):
    """Which interpretations are validated, and with which confidence."""

    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="a number greater than 0.5 and smaller than 1"
    )
    versions: tuple[Version, ...] = Field(
        default=("trees", "disjunction"),
        min_length=1,
        description="a list of trees and disjunction",
    )
    residuals: tuple[Residual, ...] = Field(
        default=("resid_mid", "attn_out"),
        min_length=1,
        description="a list of resid_mid and attn_out",
    )


class VariantsConfig(Config):
    """The values that each family of variants takes; those of the paper are among the defaults."""

    highs: tuple[PositiveFloat, ...] = Field(
        default=(2.0, 0.5),
        description="a list of positive activations; the calibrated values are always tried too",
    )
    tolerances: tuple[NonNegativeInt, ...] = Field(
        default=(0, 1, 2, 4), description="a list of integers from 0 up"
    )
    leaves: tuple[Annotated[int, Field(ge=2)] | None, ...] = Field(
        default=(2, 4, 16, None), description="a list of integers from 2 up, null for unlimited"
    )
    noise_probability: float = Field(
        default=PUBLISHED_PROBABILITY, ge=0, le=1, description="a number from 0 to 1"
    )
    noise_kinds: tuple[NoiseKind, ...] = Field(
        default=NOISE_KINDS, description="a list of pairs and clauses"
    )
    surface_cuts: tuple[PositiveFloat, ...] = Field(
        default=(0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
        min_length=1,
        description="a list of positive activations",
    )
    surface_highs: tuple[PositiveFloat, ...] = Field(
        default=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
        min_length=1,
        description="a list of positive activations",
    )
    surface_multiples: tuple[PositiveFloat, ...] = Field(
        default=(0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
        min_length=1,
        description="a list of positive multiples of the calibrated cut and high value",
    )


class ImprovedConfig(Config):
    """Which voting programs are fitted, and for how long."""

    widths: tuple[Annotated[int, Field(ge=2, le=16)], ...] = Field(
        default=(4, 5, 6, 8), description="a list of integers from 2 to 16: bits of a vote"
    )
    formulas: int = Field(
        default=60_000, ge=2, description="an integer from 2 up: fitting formulas that are used"
    )
    steps: int = Field(default=2000, ge=10, description="an integer from 10 up")


class NullsConfig(Config):
    """Which null networks are made, and on how many formulas they are judged.

    The recipe is long enough to memorise the shuffled labels. It runs in float32, so that the
    weights do not depend on what the processor multiplies fast.
    """

    formulas: int = Field(
        default=20_000,
        ge=2,
        description="an integer from 2 up: formulas of the analysis corpus, fit and test together",
    )
    shuffled_formulas: int = Field(
        default=2048,
        ge=2,
        description="an integer from 2 up: training formulas whose labels are permuted",
    )
    training: Recipe = Field(
        default=Recipe(
            examples=76_800,
            batch_size=128,
            optimizer="muon",
            weight_decay=0.0,
            muon_weight_decay=0.0,
            warmup_steps=20,
            decay_from=0.5,
            evaluate_every_steps=60,
            evaluation_examples=2048,
            precision="float32",
            n_snapshots=1,
        ),
        description="a training recipe",
    )


class ProgressConfig(Config):
    """How the axioms are measured along the training."""

    formulas: int = Field(
        default=20_000,
        ge=2,
        description="an integer from 2 up: formulas of the analysis corpus, fit and test together",
    )


class ParsingConfig(Config):
    """Limits of the search for a proof."""

    max_branches: int = Field(
        default=4000,
        ge=0,
        le=1_000_000,
        description="an integer from 0 to 1000000: choices of the nearest earlier clauses that are "
        "looked at one by one, for each clause position and clause",
    )


class CertifyConfig(Config):
    """How much is proved and counted, and how many counterexamples are written down."""

    parsing: ParsingConfig = Field(
        default=ParsingConfig(), description="how far proofs about parsing are pursued"
    )
    enumerate: bool = Field(
        default=True,
        description="true or false: whether block 1 is counted on every multiset of clauses",
    )
    drift_formulas: int = Field(
        default=500,
        ge=1,
        description="an integer from 1 up: formulas whose margin is held against the drift",
    )
    counterexamples: int = Field(
        default=3, ge=0, description="an integer from 0 up: shrunk formulas kept per failing cell"
    )


class TwoSatSettings(Config):
    """Everything a result of the 2-SAT study depends on, besides the seed."""

    problem: Problem = Field(description="n_variables and n_clauses")
    data: DataConfig = Field(description="sizes and fractions of the corpora")
    architecture: Architecture = Field(description="widths and heads")
    training: Recipe = Field(description="a training recipe")
    finishing: Recipe | None = Field(
        default=None,
        description="null, or a recipe that trains the last MLP and the unembedding alone",
    )
    circuit: CircuitConfig = Field(description="how neurons are read")
    axioms: AxiomsConfig = Field(description="which interpretations are validated")
    model: ModelSource = Field(
        default=ModelSource(kind="own", path=None), description="own or published"
    )
    variants: VariantsConfig = Field(
        default=VariantsConfig(), description="which variants are validated"
    )
    improved: ImprovedConfig = Field(
        default=ImprovedConfig(), description="how far a better interpretation is searched for"
    )
    nulls: NullsConfig = Field(default=NullsConfig(), description="which null networks are made")
    progress: ProgressConfig = Field(
        default=ProgressConfig(), description="how snapshots are validated"
    )
    certify: CertifyConfig = Field(
        default=CertifyConfig(), description="how much is proved and counted"
    )
