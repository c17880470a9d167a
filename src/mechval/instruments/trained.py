"""What is said of the networks that were trained to be organisms."""

from dataclasses import dataclass

from mechval import tables

FOLDER = "organisms"
"""In results/instruments: their weights."""


@dataclass(frozen=True)
class TrainedRow:
    """One network: its file, or its name in it; and how many of n answers are wrong."""

    network: str = tables.told()
    seed: int = tables.told()
    steps: int = tables.told()
    n: int = tables.told("N")
    wrong: int = tables.count("wrong answers")


TRAINED = tables.Table("organisms/trained.csv", TrainedRow)
