"""Answers to a reviewer's questions, by stated rules from the axiom table; no verdict is written
by hand."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from scipy.stats import binom

from mechval.axioms import Axiom, Cell, CellName, EvidenceKind, Verdict, simultaneous_confidence
from mechval.errors import MechvalError
from mechval.reporting.report import paragraphs
from mechval.reporting.shown import Pick, Shown, by, show, significant


@dataclass(frozen=True)
class Answer:
    """An answer from tables: a few words, what they rest on, rows to unfold, and its tone.

    Sentences have N and the kind of evidence; tones are ``good``, ``mixed``, ``bad`` and ``none``.
    """

    verdict: str
    sentences: tuple[str, ...]
    details: Shown | None = None
    tone: str = "none"


@dataclass(frozen=True)
class Judged:
    """The claimed interpretation's cells, repetitions too, and those of null networks, by network.

    An ε at or below the ``bar`` counts as holding; cells that are ``proved``, named as
    ``interpretation/axiom/component``, hold on every input with ε = 0. ``is_shuffled`` says that
    the verdicts tell of every cell whether a shuffled program passes it.
    """

    cells: Sequence[Cell]
    nulls: Mapping[str, Sequence[Cell]]
    bar: float
    proved: Collection[str] = ()
    is_shuffled: bool = False

    @property
    def distinct(self) -> list[Cell]:
        """The cells that measure something of their own."""
        return [cell for cell in self.cells if cell.is_distinct]

    def is_proved(self, cell: Cell) -> bool:
        """Whether the cell is certified on every input."""
        return f"{cell.interpretation}/{cell.name}" in self.proved

    def bound(self, cell: Cell) -> float:
        """0 where that is proved, else what bounds all cells at once."""
        return 0.0 if self.is_proved(cell) else cell.epsilon_simultaneous

    def holds(self, cell: Cell) -> bool:
        """Whether the bound is at or below the bar and no constant or shuffled program passes."""
        return self.bound(cell) <= self.bar and not is_trivial(cell)


def claimed(cells: Sequence[Cell]) -> list[Cell]:
    """The cells of the first interpretation of a table."""
    return [cell for cell in cells if cell.interpretation == cells[0].interpretation]


def counted(cell: Cell) -> str:
    """The count in words, e.g. ``29 of 80,000, sampled``."""
    return f"{cell.disagreements:,} of {cell.n:,}, {cell.kind}"


def name_of(cell: CellName) -> str:
    """How a cell is called in sentences."""
    return f"{cell.component}, {cell.axiom}"


def evidence(cells: Iterable[Cell]) -> str:
    """The kinds of evidence behind cells, with N, such as ``sampled, N = 80,000``."""
    return " and ".join(f"{kind}, N = {n:,}" for kind, n in sorted({(c.kind, c.n) for c in cells}))


def is_trivial(cell: Cell) -> bool:
    """Whether a constant or a shuffled program does as well: a small ε says nothing there."""
    return cell.verdict not in (Verdict.NOT_JUDGED, Verdict.BETTER)


def four_questions(
    judged: Callable[[], Judged], third: Mapping[str, tuple[str, Callable[[], Answer]]]
) -> dict[str, tuple[str, Answer]]:
    """The questions of a reviewer, answered from the tables, or why they cannot be.

    What the answers are made from, and the rule of the third question, may raise MechvalError.
    """
    weakest = "Which axiom is weakest, and by how much?"
    asked = {
        "confirmed": ("Is the claim confirmed?", lambda: answer_confirmed(judged())),
        "weakest": (weakest, lambda: answer_weakest(judged())),
        **third,
        "failure": ("What would make the claim fail?", lambda: answer_failure(judged())),
    }
    return {name: (question, _answered(rule)) for name, (question, rule) in asked.items()}


def _answered(rule: Callable[[], Answer]) -> Answer:
    try:
        return rule()
    except MechvalError as error:
        return Answer("No answer yet", (str(error),))


def answer_confirmed(judged: Judged) -> Answer:
    """Is the claim confirmed?"""
    cells = judged.distinct
    missed = [cell for cell in cells if not judged.holds(cell)]
    trivial = any(map(is_trivial, missed))
    parts = {
        "trivial": trivial,
        "missed": list(map(_described, missed)),
        "largest": significant(max(map(judged.bound, cells))),
        "sampled": significant(max(cell.epsilon_simultaneous for cell in cells)),
        "held": len(cells) - len(missed),
        "evidence": evidence(cells),
    }
    tone = "bad" if trivial else "mixed" if missed else "good"
    return _answer("confirmed.md", judged, parts, tone=tone)


def answer_weakest(judged: Judged) -> Answer:
    """Which axiom is weakest, and by how much?"""
    ordered = sorted(judged.distinct, key=lambda cell: -cell.epsilon_simultaneous)
    ordered.sort(key=judged.bound, reverse=True)
    top, *others = (list(group) for _, group in groupby(ordered, judged.bound))
    rest = [cell for group in others for cell in group]
    parts: dict[str, Any] = {
        "names": " and ".join(f"{cell.axiom} of {cell.component}" for cell in top),
        "largest": _bounded(top[0]),
        "n_rest": len(rest),
        "times": "",
    }
    if rest and judged.bound(rest[0]) > 0:
        ratio = judged.bound(top[0]) / judged.bound(rest[0])
        parts["times"] = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
        parts["next"] = f"{rest[0].axiom} of {rest[0].component}: {_bounded(rest[0])}"
    by_axiom = by(ordered, "axiom")
    details = show(
        [by_axiom[axiom][0] for axiom in Axiom if axiom in by_axiom],
        "axiom",
        ("its weakest component", "component"),
        "epsilon_simultaneous",
        ("disagreements", counted),
        *_on_every_input(judged),
    )
    return _answer("weakest.md", judged, parts, details)


def answer_failure(judged: Judged) -> Answer:
    """What would make the claim fail?"""
    cells = judged.distinct
    limits = {cell.name: fails_at(cell, len(cells), judged.bar) for cell in cells}
    gap, closest = min(
        ((limits[cell.name] - cell.disagreements, cell) for cell in cells), key=lambda item: item[0]
    )
    failing = [name_of(cell) for cell in cells if not judged.holds(cell)]
    details = show(
        cells,
        ("cell", name_of),
        ("evidence", "kind"),
        ("found", "disagreements"),
        ("fails from", lambda cell: limits[cell.name]),
        ("of N", "n"),
        *_on_every_input(judged),
    )
    parts = {"failing": failing, "gap": gap, "closest": name_of(closest), "closest_n": closest.n}
    return _answer("failure.md", judged, parts, details, "mixed" if failing else "good")


def fails_at(cell: Cell, n_cells: int, bar: float) -> int:
    """The smallest number of disagreements at which a cell's bound is above the bar."""
    if cell.kind is not EvidenceKind.SAMPLED or cell.confidence is None:
        return math.floor(bar * cell.n) + 1
    # The Clopper-Pearson bound of a count is above the bar once at most so many are likely there.
    confidence = simultaneous_confidence(cell.confidence, n_cells)
    return int(binom.ppf(1 - confidence, cell.n, bar))


