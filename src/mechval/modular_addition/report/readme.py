"""The modular-addition table of docs/RESULTS.md, from the committed runs' tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mechval.axioms.report import CELLS, Cell
from mechval.modular_addition.circuit.extract import FACTS
from mechval.modular_addition.network.training import ANSWERS, GROKKING
from mechval.reporting.readme import Block
from mechval.reporting.shown import markdown_of, show

_COLUMNS = {
    "add, answer: prefix equivalence": ("prefix equivalence/add", "prefix equivalence/answer"),
    "add, answer: component equivalence": (
        "component equivalence/add",
        "component equivalence/answer",
    ),
    "replaceability of embed, add prefix, add component": (
        "prefix replaceability/embed",
        "prefix replaceability/add",
        "component replaceability/add",
    ),
}


@dataclass(frozen=True)
class _Run:
    """A run in one row; ``cells`` are those of its main interpretation, by name."""

    name: str
    inputs: int
    wrong: int
    trained: str
    frequencies: str
    cells: Mapping[str, Cell]

    def counts(self, names: Sequence[str]) -> str:
        counts = [self.cells[name].disagreements for name in names]
        listed = ", ".join(f"{count:,}" for count in counts)
        return f"**MISSED**: {listed}" if any(counts) else listed


def modular_addition(runs: Mapping[str, Path]) -> str:
    """Disagreements of every run's main interpretation, on all inputs."""
    shown = show(
        [_run(name, path) for name, path in runs.items()],
        ("run", lambda run: f"`{run.name}`"),
        ("inputs", "inputs"),
        ("wrong answers", "wrong"),
        ("grokked, ended at step", "trained"),
        ("key frequencies", "frequencies"),
        *((title, lambda run, names=names: run.counts(names)) for title, names in _COLUMNS.items()),
    )
    return markdown_of(shown)


BLOCKS: Mapping[str, Block] = {"modular_addition": modular_addition}


def _run(name: str, path: Path) -> _Run:
    cells, answers = CELLS.read(path / "axioms"), ANSWERS.read(path / "train")
    trained = ""
    if (path / "train" / "grokking.json").is_file():
        found = GROKKING.read(path / "train")
        at = "never" if found.grokked_at_step is None else f"{found.grokked_at_step:,}"
        trained = f"{at}, {found.steps:,}"
    return _Run(
        name=name,
        inputs=answers.n,
        wrong=answers.wrong_count,
        trained=trained,
        frequencies=", ".join(map(str, FACTS.read(path / "circuit").key_frequencies)),
        cells={cell.name: cell for cell in cells if cell.interpretation == cells[0].interpretation},
    )
