"""Sizes of the transformer; what follows from the task (vocabulary, context) is not among them."""

from pydantic import Field, model_validator

from mechval.config import Config


class Architecture(Config):
    """Widths and heads per block."""

    d_model: int = Field(ge=8, le=4096, description="an integer from 8 to 4096")
    d_mlp: int = Field(ge=8, le=16384, description="an integer from 8 to 16384")
    n_heads: tuple[int, ...] = Field(
        min_length=1,
        description="a list with one positive head count per block, each dividing d_model",
    )

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "Architecture":
        if any(heads < 1 or self.d_model % heads for heads in self.n_heads):
            raise ValueError(
                f"every entry of n_heads={list(self.n_heads)} must divide d_model={self.d_model}"
            )
        return self
