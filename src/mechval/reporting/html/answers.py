"""Answers to a reviewer's questions, by stated rules from the axiom table; no verdict is written
by hand."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binom

from mechval.axioms import Axiom, Cell, EvidenceKind, Verdict, simultaneous_confidence
from mechval.reporting.html.charts import evidence, strongest
from mechval.reporting.html.content import Answer
from mechval.reporting.shown import show, significant


@dataclass(frozen=True)
class Judged:
    """What the rules judge.

    Attributes:
        cells: of the claimed interpretation, one row each, repetitions too.
        nulls: the same of networks that the claim is false for, by network.
        bar: an ε at or below it counts as holding.
    """

    cells: Sequence[Cell]
    nulls: Mapping[str, Sequence[Cell]]
    bar: float

    @property
    def distinct(self) -> list[Cell]:
        """The cells that measure something of their own."""
        return [cell for cell in self.cells if cell.is_distinct]


def claimed(cells: Sequence[Cell]) -> list[Cell]:
    """The cells of the first interpretation of a table, one row each."""
    return strongest(cell for cell in cells if cell.interpretation == cells[0].interpretation)


def holds(cell: Cell, bar: float) -> bool:
    """Whether the bound is at or below the bar and no constant answer does as well."""
    return cell.epsilon_simultaneous <= bar and not _is_trivial(cell)


def counted(cell: Cell) -> str:
    """The count in words, e.g. ``29 of 80,000, sampled``."""
    return f"{cell.disagreements:,} of {cell.n:,}, {cell.kind}"


def name_of(cell: Cell) -> str:
    """How a cell is called in sentences."""
    return f"{cell.component}, {cell.axiom}"


def answer_confirmed(judged: Judged) -> Answer:
    """Is the claim confirmed?"""
    cells, bar = judged.distinct, judged.bar
    trivial = [cell for cell in cells if _is_trivial(cell)]
    over = [cell for cell in cells if cell.epsilon_simultaneous > bar]
    largest = max(cell.epsilon_simultaneous for cell in cells)
    if trivial:
        verdict, tone = "Not confirmed", "bad"
    elif over:
        verdict, tone = "Confirmed in part", "mixed"
    else:
        verdict, tone = f"Confirmed, up to ε = {significant(largest)}", "good"
    held = sum(holds(cell, bar) for cell in cells)
    sentences = [
        f"{held} of {len(cells)} distinct cells of the axiom table hold ({evidence(cells)})."
    ]
    if named := trivial or over:
        sentences.append(f"Not holding: {'; '.join(map(_described, named))}.")
    rule = (
        "ε is an upper bound of how often network and program part ways. "
        f"Rule: confirmed if ε of every distinct cell is at most {bar:g} (all bounds at once) and "
        "every cell that compares answers beats a program that always answers the same; not "
        "confirmed if one of the latter does not beat it; else confirmed in part."
    )
    return Answer(verdict, (*sentences, *_null_sentence(judged), rule), tone=tone)


def answer_weakest(judged: Judged) -> Answer:
    """Which axiom is weakest, and by how much?"""
    ordered = sorted(judged.distinct, key=lambda cell: cell.epsilon_simultaneous, reverse=True)
    largest = ordered[0].epsilon_simultaneous
    top = [cell for cell in ordered if cell.epsilon_simultaneous == largest]
    rest = ordered[len(top) :]
    sentences = [f"{_bounded(top[0])}, the largest of {len(ordered)} distinct cells."]
    if rest and rest[0].epsilon_simultaneous > 0:
        ratio = largest / rest[0].epsilon_simultaneous
        times = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
        sentences.append(
            f"That is {times} times the next one, {rest[0].axiom} of {rest[0].component}: "
            f"{_bounded(rest[0])}."
        )
    elif rest:
        sentences.append(f"All other {len(rest)} cells have no disagreement at all.")
    # The largest of each axiom is the last to be put in, so it is the one that stays.
    weakest = {cell.axiom: cell for cell in reversed(ordered)}
    details = show(
        [weakest[axiom] for axiom in Axiom if axiom in weakest],
        "axiom",
        ("its weakest component", "component"),
        ("ε", "epsilon_simultaneous"),
        ("disagreements", counted),
    )
    names = " and ".join(f"{cell.axiom} of {cell.component}" for cell in top)
    return Answer(names[:1].upper() + names[1:], tuple(sentences), details)


def answer_failure(judged: Judged) -> Answer:
    """What would make the claim fail?"""
    cells, bar = judged.distinct, judged.bar
    limits = {cell.name: fails_at(cell, len(cells), bar) for cell in cells}
    closest = min(cells, key=lambda cell: limits[cell.name] - cell.disagreements)
    told = []
    if failing := [cell for cell in cells if not holds(cell, bar)]:
        verdict, tone = f"{len(failing)} of {len(cells)} cells fail already", "mixed"
        told.append(f"Failing: {'; '.join(map(name_of, failing))}.")
    else:
        gap = limits[closest.name] - closest.disagreements
        verdict, tone = (
            f"{gap:,} more disagreements of {closest.n:,} in {name_of(closest)}, or in another "
            "cell as many as listed below",
            "good",
        )
    told.append(
        f"A cell fails once its ε is above {bar:g}, or once a program that always answers the "
        "same does as well."
    )
    details = show(
        cells,
        ("cell", name_of),
        ("evidence", "kind"),
        ("found", "disagreements"),
        ("fails from", lambda cell: limits[cell.name]),
        ("of N", "n"),
    )
    return Answer(verdict, (*told, *_null_sentence(judged)), details, tone)


def fails_at(cell: Cell, n_cells: int, bar: float) -> int:
    """The smallest number of disagreements at which a cell's bound is above the bar."""
    if cell.kind is not EvidenceKind.SAMPLED or cell.confidence is None:
        return math.floor(bar * cell.n) + 1
    # The Clopper-Pearson bound of a count is above the bar once at most so many are likely there.
    confidence = simultaneous_confidence(cell.confidence, n_cells)
    return int(binom.ppf(1 - confidence, cell.n, bar))


def _is_trivial(cell: Cell) -> bool:
    return cell.verdict in (Verdict.NOT_BETTER, Verdict.CONSTANT_NETWORK)


def _bounded(cell: Cell) -> str:
    return f"ε = {significant(cell.epsilon_simultaneous)} ({counted(cell)})"


def _described(cell: Cell) -> str:
    return f"{name_of(cell)} ({_bounded(cell)}, compared as {cell.equivalence})"


def _null_sentence(judged: Judged) -> tuple[str, ...]:
    cells = [c for own in judged.nulls.values() for c in claimed(own) if c.is_distinct]
    if not cells:
        return ()
    held = sum(holds(cell, judged.bar) for cell in cells)
    return (
        f"On networks for which the claim is false ({', '.join(judged.nulls)}), {held} of "
        f"{len(cells)} cells hold by the same rule ({evidence(cells)}).",
    )
