"""How far a proof about parsing is pursued."""

from pydantic import Field

from mechval.config import Config


class ParsingConfig(Config):
    """Limits of the search for a proof."""

    max_branches: int = Field(
        default=4000,
        ge=0,
        le=1_000_000,
        description="an integer from 0 to 1000000: choices of the nearest earlier clauses that are "
        "looked at one by one, for each clause position and clause",
    )
