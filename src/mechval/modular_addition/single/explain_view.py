"""One explained sum as tables for the terminal or a page."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from mechval.modular_addition.single.explain import CellOutcome, Explanation, Wave
from mechval.reporting.terminal import grid


def explanation_parts(explanation: Explanation) -> Iterator[RenderableType]:
    """What the network got, encodes and answers, and where the claim parts from it."""
    margins = (explanation.margin, explanation.program_margin)
    yield grid(
        ("who", "answer", "over the next best"),
        (
            ("network", str(explanation.answer), f"logit margin {margins[0]:.2f}"),
            ("program", str(explanation.program_answer), f"score margin {margins[1]:.2f}"),
            ("right", str(explanation.right), ""),
        ),
        title=f"The network is {'right' if explanation.answer == explanation.right else 'WRONG'}",
    )
    yield Text(f"tokens: {' '.join(explanation.tokens)}")
    yield grid(
        ("number", "k", "program cos", "sin", "network cos", "sin", "apart by"),
        map(_wave, explanation.waves),
        title="cos and sin of 2πk/p times the number: the program's, and read off the network by α",
    )
    yield grid(
        ("answer c", "network's logit", "program's Σ cos(w_k(a + b - c))"),
        ((str(c.answer), f"{c.logit:.2f}", f"{c.score:.3f}") for c in explanation.candidates),
        title="The network's best answers",
    )
    yield grid(
        ("axiom", "component", "network", "interpretation", ""),
        (
            (cell.axiom, cell.component, cell.network, cell.program, _verdict(cell))
            for cell in explanation.cells
        ),
        title=f"Axioms on this sum, {explanation.interpretation}",
    )
    n, n_apart = len(explanation.cells), sum(cell.disagrees for cell in explanation.cells)
    outcome = f"part ways in {n_apart} of {n} cells" if n_apart else f"agree in all {n} cells"
    yield Text(f"Network and interpretation {outcome}.", style="bold")


def _wave(wave: Wave) -> tuple[str, ...]:
    apart = max(abs(p - n) for p, n in zip(wave.program, wave.network, strict=True))
    parts = (f"{part:+.3f}" for part in (*wave.program, *wave.network))
    return (wave.number, str(wave.frequency), *parts, f"{apart:.3f}")


def _verdict(cell: CellOutcome) -> str:
    if not cell.disagrees:
        return ""
    return f"{cell.wrong} wrong" if cell.wrong else "DIFFERS"
