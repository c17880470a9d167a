"""Answers to a reviewer's questions, by stated rules from the axiom table; no verdict is written
by hand."""

import math
from collections.abc import Sequence

from mechval.axioms import clopper_pearson_upper, simultaneous_confidence
from mechval.reporting.markdown import significant
from mechval.reporting.page.cells import PageCell
from mechval.reporting.page.content import Answer


def distinct(cells: Sequence[PageCell]) -> list[PageCell]:
    """The cells that measure something of their own."""
    return [cell for cell in cells if cell.is_distinct]


def confirmed_rule(bar: float) -> str:
    """The rule, for readers."""
    return (
        "ε is an upper bound of how often network and program part ways. "
        f"Rule: confirmed if ε of every distinct cell is at most {bar:g} (all bounds at once) and "
        "every cell that compares answers beats a program that always answers the same; not "
        "confirmed if one of the latter does not beat it; else confirmed in part."
    )


def answer_confirmed(cells: Sequence[PageCell], nulls: Sequence[PageCell], bar: float) -> Answer:
    """Is the claim confirmed?"""
    own = distinct(cells)
    trivial = [cell for cell in own if cell.passes_nothing]
    over = [cell for cell in own if cell.bound > bar]
    largest = max(own, key=lambda cell: cell.bound)
    if trivial:
        verdict, tone, named = "Not confirmed", "bad", trivial
    elif over:
        verdict, tone, named = "Confirmed in part", "mixed", over
    else:
        verdict, tone, named = f"Confirmed, up to ε = {significant(largest.bound)}", "good", []
    held = sum(cell.holds(bar) for cell in own)
    sentences = [f"{held} of {len(own)} distinct cells of the axiom table hold ({_kinds(own)})."]
    if named:
        sentences.append(f"Not holding: {'; '.join(map(_described, named))}.")
    sentences += [*_null_sentence(nulls, bar), confirmed_rule(bar)]
    return Answer(verdict, tuple(sentences), tone=tone)


def answer_weakest(cells: Sequence[PageCell]) -> Answer:
    """Which axiom is weakest, and by how much?"""
    own = sorted(distinct(cells), key=lambda cell: -cell.bound)
    top = [cell for cell in own if cell.bound == own[0].bound]
    rest = [cell for cell in own if cell.bound < own[0].bound]
    names = " and ".join(f"{cell.axiom} of {cell.component}" for cell in top)
    sentences = [
        f"ε = {significant(top[0].bound)} ({top[0].counted}), the largest of {len(own)} distinct "
        "cells."
    ]
    if rest and rest[0].bound > 0:
        sentences.append(
            f"That is {_ratio(top[0], rest[0])} times the next one, {rest[0].axiom} of "
            f"{rest[0].component}: ε = {significant(rest[0].bound)} ({rest[0].counted})."
        )
    elif rest:
        sentences.append(f"All other {len(rest)} cells have no disagreement at all.")
    rows = [_axiom_row(axiom, own) for axiom in dict.fromkeys(cell.axiom for cell in cells)]
    header = ("axiom", "its weakest component", "ε", "disagreements")
    return Answer(_first_upper(names), tuple(sentences), header, tuple(filter(None, rows)))


def answer_failure(cells: Sequence[PageCell], nulls: Sequence[PageCell], bar: float) -> Answer:
    """What would make the claim fail?"""
    own = distinct(cells)
    rows = [(*_named(cell), *_needed(cell, len(own), bar)) for cell in own]
    closest = min(own, key=lambda cell: fails_at(cell, len(own), bar) - cell.disagreements)
    gap = fails_at(closest, len(own), bar) - closest.disagreements
    failing = [cell for cell in own if not cell.holds(bar)]
    if failing:
        names = "; ".join(cell.name for cell in failing)
        verdict = f"{len(failing)} of {len(own)} cells fail already: {names}"
    else:
        verdict = (
            f"{gap:,} more disagreements of {closest.n:,} in {closest.name}, or in another cell "
            "as many as listed below"
        )
    sentences = (
        f"A cell fails once its ε is above {bar:g}, or once a program that always answers the "
        "same does as well.",
        *_null_sentence(nulls, bar),
    )
    header = ("cell", "evidence", "found", "fails from", "of N")
    tone = "mixed" if failing else "good"
    return Answer(verdict, sentences, header, tuple(rows), tone)


def fails_at(cell: PageCell, n_cells: int, bar: float) -> int:
    """The smallest number of disagreements at which a cell's bound is above the bar."""
    if cell.kind != "sampled" or cell.confidence is None:
        return math.floor(bar * cell.n) + 1
    confidence = cell.confidence
    if cell.simultaneous is not None:
        confidence = simultaneous_confidence(confidence, n_cells)
    low, high = 0, cell.n
    while low < high:
        middle = (low + high) // 2
        if clopper_pearson_upper(middle, cell.n, confidence) > bar:
            high = middle
        else:
            low = middle + 1
    return low


def _described(cell: PageCell) -> str:
    compared = f", compared as {cell.equivalence}" if cell.equivalence else ""
    return f"{cell.name} (ε {significant(cell.bound)}, {cell.counted}{compared})"


def _ratio(larger: PageCell, smaller: PageCell) -> str:
    ratio = larger.bound / smaller.bound
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _needed(cell: PageCell, n_cells: int, bar: float) -> tuple[str, str, str]:
    return f"{cell.disagreements:,}", f"{fails_at(cell, n_cells, bar):,}", f"{cell.n:,}"


def _named(cell: PageCell) -> tuple[str, str]:
    return cell.name, cell.kind


def _axiom_row(axiom: str, own: Sequence[PageCell]) -> tuple[str, ...]:
    of_axiom = [cell for cell in own if cell.axiom == axiom]
    if not of_axiom:
        return ()
    worst = max(of_axiom, key=lambda cell: cell.bound)
    return axiom, worst.component, significant(worst.bound), worst.counted


def _null_sentence(nulls: Sequence[PageCell], bar: float) -> tuple[str, ...]:
    own = distinct(nulls)
    if not own:
        return ()
    networks = ", ".join(dict.fromkeys(cell.group.partition(" · ")[0] for cell in own))
    held = sum(cell.holds(bar) for cell in own)
    return (
        f"On networks for which the claim is false ({networks}), {held} of {len(own)} cells hold "
        f"by the same rule ({_kinds(own)}).",
    )


def _kinds(cells: Sequence[PageCell]) -> str:
    groups = sorted({(cell.kind, cell.n) for cell in cells})
    return ", ".join(f"{kind}, N = {n:,}" for kind, n in groups)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
