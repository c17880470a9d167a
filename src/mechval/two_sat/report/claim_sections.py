"""Sections on the claim: the axioms, here, on null networks and over training; variants and rivals;
a better interpretation; derivability and size."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mechval.axioms import progress as progress_rows
from mechval.axioms.paired import PAIRED
from mechval.axioms.report import CELLS, INTERPRETATIONS, Cell, InterpretationRow
from mechval.reporting.figures_progress import error_of, progress_figures
from mechval.reporting.ledger import cell_columns
from mechval.reporting.null_rates import PValues, axiom_of, p_values
from mechval.reporting.partial_cells import partial_tables
from mechval.reporting.report import Chart, RunFiles, Section
from mechval.reporting.shown import CellText, Pick, Shown, by, counted, show, significant
from mechval.two_sat.claim.derivability import COMPOSITION, DERIVABILITY, PARTS
from mechval.two_sat.claim.improved.choose_parts import CHOICES, ChoiceRow
from mechval.two_sat.claim.sizes import FRONT, SIZES, FrontRow
from mechval.two_sat.claim.variants.variant import VARIANTS, VariantRow
from mechval.two_sat.formulas.dataset import DATA
from mechval.two_sat.interpretation import OUTPUT, PARSE
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.report import measured, targets
from mechval.two_sat.report.paper_values import BY_KEY, TEST_FORMULAS
from mechval.two_sat.stages.nulls import NULLS
from mechval.two_sat.stages.progress import SNAPSHOTS

HERE = Path(__file__).parent
_LABELS = ("UNSAT", "SAT")
_MOST_PAIRS_SHOWN = 40
_CELL: Pick = ("cell", lambda row: f"{row.axiom}, {row.component}")


def axioms(files: RunFiles) -> Section:
    """Every interpretation of the run: the main one and the paper's in full, all in short."""
    cells, rows = files.rows(CELLS), files.rows(INTERPRETATIONS)
    main, comparable = measured.main_tags(files), measured.COMPARABLE
    is_papers = measured.is_paper_size(files)
    groups, proved = by(cells, "interpretation"), measured.proved_cells(files)
    p = p_values(files, HERE)

    def in_full(tags: dict[str, str]) -> list[tuple[InterpretationRow, Shown, list[Cell]]]:
        chosen = ((row, groups[row.interpretation]) for row in rows if measured.has_tags(row, tags))
        return [(row, _cells_in_full(own, is_papers, proved, p), own) for row, own in chosen]

    parts = {
        "data": files.record(DATA),
        "problem": files.settings.problem,
        "printed_n": TEST_FORMULAS if is_papers else None,
        "row": rows[0],
        "labels": _LABELS,
        "claimed": CLAIMED,
        "proved": proved,
        "main": main,
        "in_full": in_full(main),
        "comparable": comparable,
        "as_in_paper": [] if main == comparable else in_full(comparable),
        "partial": partial_tables(files, p),
        "p": p,
        "p_in_short": p.in_short(cells),
        "in_short": show(rows, "`interpretation`", *cell_columns(cells), "n"),
        "chart": Chart("axioms", "ε of every cell", groups),
    }
    return Section("Axioms", "axioms.md", parts)


def _cells_in_full(
    cells: Sequence[Cell], is_papers: bool, proved: frozenset[str], p: PValues
) -> Shown:
    def printed(cell: Cell) -> CellText:
        # The two versions parse alike: the paper prints that once.
        version = "trees" if cell.component == PARSE else cell.tags["version"]
        row = BY_KEY.get(f"{version}/{cell.name}")
        return CellText(f"{row.text} ({row.count:,})", float(row.printed)) if row else CellText("")

    def on_all(cell: Cell) -> CellText:
        is_proved = f"{cell.interpretation}/{cell.name}" in proved
        return CellText("0 (certified)", 0.0) if is_proved else CellText("")

    def of_class(cell: Cell, name: str) -> CellText:
        found = cell.strata[name]
        return CellText(f"{significant(found.epsilon)} ({found.disagreements:,})", found.epsilon)

    return show(
        cells,
        "axiom component kind n disagreements epsilon epsilon_simultaneous",
        *p.column(axiom_of),
        *([("ε on all formulas", on_all)] if proved else []),
        *([("printed ε (disagreements)", printed)] if is_papers else []),
        *((f"{name} ε", partial(of_class, name=name)) for name in reversed(_LABELS)),
        *((f"{name} ε", f"mixtures.{name}.epsilon") for name in ("balanced", "natural")),
        ("verdict", lambda cell: f"= {cell.repeats}" if cell.repeats else cell.verdict.value),
    )


def nulls(files: RunFiles) -> Section:
    """The axiom table of networks about which every claim is false."""
    rows = files.rows(NULLS)
    shown = show(
        [row for row in rows if row.is_distinct and measured.has_tags(row, measured.MAIN)],
        "network `interpretation`",
        _CELL,
        ("disagreements", lambda row: counted(row.disagreements, row.n)),
        "epsilon verdict",
    )
    groups = {", ".join(key): own for key, own in by(rows, "network", "interpretation").items()}
    chart = Chart("nulls", "ε on networks for which the claim is false", groups)
    return Section("Null networks", "nulls.md", {"cells": shown, "chart": chart})


