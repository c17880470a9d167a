"""All settings of the 2-SAT study."""

from typing import Literal

from pydantic import Field, model_validator

from mechval.config import Config
from mechval.training.recipe import Recipe
from mechval.transformer import Architecture
from mechval.two_sat.circuit import CircuitConfig
from mechval.two_sat.dataset import DataConfig
from mechval.two_sat.interpretation import Residual, Version
from mechval.two_sat.problem import Problem


class ModelSource(Config):
    """Whose network is studied."""

    kind: Literal["own", "published"] = Field(default="own", description="own or published")
    path: str | None = Field(default=None, description="null, or the published checkpoint's place")

    @model_validator(mode="after")
    def _published_has_a_path(self) -> "ModelSource":
        if self.kind == "published" and not self.path:
            raise ValueError("kind=published must come with model.path=<file>")
        return self


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
