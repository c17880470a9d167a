"""Sections on variants and rivals, on a better interpretation, and on derivability and size."""

from collections.abc import Mapping, Sequence

from mechval.axioms.paired import PAIRED
from mechval.axioms.report import CELLS, INTERPRETATIONS, Cell
from mechval.reporting.html import charts
from mechval.reporting.report import Figure, RunFiles, Section, Shown, counted, show
from mechval.two_sat.claim.derivability import DERIVABILITY
from mechval.two_sat.claim.improved.choice import CHOICES, ChoiceRow
from mechval.two_sat.claim.improved.front import FRONT, FrontRow
from mechval.two_sat.claim.parts import COMPOSITION, PARTS
from mechval.two_sat.claim.sizes import SIZES
from mechval.two_sat.claim.surface import SURFACE
from mechval.two_sat.claim.variants.tolerance import TOLERANCE
from mechval.two_sat.claim.variants.variant import VARIANTS, VariantRow
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, PARSE
from mechval.two_sat.report import measured, targets
from mechval.two_sat.report.figures import axioms as figures
from mechval.two_sat.report.figures.proofs import draw_derivability, draw_sizes
from mechval.two_sat.report.published_values import BY_KEY

_MOST_PAIRS_SHOWN = 40


def variants(files: RunFiles) -> Section:
    """Each variant in the cells that it bears on, rivals, and how ε moves with the constants."""
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] != "improved"]
    tolerance = files.rows(TOLERANCE)
    return Section(
        "Variants and rival programs",
        "variants.md",
        {
            "n": rows[0].n if rows else 0,
            "variants": show(
                [row for row in rows if _is_shown(row)],
                ("variant", "tags.family"),
                ("setting", lambda row: row.tags.get("setting", "")),
                ("version", "tags.version"),
                ("reading", lambda row: f"{row.tags['reading']}/{row.tags['residual']}"),
                ("cell", lambda row: f"{row.axiom}, {row.component}"),
                "disagreements",
                "epsilon",
            ),
            "paired": _paired(files),
            "figures": [
                Figure("tolerance", lambda: figures.draw_tolerance(tolerance)),
                *_variant_figures(files, rows),
            ],
        },
    )


def better(files: RunFiles) -> Section | None:
    """Candidates for a better interpretation, which are taken, and how long each program is."""
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] == "improved"]
    if not rows:
        return None
    front, choices, aim = files.rows(FRONT), files.rows(CHOICES), targets.FRONT.limit
    most_bits, within = within_ten_times_the_trees(front)
    return Section(
        "A better interpretation",
        "better.md",
        {
            "n_choosing": choices[0].n if choices else 0,
            "choices": _choices(choices),
            "base": "/".join(rows[0].tags[name] for name in ("version", "reading", "residual")),
            "improved": show(
                [row for row in rows if row.about in (None, row.name)],
                ("interpretation", lambda row: f"`{row.tags['setting']}`"),
                ("cell", lambda row: f"{row.axiom}, {row.component}"),
                "disagreements",
                "epsilon",
            ),
            "aim": f"{aim:g}",
            "most_bits": most_bits,
            "front": show(
                front,
                "program",
                "setting",
                "bits",
                "disagreements",
                "epsilon",
                ("aim", lambda row: "met" if row in within and row.epsilon <= aim else "MISSED"),
            ),
            "best": min(within, key=lambda row: row.epsilon),
            "lookup": next(row for row in front if row.program == "lookup table"),
            "figure": Figure("front", lambda: figures.draw_front(front, aim, most_bits)),
            "chart": charts.front_chart(
                [
                    charts.Point(row.program, row.setting or "", float(row.bits), row)
                    for row in front
                    if row.bits is not None
                ]
            ),
        },
    )


def derivability_and_size(files: RunFiles) -> Section:
    """The two axioms that the paper argues in prose, as numbers."""
    parts, outside, sizes = files.rows(PARTS), files.rows(DERIVABILITY), files.rows(SIZES)
    (composition,) = files.rows(COMPOSITION)
    return Section(
        "Derivability and size",
        "derivability.md",
        {
            "n_parts": len(parts),
            "n_agreeing": sum(row.agrees for row in parts),
            "composition": composition,
            "outside": show(
                outside,
                "component",
                "replaced",
                "reading",
                ("labels changed", lambda row: counted(row.disagreements, row.n)),
                "epsilon",
            ),
            "sizes": show(
                sizes, ("program", "what"), "setting", "reading", "neurons", ("bits", "bits")
            ),
            "derivability": Figure("derivability", lambda: draw_derivability(parts, outside)),
            "size": Figure("sizes", lambda: draw_sizes(sizes)),
        },
    )


