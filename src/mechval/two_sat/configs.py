"""All settings of the 2-SAT study: one class per stage, and :class:`TwoSatSettings` with all.

What they are unless told otherwise is said in ``conf/settings/two_sat/base.yaml`` alone. A leaf:
it imports no science, so that a stage depends on its settings and not on its siblings.
"""

from importlib import import_module
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, model_validator

from mechval.config import Config, Distinct, once_constant
from mechval.pipeline.stage import ModelSource, PageConfig
from mechval.training.recipe import Descent, Recipe
from mechval.transformer.architecture import Architecture
from mechval.two_sat.problem import Problem

Version = str
"""A program of evaluate, by its name in ``programs/versions.py``."""

Residual = Literal["resid_mid", "attn_out"]

ReadingName = Literal["calibrated", "paper"]

NoiseKind = Literal["pairs", "clauses"]

NOISE_KINDS: tuple[NoiseKind, ...] = ("pairs", "clauses")
"""What a clause is replaced by: any ordered pair of literals (paper), or a real clause."""

EvenNumber = Annotated[
    int,
    Field(
        strict=True,
        ge=2,
        le=100_000_000,
        multiple_of=2,
        description="an even integer from 2 to 100000000",
    ),
]
Fraction = Annotated[
    float, Field(strict=True, gt=0, lt=1, description="a number between 0 and 1, both excluded")
]
AnalysisFormulas = Annotated[
    int,
    Field(
        ge=2,
        description="an integer from 2 up: formulas of the analysis corpus, fit and test together",
    ),
]
Levels = Annotated[
    tuple[PositiveFloat, ...],
    Field(min_length=1, description="a list of positive activations"),
    Distinct,
]


class DataConfig(Config):
    """How many formulas each corpus has and how it is split.

    Half of every corpus, and of every split, is satisfiable. What ``train_fraction`` and
    ``selection_fraction`` leave is the test split.
    """

    training_formulas: EvenNumber
    analysis_formulas: EvenNumber
    train_fraction: Fraction
    selection_fraction: Fraction
    fit_fraction: Fraction

    @property
    def per_class(self) -> "SplitSizes":
        """How many formulas of each class every split has."""
        training, analysis = self.training_formulas // 2, self.analysis_formulas // 2
        train = round(training * self.train_fraction)
        selection = round(training * self.selection_fraction)
        fit = round(analysis * self.fit_fraction)
        return SplitSizes(train, selection, training - train - selection, fit, analysis - fit)

    @model_validator(mode="after")
    def _leaves_a_test_split(self) -> "DataConfig":
        if self.train_fraction + self.selection_fraction >= 1:
            raise ValueError(
                f"train_fraction={self.train_fraction} and selection_fraction="
                f"{self.selection_fraction} must add up to less than 1"
            )
        return self


class SplitSizes(NamedTuple):
    """Formulas of the splits, in the order of their names."""

    train: int
    selection: int
    test: int
    fit: int
    analysis_test: int


class CircuitConfig(Config):
    """How neurons are read as bits: reading calibrated takes the neurons that carry
    ``effect_share``, reading paper those above ``smallest_effect``, on from ``cut``, with ``high``
    for on."""

    readings: Annotated[tuple[ReadingName, ...], Distinct] = Field(
        min_length=1,
        description="a list of calibrated (scale-free rules) and paper (its constants)",
    )
    max_leaves: int = Field(ge=2, le=64, description="an integer from 2 to 64")
    effect_share: float = once_constant(
        0.999,
        "a number between 0 and 1, both excluded: of the total effect, carried by the neurons that "
        "reading calibrated looks at",
        gt=0,
        lt=1,
    )
    smallest_effect: float = once_constant(
        0.1, "a number of at least 0, in logits: above it reading paper looks at a neuron", ge=0
    )
    cut: float = once_constant(
        0.5, "a positive activation: from it on a bit is 1 in reading paper", gt=0
    )
    high: float = once_constant(
        2.0, "a positive activation: what reading paper writes for a bit of 1", gt=0
    )


