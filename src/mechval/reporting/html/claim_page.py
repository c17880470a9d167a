"""The page of a claim of one's own: verdict, cells, controls, where it fails, provenance."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mechval.axioms import Controls, Failures, ValidationResult
from mechval.reporting.html import page, render
from mechval.reporting.html.render import Rendered
from mechval.reporting.shown import Shown, show

FIGURE = "cells"


def build_claim_page(
    folder: Path,
    reference: str,
    result: ValidationResult,
    controls: Sequence[Controls],
    failures: Sequence[Failures],
    facts: Mapping[str, str],
) -> Path:
    """Write ``index.html`` into the folder, in which ``cells.svg`` stands already.

    ``facts`` are what the page tells of its own making. Raises MechvalError if it cannot be
    written.
    """
    name = result.reports[0].interpretation
    picture = (folder / f"{FIGURE}.svg").read_text(encoding="utf-8")
    cells = [cell for report in result.reports for cell in report.cells if cell.is_distinct]
    beside = [cell for report in result.reports for cell in report.shuffled]
    estimate = "disagreements n rate epsilon"
    sections = [
        _section("Cells", f"interpretation axiom component {estimate} equivalence", cells),
        Rendered("figure", "All cells", f'<figure class="picture">{_inline(picture)}</figure>'),
        _section("Shuffled program", f"interpretation axiom component {estimate} passes", beside),
        _section("Baselines", "interpretation baseline n disagreements rate", result.baselines),
        _section(
            "Controls",
            f"interpretation control axiom component {estimate} passes",
            [cell for each in controls for cell in each.cells],
        ),
        *(_failures(each) for each in failures),
        Rendered("provenance", "Provenance", render.table(_facts(facts))),
    ]
    if result.comparisons:
        columns = "cell first second only_first only_second both difference p_value"
        sections.insert(2, _section("Claims compared", columns, result.comparisons))
    text = page.render_template(
        "claim.html.j2", title=name, reference=reference, verdict=result.verdict, sections=sections
    )
    return page.write(folder / "index.html", text)


def _section(title: str, columns: str, rows: Sequence[object]) -> Rendered:
    place = render.identifier(title)
    return Rendered(place, title, render.table(show(rows, columns), f"table-{place}"))


def _failures(failures: Failures) -> Rendered:
    _, _, text = failures.to_markdown().partition("\n")
    title = f"Where {failures.interpretation} fails"
    return Rendered(render.identifier(title), title, render.markdown(text))


def _inline(picture: str) -> str:
    """The SVG without its XML declaration, which HTML does not know."""
    return picture[picture.index("<svg") :]


def _facts(facts: Mapping[str, str]) -> Shown:
    return show(
        list(facts.items()), ("what", lambda fact: fact[0]), ("value", lambda fact: fact[1])
    )