def progress(files: RunFiles) -> Section | None:
    """The axioms over training; None for a run without snapshots."""
    measures = {
        "cross-entropy, held out": lambda row: row.loss,
        "1 − accuracy, held out": lambda row: error_of(row.accuracy, row.n),
    }
    cells, unit = files.rows(progress_rows.CELLS), "formulas seen in the phase"
    figures = progress_figures(cells, files.rows(SNAPSHOTS), measures, unit)
    title = "When the interpretation becomes true"
    return Section(title, "progress.md", figures=tuple(figures)) if figures else None


def variants(files: RunFiles) -> Section:
    """Each variant in the cells that it bears on, rivals, and how ε moves with the constants."""
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] != "improved"]
    # Programs compared on the very same formulas, the most certain difference first.
    pairs = [row for row in files.rows(PAIRED) if row.only_first or row.only_second]
    pairs.sort(key=lambda row: row.p_value)
    parts = {
        "n": rows[0].n if rows else 0,
        "variants": show(
            filter(_is_shown, rows),
            ("variant", "tags.family"),
            ("setting", lambda row: row.tags.get("setting", "")),
            ("version", "tags.version"),
            ("reading", lambda row: f"{row.tags['reading']}/{row.tags['residual']}"),
            _CELL,
            "disagreements epsilon",
        ),
        "paired": show(
            pairs[:_MOST_PAIRS_SHOWN],
            "cell `first` `second` only_first only_second both difference p_value",
        ),
    }
    return Section("Variants and rival programs", "variants.md", parts)


def _is_shown(row: VariantRow) -> bool:
    """Leave out what repeats another row: of these families, parse is that of the main table."""
    family = row.tags["family"]
    is_repeated = row.component == OUTPUT and row.axiom.is_replaceability
    parses_alike = row.component == PARSE and family in ("leaves", "rival")
    # The order inside a clause has nothing to do with neurons, so it has one reading only.
    is_reading = row.tags["reading"] == "paper" or family == "ordered clauses"
    return row.axiom.is_prefix and is_reading and not (is_repeated or parses_alike)


def better(files: RunFiles) -> Section | None:
    """Candidates for a better interpretation, which are taken, and how long each program is."""
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] == "improved"]
    if not rows:
        return None
    front, choices, aim = files.rows(FRONT), files.rows(CHOICES), targets.FRONT.limit
    most_bits, within = within_ten_times_the_trees(front)
    kept = [row for row in rows if row.about in (None, row.name)]
    aimed = ("aim", lambda row: "met" if row in within and row.epsilon <= aim else "MISSED")
    name = ("interpretation", "`tags.setting`")
    parts = {
        "n_choosing": choices[0].n if choices else 0,
        "choices": _choices(choices),
        "base": "/".join(rows[0].tags[name] for name in ("version", "reading", "residual")),
        "improved": show(kept, name, _CELL, "disagreements epsilon"),
        "aim": f"{aim:g}",
        "most_bits": most_bits,
        "front": show(front, "program setting bits disagreements epsilon", aimed),
        "best": min(within, key=lambda row: row.epsilon),
        "lookup": next(row for row in front if row.program == "lookup table"),
    }
    return Section("A better interpretation", "better.md", parts)


def within_ten_times_the_trees(front: Sequence[FrontRow]) -> tuple[int, list[FrontRow]]:
    """Ten times the length of the 4-leaf trees, and the programs that cost no more."""
    bits = {(row.program, row.setting): row.bits for row in front}
    most_bits = 10 * (bits["trees", "4"] or 0)
    return most_bits, [row for row in front if row.bits is not None and row.bits <= most_bits]


def _choices(rows: Sequence[ChoiceRow]) -> Shown:
    """Each candidate in a row: how many disagreements it saves, and where it makes any."""

    def worse(cells: list[ChoiceRow]) -> str:
        return ", ".join(cell.cell for cell in cells if cell.is_worse)

    def verdict(cells: list[ChoiceRow]) -> str:
        return "taken" if cells[0].is_taken else "" if worse(cells) else "counts"

    return show(
        by(rows, "part", "candidate").values(),
        ("part", lambda cells: cells[0].part),
        ("candidate", lambda cells: f"`{cells[0].candidate}`"),
        ("before", lambda cells: sum(cell.before_disagreements for cell in cells)),
        ("after", lambda cells: sum(cell.after_disagreements for cell in cells)),
        ("cells that get worse", worse),
        ("", verdict),
    )


def derivability_and_size(files: RunFiles) -> Section:
    """The two axioms that the paper argues in prose, as numbers."""
    weights = files.rows(PARTS)
    parts = {
        "n_parts": len(weights),
        "n_agreeing": sum(row.agrees for row in weights),
        "outside": files.show(
            DERIVABILITY,
            "component replaced reading",
            ("labels changed", lambda row: counted(row.disagreements, row.n)),
            "epsilon",
        ),
        "sizes": files.show(SIZES, "what setting reading neurons", ("bits", "bits")),
        "composition": files.rows(COMPOSITION)[0],
        "reaches": show(
            by(weights, "component", "reaches").items(),
            ("declared in", lambda item: item[0][0]),
            ("reach the output of", lambda item: ", ".join(item[0][1]) or "none"),
            ("weights", lambda item: ", ".join(f"`{row.weight}`" for row in item[1])),
            ("numbers", lambda item: sum(row.numbers for row in item[1])),
        ),
    }
    return Section("Derivability and size", "derivability.md", parts)