def _answer(
    template: str,
    judged: Judged,
    parts: Mapping[str, Any],
    details: Shown | None = None,
    tone: str = "none",
) -> Answer:
    """The template's first paragraph is the verdict."""
    of_nulls = [c for own in judged.nulls.values() for c in claimed(own) if c.is_distinct]
    nulls = Judged(of_nulls, {}, judged.bar)
    common = {
        "n": len(judged.distinct),
        "proved": sum(map(judged.is_proved, judged.distinct)),
        "bar": f"{judged.bar:g}",
        "is_shuffled": judged.is_shuffled,
        "nulls": list(judged.nulls) if of_nulls else (),
        "n_nulls": len(of_nulls),
        "held_on_nulls": sum(map(nulls.holds, of_nulls)),
        "evidence_on_nulls": evidence(of_nulls),
    }
    verdict, *told = paragraphs("mechval.reporting", template, **parts, **common)
    return Answer(verdict, tuple(told), details, tone)


def _on_every_input(judged: Judged) -> list[Pick]:
    """A column beside the sampled bounds, where any cell is proved."""
    if not any(map(judged.is_proved, judged.cells)):
        return []
    return [("ε on every input", lambda cell: "0 (certified)" if judged.is_proved(cell) else "")]


def _bounded(cell: Cell) -> str:
    return f"simultaneous ε = {significant(cell.epsilon_simultaneous)} ({counted(cell)})"


def _described(cell: Cell) -> str:
    return f"{name_of(cell)} ({_bounded(cell)}, compared as {cell.equivalence})"
