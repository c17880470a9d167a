"""Which variants are checked, and with which values."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat

from mechval.config import Config
from mechval.two_sat.variants.noise import NOISE_KINDS, PUBLISHED_PROBABILITY, NoiseKind


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