def _claimed(version: str) -> str:
    # By its name: a stage depends on its settings, not on what else they could have asked for.
    known = import_module("mechval.two_sat.programs.versions").CLAIMED
    if version not in known:
        raise ValueError(
            f"no program of evaluate is called {version!r}; allowed: {', '.join(known)}"
        )
    return version


class AxiomsConfig(Config):
    """Which interpretations are validated, and with which confidence."""

    confidence: float = Field(
        gt=0.5, lt=1, description="a number greater than 0.5 and smaller than 1"
    )
    versions: Annotated[tuple[Annotated[Version, AfterValidator(_claimed)], ...], Distinct] = Field(
        min_length=1, description="a list of programs of evaluate, such as trees and disjunction"
    )
    residuals: Annotated[tuple[Residual, ...], Distinct] = Field(
        min_length=1, description="a list of resid_mid and attn_out"
    )


class PartialConfig(Config):
    """On how many formulas the partial cells are measured."""

    formulas: int = Field(
        ge=2,
        description="an integer from 2 up: formulas of the analysis test split, two for each pair",
    )


class VariantsConfig(Config):
    """The values that each family of variants takes; those of the paper are among the base's."""

    highs: Annotated[tuple[PositiveFloat, ...], Distinct] = Field(
        description="a list of positive activations; the calibrated values are always tried too"
    )
    tolerances: Annotated[tuple[NonNegativeInt, ...], Distinct] = Field(
        description="a list of integers from 0 up"
    )
    leaves: Annotated[tuple[Annotated[int, Field(ge=2)] | None, ...], Distinct] = Field(
        description="a list of integers from 2 up, null for unlimited"
    )
    noise_probability: float = Field(ge=0, le=1, description="a number from 0 to 1")
    noise_kinds: Annotated[tuple[NoiseKind, ...], Distinct] = Field(
        description="a list of pairs and clauses"
    )
    surface_cuts: Levels
    surface_highs: Levels
    surface_multiples: Annotated[tuple[PositiveFloat, ...], Distinct] = Field(
        min_length=1,
        description="a list of positive multiples of the calibrated cut and high value",
    )


class ImprovedConfig(Config):
    """Which voting programs are fitted, and for how long."""

    widths: Annotated[tuple[Annotated[int, Field(ge=2, le=16)], ...], Distinct] = Field(
        description="a list of integers from 2 to 16: bits of a vote"
    )
    formulas: int = Field(ge=2, description="an integer from 2 up: fitting formulas that are used")
    steps: int = Field(ge=10, description="an integer from 10 up")
    feature_share: float = once_constant(
        0.999,
        "a number between 0 and 1, both excluded: of the variance of votes, carried by the "
        "features that a fit starts from",
        gt=0,
        lt=1,
    )


class NullsConfig(Config):
    """Which null networks are made, and on how many formulas they are judged.

    The recipe is long enough to memorise the shuffled labels. It runs in float32, so that the
    weights do not depend on what the processor multiplies fast.
    """

    formulas: AnalysisFormulas
    shuffled_formulas: int = Field(
        ge=2, description="an integer from 2 up: training formulas whose labels are permuted"
    )
    training: Recipe = Field(description="a training recipe")


class ProgressConfig(Config):
    """How the axioms are measured along the training."""

    formulas: AnalysisFormulas


class ParsingConfig(Config):
    """Limits of the search for a proof."""

    max_branches: int = Field(
        ge=0,
        le=1_000_000,
        description="an integer from 0 to 1000000: choices of the nearest earlier clauses that are "
        "looked at one by one, for each clause position and clause",
    )


class CertifyConfig(Config):
    """How much is proved and counted, and how many counterexamples are written down."""

    parsing: ParsingConfig = Field(description="how far proofs about parsing are pursued")
    enumerate: bool | Literal["always"] = Field(
        description="true or false: whether block 1 is counted on every multiset of clauses, if "
        "they are not too many; or always"
    )
    drift_formulas: int = Field(
        ge=1, description="an integer from 1 up: formulas whose margin is held against the drift"
    )
    counterexamples: int = Field(
        ge=0, description="an integer from 0 up: shrunk formulas kept per failing cell"
    )


