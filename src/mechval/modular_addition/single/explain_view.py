"""One explained sum as tables for the terminal or a page."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from mechval.errors import MechvalError
from mechval.modular_addition.single.explain import Explanation, Wave, explain_sum, load_explained
from mechval.pipeline.run import FinishedRun
from mechval.reporting.terminal import Explained, grid, parting, verdict

_NUMBER = re.compile(r"-?[0-9]{1,9}")


def explain_words(
    run: FinishedRun, asked: Sequence[str], *, seed: int | None, checkpoint: Path | None
) -> Explained:
    """What a run's network does with a sum, asked as two numbers and never drawn with a ``seed``.

    Raises MechvalError for other words, or as :func:`load_explained`.
    """
    if seed is not None:
        raise MechvalError(f"seed={seed} with a sum is not allowed; allowed: the sum alone.")
    if len(asked) != 2 or not all(map(_NUMBER.fullmatch, asked)):
        raise MechvalError(f"{' '.join(asked)!r} is not allowed; allowed: two integers, a and b.")
    explained = load_explained(run, checkpoint)
    found = explain_sum(explained, int(asked[0]), int(asked[1]))
    return Explained(tuple(explanation_parts(found)))


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
            (c.axiom, c.component, c.network, c.program, verdict(c.disagrees, c.wrong))
            for c in explanation.cells
        ),
        title=f"Axioms on this sum, {explanation.interpretation}",
    )
    yield parting(sum(cell.disagrees for cell in explanation.cells), len(explanation.cells))


def _wave(wave: Wave) -> tuple[str, ...]:
    apart = max(abs(p - n) for p, n in zip(wave.program, wave.network, strict=True))
    parts = (f"{part:+.3f}" for part in (*wave.program, *wave.network))
    return (wave.number, str(wave.frequency), *parts, f"{apart:.3f}")
