"""One explained sum as tables for the terminal or a page."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from mechval.modular_addition.single.explain import CellOutcome, Explanation
from mechval.reporting.terminal import grid


def explanation_parts(explanation: Explanation) -> Iterator[RenderableType]:
    """What the network got, encodes and answers, and where the claim parts from it."""
    yield _answers(explanation)
    yield Text(f"tokens: {' '.join(explanation.tokens)}")
    yield _waves(explanation)
    yield _candidates(explanation)
    yield _cells(explanation)
    yield Text(_parting(explanation.cells), style="bold")


def _answers(explanation: Explanation) -> RenderableType:
    rows = [
        ("network", str(explanation.answer), f"logit margin {explanation.margin:.2f}"),
        (
            "program",
            str(explanation.program_answer),
            f"score margin {explanation.program_margin:.2f}",
        ),
        ("right", str(explanation.right), ""),
    ]
    verdict = "right" if explanation.answer == explanation.right else "WRONG"
    return grid(("who", "answer", "over the next best"), rows, title=f"The network is {verdict}")


def _waves(explanation: Explanation) -> RenderableType:
    rows = [
        (
            wave.number,
            str(wave.frequency),
            *(f"{part:+.3f}" for part in (*wave.program, *wave.network)),
            f"{wave.error:.3f}",
        )
        for wave in explanation.waves
    ]
    columns = ("number", "k", "program cos", "sin", "network cos", "sin", "apart by")
    title = "cos and sin of 2πk/p times the number: by the program, and read off the network by α"
    return grid(columns, rows, title=title)


def _candidates(explanation: Explanation) -> RenderableType:
    rows = [
        (str(candidate.answer), f"{candidate.logit:.2f}", f"{candidate.score:.3f}")
        for candidate in explanation.candidates
    ]
    columns = ("answer c", "network's logit", "program's Σ cos(w_k(a + b - c))")
    return grid(columns, rows, title="The network's best answers")


def _cells(explanation: Explanation) -> RenderableType:
    rows = [
        (cell.axiom, cell.component, cell.network, cell.interpreted, _verdict(cell))
        for cell in explanation.cells
    ]
    columns = ("axiom", "component", "network", "interpretation", "")
    return grid(columns, rows, title=f"Axioms on this sum, {explanation.interpretation}")


def _verdict(cell: CellOutcome) -> str:
    if not cell.disagrees:
        return ""
    return f"{cell.wrong} wrong" if cell.wrong else "DIFFERS"


def _parting(cells: tuple[CellOutcome, ...]) -> str:
    n_apart = sum(cell.disagrees for cell in cells)
    if not n_apart:
        return f"Network and interpretation agree in all {len(cells)} cells."
    return f"Network and interpretation part ways in {n_apart} of {len(cells)} cells."
