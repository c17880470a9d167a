"""The modular-addition table of docs/RESULTS.md, from the committed runs' tables."""

from collections.abc import Iterable, Mapping
from functools import partial

from mechval import axioms
from mechval.axioms import Cell
from mechval.modular_addition.circuit.extract import FACTS
from mechval.modular_addition.network.training import ANSWERS, GROKKING
from mechval.modular_addition.report.content import asked_for, main_cells
from mechval.reporting.filled_blocks import Block
from mechval.reporting.report import RunFiles
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


def modular_addition(runs: Mapping[str, RunFiles]) -> str:
    """Disagreements of every run's main interpretation, on all inputs, beside the paper's rules."""
    cells = {name: {cell.name: cell for cell in main_cells(own)} for name, own in runs.items()}
    answers = {name: own.record(ANSWERS) for name, own in runs.items()}

    def counts(run: str, names: tuple[str, ...]) -> str:
        if not cells[run]:
            return "the claim cannot be stated"
        found = [cells[run][name].disagreements for name in names]
        return f"**MISSED**: {_listed(found)}" if any(found) else _listed(found)

    shown = show(
        runs,
        ("run", lambda run: f"`{run}`"),
        ("inputs", lambda run: answers[run].n),
        ("wrong answers", lambda run: answers[run].wrong_count),
        ("grokked, ended at step", lambda run: _trained(runs[run])),
        ("key frequencies", lambda run: _listed(runs[run].record(FACTS).key_frequencies)),
        *((title, partial(counts, names=names)) for title, names in _COLUMNS.items()),
        ("all of these cells by the paper's rules", lambda run: _failing(_by_the_paper(runs[run]))),
    )
    trained = [own for own in runs.values() if own.has(GROKKING)]
    ours, papers = (
        sum(_failing(choice(own)) == 0 for own in trained) for choice in (main_cells, _by_the_paper)
    )
    told = f"0 in each of these cells: {ours} of the {len(trained)} networks trained here"
    return f"{markdown_of(shown)}\n\n{told}; by the paper's rules {papers}."


BLOCKS: Mapping[str, Block] = {"modular_addition": modular_addition}


def _listed(counts: Iterable[int]) -> str:
    return ", ".join(f"{count:,}" for count in counts)


def _by_the_paper(files: RunFiles) -> list[Cell]:
    """Where the main interpretation has other choices: the paper's frequencies and regressions."""
    main = main_cells(files)
    paper = {"program": "embedding", "reading": "all_tokens"}
    tags = {**main[0].tags, **paper} if main else {}
    return [cell for cell in files.rows(axioms.CELLS) if cell.tags == tags]


def _failing(cells: list[Cell]) -> int | None:
    return sum(cell.disagreements for cell in asked_for(cells)) if cells else None


def _trained(files: RunFiles) -> str:
    if not files.has(GROKKING):
        return ""
    found = files.record(GROKKING)
    at = "never" if found.grokked_at_step is None else f"{found.grokked_at_step:,}"
    return f"{at}, {found.steps:,}"
