"""The page of a claim of one's own: claim, four answers, cells, controls, where it fails."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mechval.axioms import (
    AxiomReport,
    Cell,
    Controls,
    Failures,
    Interpretation,
    ValidationResult,
    Verdict,
    cut_network,
    guarding,
)
from mechval.axioms.controls import CLAIM
from mechval.axioms.result import BAR
from mechval.reporting.html import answers, page, render
from mechval.reporting.html.answers import Answer
from mechval.reporting.html.render import Rendered
from mechval.reporting.report import Chart, Section, paragraphs
from mechval.reporting.shown import by, show
from mechval.tables import columns_of


def build_claim_page(
    folder: Path,
    reference: str,
    claims: Sequence[Interpretation],
    result: ValidationResult,
    controls: Sequence[Controls],
    facts: Mapping[str, str],
) -> Path:
    """Write ``index.html`` into the folder.

    Result and controls are those of the claims, in their order; ``facts`` are what the page tells
    of its own making. Raises MechvalError if it cannot be written.
    """
    cells = {report.interpretation: _cells(report) for report in result.reports}
    text = page.render_template(
        "claim.html.j2",
        title=claims[0].name,
        reference=reference,
        verdict=result.verdict,
        claims={
            claim.name: {"content": _drawn(claim), "questions": _four_questions(own, each)}
            for claim, own, each in zip(claims, cells.values(), controls, strict=True)
        },
        sections=_sections(result, cells, controls, facts),
    )
    return page.write(folder / "index.html", text)


def _drawn(claim: Interpretation) -> Mapping[str, Any]:
    """The components of network and program side by side, by the names that they have."""
    last = claim.n_components - 1
    steps = [
        page.Component(
            name=name,
            network=run.told if isinstance(run, cut_network.Component) else guarding.name_of(run),
            program=guarding.name_of(claim.abstract[at]),
            network_state="output" if at == last else f"state {at + 1}",
            program_state=claim.equivalences[at + 1].name,
        )
        for at, (name, run) in enumerate(zip(claim.components, claim.concrete, strict=True))
    ]
    return {"input_state": "input", "components": steps}


def _cells(report: AxiomReport) -> list[Cell]:
    """The distinct cells; one that a shuffled program passes says so by its verdict."""
    passed = {cell.name for cell in report.shuffled if cell.passes}
    return [
        replace(cell, verdict=Verdict.SHUFFLED_PASSES) if cell.name in passed else cell
        for cell in report.cells
        if cell.is_distinct
    ]


def _four_questions(cells: Sequence[Cell], controls: Controls) -> dict[str, tuple[str, Answer]]:
    judged = answers.Judged(cells, {}, BAR, is_shuffled=True)
    tried = "What else would pass?", lambda: _answer_controls(controls)
    return answers.four_questions(lambda: judged, {"controls": tried})


def _answer_controls(controls: Controls) -> Answer:
    tried = by((cell for cell in controls.cells if cell.control != CLAIM), "control")
    passed = [cell for own in tried.values() for cell in own if cell.passes]
    verdict, *told = paragraphs(
        "mechval.reporting",
        "controls.md",
        controls=list(tried),
        passed=[f"{cell.control} in {answers.name_of(cell)}" for cell in passed],
        n=sum(map(len, tried.values())),
        n_samples=controls.cells[0].n,
        left_out=controls.left_out or "",
    )
    details = show(
        tried.items(),
        ("control", lambda item: item[0]),
        ("cells", lambda item: len(item[1])),
        ("as well as the claim", lambda item: sum(cell.passes for cell in item[1])),
        ("lowest rate", lambda item: min(cell.rate for cell in item[1])),
    )
    return Answer(verdict, tuple(told), details, "mixed" if passed else "good")


def _sections(
    result: ValidationResult,
    cells: Mapping[str, Sequence[Cell]],
    controls: Sequence[Controls],
    facts: Mapping[str, str],
) -> list[Rendered]:
    drawn = render.chart(Chart("cells", "ε of every cell", cells))
    counted = "interpretation axiom component disagreements n rate epsilon"
    bounds = f"{counted} epsilon_simultaneous equivalence verdict"
    every = [cell for own in cells.values() for cell in own]
    beside = [cell for report in result.reports for cell in report.shuffled]
    against = "cell first second only_first only_second both difference p_value"
    told = show(facts, ("what", str), ("value", facts.__getitem__))
    return [
        _section("Cells", bounds, every, drawn),
        *_partial_sections(result),
        *(_failures(each) for each in result.failures),
        _section(
            "Controls",
            f"interpretation control {counted.partition(' ')[2]} passes",
            [cell for each in controls for cell in each.cells],
        ),
        *([_section("Claims compared", against, result.comparisons)] if result.comparisons else []),
        _section("Shuffled program", f"{counted} passes", beside),
        _section("Baselines", "interpretation baseline n disagreements rate", result.baselines),
        Rendered("provenance", "Provenance", render.table(told)),
    ]


def _partial_sections(result: ValidationResult) -> Iterator[Rendered]:
    """The partial cells of the claims that state their variables."""
    counted = "disagreements n rate epsilon"
    if result.partial_cells:
        yield _section(
            "Interchange of single variables",
            f"interpretation cell component variable {counted} no_op_rate kind",
            [row for each in result.partial_cells for row in each.interchanges.rows],
        )
        yield _section(
            "Mixed and unmapped states",
            f"interpretation cell component {counted} described kind",
            [row for each in result.partial_cells for row in each.rows],
        )


def _section(title: str, columns: str, rows: Sequence[Any], above: str = "") -> Rendered:
    place = render.identifier(title)
    return Rendered(place, title, above + render.table(show(rows, columns), f"table-{place}"))


def _failures(failures: Failures) -> Rendered:
    """A folded part for each cell that fails: in which parts, strata and samples."""
    parts = {
        "n": failures.cells[0].n,
        "held": [cell.cell for cell in failures.cells if not cell.disagreements],
        "failing": {
            cell: [
                show(rows, *columns_of(type(rows[0])))
                for rows in (cell.parts, cell.strata, cell.worst)
                if rows
            ]
            for cell in failures.cells
            if cell.disagreements
        },
    }
    section = Section(f"Where {failures.interpretation} fails", "failures.md", parts)
    return render.fold_parts(render.render_section(section, "mechval.reporting"))