def within_ten_times_the_trees(front: Sequence[FrontRow]) -> tuple[int, list[FrontRow]]:
    """Ten times the length of the 4-leaf trees, and the programs that cost no more."""
    trees = next(row for row in front if (row.program, row.setting) == ("trees", "4"))
    assert trees.bits is not None
    most_bits = 10 * trees.bits
    return most_bits, [row for row in front if row.bits is not None and row.bits <= most_bits]


def _is_shown(row: VariantRow) -> bool:
    """Leave out what repeats another row: of these families, parse is that of the main table."""
    family = row.tags["family"]
    is_repeated = row.component == OUTPUT and row.axiom.is_replaceability
    parses_alike = row.component == PARSE and family in ("leaves", "rival")
    # The order inside a clause has nothing to do with neurons, so it has one reading only.
    is_reading = row.tags["reading"] == "paper" or family == "ordered clauses"
    return row.axiom.is_prefix and is_reading and not (is_repeated or parses_alike)


def _paired(files: RunFiles) -> Shown:
    """Programs compared on the very same formulas, most certain difference first."""
    rows = [row for row in files.rows(PAIRED) if row.only_first or row.only_second]
    rows.sort(key=lambda row: row.p_value)
    return show(
        rows[:_MOST_PAIRS_SHOWN],
        "cell",
        ("first", lambda row: f"`{row.first}`"),
        ("second", lambda row: f"`{row.second}`"),
        ("only the first fails", "only_first"),
        ("only the second", "only_second"),
        "both",
        "difference",
        "p_value",
    )


def _variant_figures(files: RunFiles, rows: Sequence[VariantRow]) -> list[Figure]:
    rivals = [row for row in rows if row.tags["family"] == "rival"]
    surface, mains = files.rows(SURFACE), files.rows(CELLS)
    constant = files.rows(INTERPRETATIONS)[0].constant.rate
    published = _published(files)
    found = []
    for reading, residual in dict.fromkeys(
        (row.tags["reading"], row.tags["residual"]) for row in rivals
    ):
        tags = {"reading": reading, "residual": residual}
        programs = _programs([*mains, *rivals], tags)
        leaves = [
            row for row in rows if row.tags["family"] == "leaves" and row.tags["reading"] == reading
        ]
        own = [row for row in surface if row.reading == reading]
        told = f"reading {reading}, residual {residual}"
        found += [
            Figure(
                f"leaves-{reading}",
                lambda rows=leaves, reading=reading: figures.draw_leaves(rows, reading),
                f"ε of evaluate against the largest number of leaves, reading {reading}: a flat "
                "curve means that bigger trees explain no more.",
            ),
            Figure(
                f"rivals-{reading}",
                lambda programs=programs, told=told: figures.draw_rivals(
                    programs, f"rival programs, {told}", constant
                ),
                f"Rival programs beside the claimed trees and disjunctions, reading {reading}: a "
                "rival with lower bars would be the better explanation; the dashed line is a "
                "constant answer.",
            ),
            Figure(
                f"surface-{reading}",
                lambda rows=own, residual=residual: figures.draw_surface(rows, residual, published),
                f"ε when α's cut and γ's high value are moved, reading {reading}: a wide dark area "
                "means that the interpretation does not hang on these constants.",
            ),
        ]
    return found


def _programs(cells: Sequence[Cell], tags: dict[str, str]) -> dict[str, list[Cell]]:
    programs: dict[str, list[Cell]] = {}
    for cell in cells:
        if tags.items() <= cell.tags.items():
            name = cell.tags.get("setting") or cell.tags["version"]
            programs.setdefault(name, []).append(cell)
    return programs


def _published(files: RunFiles) -> Mapping[str, float]:
    """ε of evaluate replaceability that the paper prints, by version."""
    if not measured.is_paper_size(files):
        return {}
    cell = f"prefix replaceability/{EVALUATE}"
    return {
        version: float(BY_KEY[f"{version}/{cell}"].printed) for version in ("trees", "disjunction")
    }


def _choices(rows: Sequence[ChoiceRow]) -> Shown:
    """Each candidate in a row: how many disagreements it saves, and where it makes any."""
    candidates: dict[tuple[str, str], list[ChoiceRow]] = {}
    for row in rows:
        candidates.setdefault((row.part, row.candidate), []).append(row)

    def worse(cells: list[ChoiceRow]) -> str:
        return ", ".join(cell.cell for cell in cells if cell.is_worse)

    def verdict(cells: list[ChoiceRow]) -> str:
        return "taken" if cells[0].is_taken else "" if worse(cells) else "counts"

    return show(
        candidates.values(),
        ("part", lambda cells: cells[0].part),
        ("candidate", lambda cells: f"`{cells[0].candidate}`"),
        ("before", lambda cells: sum(cell.before_disagreements for cell in cells)),
        ("after", lambda cells: sum(cell.after_disagreements for cell in cells)),
        ("cells that get worse", worse),
        ("", verdict),
    )
