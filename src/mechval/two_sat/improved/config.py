"""How far the search for a better interpretation goes."""

from typing import Annotated

from pydantic import Field

from mechval.config import Config


class ImprovedConfig(Config):
    """Which voting programs are fitted, and for how long."""

    widths: tuple[Annotated[int, Field(ge=2, le=16)], ...] = Field(
        default=(4, 5, 6, 8), description="a list of integers from 2 to 16: bits of a vote"
    )
    formulas: int = Field(
        default=60_000, ge=2, description="an integer from 2 up: fitting formulas that are used"
    )
    steps: int = Field(default=2000, ge=10, description="an integer from 10 up")
