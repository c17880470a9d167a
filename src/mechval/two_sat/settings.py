"""All settings of the 2-SAT study."""

from pydantic import Field

from mechval.config import Config
from mechval.pipeline.model_source import ModelSource
from mechval.training.recipe import Recipe
from mechval.transformer import Architecture
from mechval.two_sat.certify.config import ParsingConfig
from mechval.two_sat.circuit import CircuitConfig
from mechval.two_sat.dataset import DataConfig
from mechval.two_sat.improved.config import ImprovedConfig
from mechval.two_sat.interpretation import Residual, Version
from mechval.two_sat.problem import Problem
from mechval.two_sat.variants.config import VariantsConfig


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
        default=("corrected", "published"),
        min_length=1,
        description="a list of corrected and published",
    )


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


class CertifyConfig(Config):
    """How much is proved and counted, and how many counterexamples are written down."""

    parsing: ParsingConfig = Field(
        default=ParsingConfig(), description="how far proofs about parsing are pursued"
    )
    enumerate: bool = Field(
        default=True,
        description="true or false: whether block 2 is counted on every multiset of clauses",
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
