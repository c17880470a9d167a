"""All settings of the modular-addition study."""

from pydantic import Field, model_validator

from mechval.config import Config
from mechval.modular_addition.configs import AxiomsConfig, CertifyConfig, CircuitConfig
from mechval.modular_addition.dataset import DataConfig, require_both_parts
from mechval.modular_addition.grokking import GrokkingRecipe
from mechval.modular_addition.problem import ModularAddition
from mechval.pipeline.model_source import ModelSource
from mechval.transformer import Architecture


class ModularAdditionSettings(Config):
    """Everything a result of this study depends on, besides the seed."""

    problem: ModularAddition = Field(description="the modulus p")
    data: DataConfig = Field(description="the fraction of all inputs to train on")
    architecture: Architecture = Field(description="widths and heads of one block")
    training: GrokkingRecipe = Field(description="a training recipe")
    circuit: CircuitConfig = Field(description="how the circuit is read off the network")
    axioms: AxiomsConfig = Field(description="which interpretations are validated")
    certify: CertifyConfig = Field(
        default=CertifyConfig(), description="what is written beside the ledger"
    )
    model: ModelSource = Field(default=ModelSource(), description="own or published")

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
