"""Settings of the stages ``circuit`` and ``axioms``."""

from typing import Literal

from pydantic import Field

from mechval.config import Config

Reading = Literal["all_tokens", "pseudo_inverse"]
SumEquivalence = Literal["exact", "rounded", "angle", "downstream"]


class CircuitConfig(Config):
    """How the circuit is read off the network."""

    smallest_gap: float = Field(
        default=2.0,
        gt=1,
        description="a number greater than 1: the factor in power that must lie between key "
        "frequencies and all others",
    )


class AxiomsConfig(Config):
    """What is validated, and with which confidence."""

    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="a number greater than 0.5 and smaller than 1"
    )
    readings: tuple[Reading, ...] = Field(
        default=("pseudo_inverse", "all_tokens"),
        min_length=1,
        description="a list of pseudo_inverse and all_tokens (the paper's, vacuous if there are "
        "no more tokens than features)",
    )
    equivalences: tuple[SumEquivalence, ...] = Field(
        default=("downstream", "angle", "rounded", "exact"),
        min_length=1,
        description="a list of downstream, angle, rounded and exact: when sums count as the same",
    )
    embedding_decimals: int = Field(
        default=3, ge=0, le=15, description="an integer from 0 to 15: decimals kept at cut 1"
    )
    sum_decimals: int = Field(
        default=1, ge=0, le=15, description="an integer from 0 to 15: decimals compared at cut 2"
    )
    curve_decimals: tuple[int, ...] = Field(
        default=(0, 1, 2, 3, 4, 5, 6, 9, 12, 15),
        min_length=1,
        description="a list of integers from 0 to 15: decimals of the curves",
    )


class CertifyConfig(Config):
    """What is written beside the ledger."""

    counterexamples: int = Field(
        default=5, ge=0, description="an integer from 0 up: failing inputs listed per cell"
    )