class ConsolidateConfig(Config):
    """How a network is trained towards the interpretation until that can be proved.

    From ``weights`` it goes through the phases ``sharpen``, ``mechanism`` and ``average``; from
    ``scratch`` it is trained on tables alone.
    """

    start: Literal["weights", "scratch"] = Field(
        description="weights (those of stage train) or scratch"
    )
    sharpen: Descent = Field(description="steps and rates")
    mechanism: Descent = Field(description="steps and rates")
    average: Descent = Field(description="steps and rates")
    scratch: Descent = Field(description="steps and rates")
    batch_size: int = Field(
        ge=16, multiple_of=2, description="an even integer from 16 up: formulas a step of sharpen"
    )
    hard_batch_size: int = Field(
        ge=2,
        multiple_of=2,
        description="an even integer from 2 up: random formulas a step, beside twice as many hard",
    )
    pool_formulas: int = Field(
        ge=1, description="an integer from 1 up: hard formulas that are mutated"
    )
    averaging: float = Field(
        ge=0, description="a number of at least 0: weight of the variance of scores in average"
    )
    bounding: float = Field(
        ge=0, description="a number of at least 0: weight of the closed form's bounds in average"
    )


class TwoSatSettings(Config):
    """Everything a result of the 2-SAT study depends on, besides the seed."""

    problem: Problem = Field(description="n_variables and n_clauses")
    data: DataConfig = Field(description="sizes and fractions of the corpora")
    architecture: Architecture = Field(description="widths and heads")
    training: Recipe = Field(description="a training recipe")
    finishing: Recipe | None = Field(
        description="null, or a recipe that trains the last MLP and the unembedding alone"
    )
    consolidate: ConsolidateConfig | None = once_constant(
        None, "null, or how the network is trained until it can be proved"
    )
    circuit: CircuitConfig = Field(description="how neurons are read")
    axioms: AxiomsConfig = Field(description="which interpretations are validated")
    partial: PartialConfig = Field(description="on how many formulas partial cells are measured")
    model: ModelSource = Field(default=ModelSource(), description="own, published or weights")
    variants: VariantsConfig = Field(description="which variants are validated")
    improved: ImprovedConfig = Field(description="how far a better interpretation is searched for")
    nulls: NullsConfig = Field(description="which null networks are made")
    progress: ProgressConfig = Field(description="how snapshots are validated")
    certify: CertifyConfig = Field(description="how much is proved and counted")
    page: PageConfig = once_constant(PageConfig(), "what the page counts as holding")

    @property
    def phases(self) -> dict[str, Recipe]:
        """The recipes of a training by their names, in order."""
        both = {"training": self.training, "finishing": self.finishing}
        return {name: recipe for name, recipe in both.items() if recipe is not None}

    @model_validator(mode="after")
    def _has_two_blocks(self) -> "TwoSatSettings":
        heads = list(self.architecture.n_heads)
        if len(heads) != 2:
            raise ValueError(
                f"architecture.n_heads={heads} has {len(heads)} blocks; allowed: two head counts"
            )
        return self

    @model_validator(mode="after")
    def _asks_for_formulas_that_there_are(self) -> "TwoSatSettings":
        there, asked = self.data.per_class, self.nulls.shuffled_formulas
        for name, wanted, allowed in (
            (
                "training.evaluation_examples",
                self.training.evaluation_examples,
                2 * there.selection,
            ),
            ("nulls.formulas", self.nulls.formulas, self.data.analysis_formulas),
            ("nulls.shuffled_formulas", asked, 2 * there.train),
            ("nulls.training.evaluation_examples", self.nulls.training.evaluation_examples, asked),
            ("progress.formulas", self.progress.formulas, self.data.analysis_formulas),
            ("partial.formulas", self.partial.formulas, 2 * there.analysis_test),
            ("improved.formulas", self.improved.formulas, 2 * there.fit),
            ("certify.drift_formulas", self.certify.drift_formulas, 2 * there.analysis_test),
        ):
            if wanted > allowed:
                raise ValueError(
                    f"{name}={wanted} is more than the data have; allowed: at most {allowed}"
                )
        return self
