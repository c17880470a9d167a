"""The tracked tables that the report reads, as typed records.

Field names are column names; columns that the report does not use are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mechval.axioms import EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.modular_addition.problem import ModularAddition
from mechval.reporting.ledger import load_ledger
from mechval.reporting.records import read_object, read_records

LOSS_POINTS = "losses.csv"
"""The losses of every snapshot, beside the other tables of stage ``progress``."""


class Record(BaseModel):
    """A row of a table, or a JSON object."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PartAnswers(Record):
    """Inputs of one part, and how many of them are answered wrongly."""

    n: int
    wrong_count: int


class Answers(PartAnswers):
    """``train/metrics.json``: all inputs, and the two parts of them."""

    train: PartAnswers
    test: PartAnswers


class GrokkingFacts(Record):
    """``train/grokking.json``; ``has_settled`` is None where the recipe does not ask for it."""

    has_grokked: bool
    grokked_at_step: int | None
    has_settled: bool | None = None
    memorised_at_step: int | None
    steps: int


class CurvePoint(Record):
    """A row of ``train/learning_curve.csv``; losses in nats."""

    step: int
    train_loss: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float


class CircuitFacts(Record):
    """``circuit/metrics.json``."""

    key_frequencies: tuple[int, ...]
    gap: float
    embedding_power_share: float
    neurons: int
    neurons_explained: int
    neuron_variance_explained: float
    logit_variance_share: float
    logit_sum_wave_share: float


class Frequency(Record):
    """A row of ``circuit/frequencies.csv``."""

    frequency: int
    is_key: bool
    embedding_cos_norm: float
    embedding_sin_norm: float
    embedding_power_share: float
    neurons: int
    neurons_explained: int
    logit_coefficient: float
    logit_variance_share: float


class Neuron(Record):
    """A row of ``circuit/neurons.csv``."""

    frequency: int
    variance_explained: float


class Loss(Record):
    """A row of ``circuit/losses.csv``."""

    logits: str
    inputs: str
    n: int
    loss: float
    accuracy: float


class LossPoint(Record):
    """A row of ``progress/losses.csv``; losses in nats, each with how many inputs it is over."""

    examples: int | None
    key_frequencies: str
    train_loss: float
    train_n: int
    test_loss: float
    test_n: int
    restricted_loss: float
    restricted_n: int
    excluded_loss: float
    excluded_n: int


class CellRow(Record):
    """A row of ``axioms/axioms.csv``."""

    interpretation: str
    axiom_name: str
    component: str
    is_distinct: bool
    repeats: str | None
    equivalence: str
    alpha_1: str
    inputs: str
    kind: EvidenceKind
    n: int
    disagreements: int
    epsilon: float
    confidence: float | None
    mean_part_error: float | None
    verdict: str | None


class TranslationRow(Record):
    """A row of ``axioms/translations.csv``."""

    map: str
    subject: str
    judged_on: str
    points: int
    features: int
    vacuous: bool
    n: int
    root_mean_square_error: float
    largest_error: float
    r_squared: float


class DecimalRow(Record):
    """A row of ``axioms/decimals.csv``."""

    map: str
    subject: str
    judged_on: str
    equivalence: str
    decimals: int | None
    kind: EvidenceKind
    n: int
    disagreements: int
    epsilon: float
    mean_part_error: float


@dataclass(frozen=True)
class ReportTables:
    """The tables of one run; without ``grokking`` and ``curve`` for an imported network.

    ``loss_points`` is empty if no frequency of the network is key.
    """

    problem: ModularAddition
    model: Literal["own", "published"]
    seed: int
    answers: Answers
    grokking: GrokkingFacts | None
    curve: tuple[CurvePoint, ...]
    circuit: CircuitFacts
    frequencies: tuple[Frequency, ...]
    neurons: tuple[Neuron, ...]
    losses: tuple[Loss, ...]
    loss_points: tuple[LossPoint, ...]
    cells: tuple[CellRow, ...]
    translations: tuple[TranslationRow, ...]
    decimals: tuple[DecimalRow, ...]
    ledger: tuple[Statement, ...]


def load_tables(
    problem: ModularAddition,
    model: Literal["own", "published"],
    seed: int,
    directories: Mapping[str, Path],
) -> ReportTables:
    """Read every table.

    Args:
        directories: the tracked results of stages ``train``, ``circuit``, ``axioms``,
            ``progress``, ``certify``.

    Raises:
        MechvalError: naming the file, if one is missing or is not the table it should be.
    """
    train, circuit, axioms = (directories[name] for name in ("train", "circuit", "axioms"))
    points = directories["progress"] / LOSS_POINTS
    is_own = model == "own"
    return ReportTables(
        problem=problem,
        model=model,
        seed=seed,
        answers=read_object(train / "metrics.json", Answers),
        grokking=read_object(train / "grokking.json", GrokkingFacts) if is_own else None,
        curve=read_records(train / "learning_curve.csv", CurvePoint) if is_own else (),
        circuit=read_object(circuit / "metrics.json", CircuitFacts),
        frequencies=read_records(circuit / "frequencies.csv", Frequency),
        neurons=read_records(circuit / "neurons.csv", Neuron),
        losses=read_records(circuit / "losses.csv", Loss),
        loss_points=read_records(points, LossPoint) if points.exists() else (),
        cells=read_records(axioms / "axioms.csv", CellRow),
        translations=read_records(axioms / "translations.csv", TranslationRow),
        decimals=read_records(axioms / "decimals.csv", DecimalRow),
        ledger=load_ledger(directories["certify"]),
    )
