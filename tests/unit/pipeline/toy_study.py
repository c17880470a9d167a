"""A study whose stages do a little arithmetic, to run the pipeline in milliseconds."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import Field, StrictInt

from mechval import tables
from mechval.config import Config
from mechval.pipeline import Stage, StageArtifacts, StageContext


class ToyProblem(Config):
    n_variables: StrictInt = Field(default=5, ge=3, le=8, description="an integer from 3 to 8")
    n_clauses: StrictInt = Field(default=10, ge=4, le=20, description="an integer from 4 to 20")


class ToySettings(Config, extra="allow"):
    """What the toy's stages read of the 2-SAT study's blocks; the others are taken unread."""

    problem: ToyProblem = ToyProblem()
    training: dict[str, Any] = Field(default_factory=dict)
    circuit: dict[str, Any] = Field(default_factory=dict)
    axioms: dict[str, Any] = Field(default_factory=lambda: {"confidence": 0.95})


Context = StageContext[ToySettings]


@dataclass(frozen=True)
class Facts:
    n: int = tables.told()
    satisfiable_count: int = tables.count(of="n")


@dataclass(frozen=True)
class Accuracy:
    accuracy: float = tables.rate()


@dataclass(frozen=True)
class Circuit:
    total: int = tables.told()
    threshold: float = tables.number()


@dataclass(frozen=True)
class Cell:
    name: str = tables.told()
    n: int = tables.told()
    disagreements: int = tables.count(of="n")
    epsilon: float = tables.rate()


@dataclass(frozen=True)
class Total:
    total: int = tables.told()


TABLES: Mapping[str, tuple[tables.Declared, ...]] = {
    "data": (tables.Record("data/facts.json", Facts),),
    "train": (tables.Record("train/metrics.json", Accuracy),),
    "circuit": (tables.Record("circuit/circuit.json", Circuit),),
    "axioms": (
        tables.Table("axioms/axioms.csv", Cell),
        tables.Record("axioms/metrics.json", Total),
    ),
    "report": (),
}


def save_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, sort_keys=True), encoding="utf-8")


def load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def make_data(context: Context) -> None:
    formulas = [context.seed, context.settings.problem.n_clauses]
    (context.bulk / "formulas.bin").write_bytes(bytes(formulas))
    save_json(context.directory / "facts.json", {"n": 1000, "satisfiable_count": 500})
    (context.directory / "card.md").write_text("A card.\n", encoding="utf-8")


def train(context: Context) -> None:
    weights = (context.upstream["data"].bulk / "formulas.bin").read_bytes()
    (context.directory / "weights.bin").write_bytes(weights)
    (context.bulk / "snapshot.bin").write_bytes(weights)
    save_json(context.directory / "metrics.json", {"accuracy": 0.9})


def reverify(context: Context, finished: StageArtifacts) -> None:
    assert (finished.directory / "weights.bin").exists()
    save_json(context.directory / "metrics.json", {"accuracy": 0.90001})


def extract(context: Context) -> None:
    total = sum((context.upstream["train"].directory / "weights.bin").read_bytes())
    save_json(context.directory / "circuit.json", {"total": total, "threshold": 0.5})


def evaluate(context: Context) -> None:
    total = load_json(context.upstream["circuit"].directory / "circuit.json")["total"]
    with (context.directory / "axioms.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["name", "n", "disagreements", "epsilon"])
        writer.writeheader()
        writer.writerow({"name": "parse", "n": 80_000, "disagreements": 40, "epsilon": 0.001})
    save_json(context.directory / "metrics.json", {"total": total})


def report(context: Context) -> None:
    table = (context.upstream["axioms"].directory / "axioms.csv").read_text(encoding="utf-8")
    (context.directory / "report.md").write_text(table, encoding="utf-8")


def toy_stages() -> tuple[Stage[ToySettings], ...]:
    code = ("mechval.errors",)
    return (
        Stage("data", (), code, make_data, lambda s: s.problem.model_dump()),
        Stage("train", ("data",), code, train, lambda s: s.training, reverify),
        Stage("circuit", ("train",), code, extract, lambda s: s.circuit),
        Stage("axioms", ("circuit",), code, evaluate, lambda s: s.axioms),
        Stage("report", ("axioms",), code, report, lambda _: {}),
    )


@dataclass(frozen=True)
class ToyStudy:
    """The toy; ``changes`` replaces fields of single stages."""

    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    name: str = "two_sat"
    settings: type[Config] = ToySettings

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(TABLES)

    def stages(self, settings: Any) -> tuple[Stage[Any], ...]:
        return tuple(
            replace(stage, **{"tables": TABLES[stage.name], **self.changes.get(stage.name, {})})
            for stage in toy_stages()
        )


def with_run(stage: str, run: Callable[[Context], None]) -> ToyStudy:
    """The toy with another body for one stage."""
    return ToyStudy({stage: {"run": run}})


STUDY = ToyStudy()
