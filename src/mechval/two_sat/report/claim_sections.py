"""Sections on variants and rivals, on a better interpretation, and on derivability and size."""

from collections.abc import Sequence

from mechval.axioms.paired import PAIRED
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import Shown, by, counted, show
from mechval.two_sat.claim.derivability import COMPOSITION, DERIVABILITY, PARTS
from mechval.two_sat.claim.improved.choose_parts import CHOICES, ChoiceRow
from mechval.two_sat.claim.sizes import FRONT, SIZES, FrontRow
from mechval.two_sat.claim.variants.variant import VARIANTS, VariantRow
from mechval.two_sat.interpretation import OUTPUT, PARSE
from mechval.two_sat.report import targets

_MOST_PAIRS_SHOWN = 40


def variants(files: RunFiles) -> Section:
    """Each variant in the cells that it bears on, rivals, and how ε moves with the constants."""
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] != "improved"]
    parts = {
        "n": rows[0].n if rows else 0,
        "variants": show(
            filter(_is_shown, rows),
            ("variant", "tags.family"),
            ("setting", lambda row: row.tags.get("setting", "")),
            ("version", "tags.version"),
            ("reading", lambda row: f"{row.tags['reading']}/{row.tags['residual']}"),
            ("cell", lambda row: f"{row.axiom}, {row.component}"),
            "disagreements epsilon",
        ),
        "paired": _paired(files),
    }
    return Section("Variants and rival programs", "variants.md", parts)


def better(files: RunFiles) -> Section | None:
    """Candidates for a better interpretation, which are taken, and how long each program is."""
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] == "improved"]
    if not rows:
        return None
    front, choices, aim = files.rows(FRONT), files.rows(CHOICES), targets.FRONT.limit
    most_bits, within = within_ten_times_the_trees(front)
    parts = {
        "n_choosing": choices[0].n if choices else 0,
        "choices": _choices(choices),
        "base": "/".join(rows[0].tags[name] for name in ("version", "reading", "residual")),
        "improved": show(
            [row for row in rows if row.about in (None, row.name)],
            ("interpretation", lambda row: f"`{row.tags['setting']}`"),
            ("cell", lambda row: f"{row.axiom}, {row.component}"),
            "disagreements epsilon",
        ),
        "aim": f"{aim:g}",
        "most_bits": most_bits,
        "front": show(
            front,
            "program setting bits disagreements epsilon",
            ("aim", lambda row: "met" if row in within and row.epsilon <= aim else "MISSED"),
        ),
        "best": min(within, key=lambda row: row.epsilon),
        "lookup": next(row for row in front if row.program == "lookup table"),
    }
    return Section("A better interpretation", "better.md", parts)


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
        "only_first only_second both difference p_value",
    )


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
