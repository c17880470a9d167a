"""What the report shows beyond the main axiom table: its tables read back, its figures drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from mechval.axioms.evidence import Statement
from mechval.reporting.ledger import load_ledger
from mechval.reporting.paper import Comparison
from mechval.reporting.records import read_records
from mechval.reporting.tables import Row, read_csv
from mechval.two_sat.circuit.evidence.facts import FACTS
from mechval.two_sat.circuit.evidence.gather import TABLES, Filled
from mechval.two_sat.claim.surface import SurfaceRow
from mechval.two_sat.claim.variants.tolerance import ToleranceRow
from mechval.two_sat.claim.variants.variant import VariantRow
from mechval.two_sat.configs import ReadingName, Residual, Version
from mechval.two_sat.interpretation import EVALUATE
from mechval.two_sat.report.certify_records import DriftRow, ParsingRow
from mechval.two_sat.report.evidence_facts import Fact, evidence_facts
from mechval.two_sat.report.figures.certify import draw_drift, draw_margins
from mechval.two_sat.report.figures.evidence import evidence_figures
from mechval.two_sat.report.figures.front import front_figure
from mechval.two_sat.report.figures.prose_axioms import draw_derivability, draw_sizes
from mechval.two_sat.report.figures.surface import draw_surface
from mechval.two_sat.report.figures.variants import draw_leaves, draw_rivals, draw_tolerance
from mechval.two_sat.report.paper_table import VARIANTS, compare_with_paper, unmeasured
from mechval.two_sat.report.published_values import AXIOM_TABLE
from mechval.two_sat.report.report_tables import RunFacts
from mechval.two_sat.single.counterexamples import COUNTEREXAMPLES, Counterexample, load_cases

FRONT_EPSILON = 0.05
"""What evaluate equivalence of a better program is to reach."""


@dataclass(frozen=True)
class Claims:
    """What the sections are made from.

    Attributes:
        comparisons: empty where the paper reports no formulas of this size.
        unmeasured: keys of printed numbers that the run has no value for.
    """

    comparisons: tuple[Comparison, ...]
    unmeasured: tuple[str, ...]
    variants: tuple[VariantRow, ...]
    tolerance: tuple[ToleranceRow, ...]
    surface: tuple[SurfaceRow, ...]
    front: list[Row]
    choices: list[dict[str, str]]
    evidence: Filled
    facts: Mapping[str, Fact]
    parts: list[dict[str, str]]
    composition: dict[str, str]
    derivability: list[dict[str, str]]
    sizes: list[dict[str, str]]
    nulls: list[dict[str, str]]
    progress_figures: tuple[str, ...]
    ledger: tuple[Statement, ...]
    cases: tuple[Counterexample, ...]
    parsing: tuple[ParsingRow, ...]
    drift: tuple[DriftRow, ...]

    @property
    def most_bits(self) -> int:
        """Ten times the length of the 4-leaf trees: what a better program may cost."""
        trees = next(
            row for row in self.front if (row["program"], row["setting"]) == ("trees", "4")
        )
        return 10 * int(str(trees["bits"]))

    @property
    def rival_bases(self) -> dict[ReadingName, Residual]:
        """The readings that rivals were measured for, with the residual of their γ_2."""
        return {row.reading: row.residual for row in self.variants if row.family == "rival"}


def load_claims(run: RunFacts, directories: Mapping[str, Path]) -> Claims:
    """Read the tables; raises MechvalError naming the file if one is missing or another table."""
    axioms, circuit, certify = (directories[name] for name in ("axioms", "circuit", "certify"))
    figures = sorted((directories["progress"] / "figures").glob("*.svg"))
    evidence = {table: table.read(circuit) for table in TABLES}
    return Claims(
        comparisons=compare_with_paper(directories) if run.has_published_values else (),
        unmeasured=unmeasured(directories) if run.has_published_values else (),
        variants=read_records(axioms / VARIANTS, VariantRow),
        tolerance=read_records(axioms / "tolerance.csv", ToleranceRow),
        surface=read_records(axioms / "surface.csv", SurfaceRow),
        front=[_typed(row) for row in read_csv(axioms / "front.csv")],
        choices=read_csv(axioms / "choices.csv"),
        evidence=evidence,
        facts=evidence_facts(evidence, FACTS.read(circuit)),
        parts=read_csv(axioms / "parts.csv"),
        composition=read_csv(axioms / "composition.csv")[0],
        derivability=read_csv(axioms / "derivability.csv"),
        sizes=read_csv(axioms / "sizes.csv"),
        nulls=read_csv(directories["nulls"] / "nulls.csv"),
        progress_figures=tuple(path.stem for path in figures),
        ledger=load_ledger(certify),
        cases=tuple(case for case, _ in load_cases(certify / COUNTEREXAMPLES)),
        parsing=read_records(certify / "parsing.csv", ParsingRow),
        drift=read_records(certify / "drift.csv", DriftRow),
    )


def _typed(row: dict[str, str]) -> Row:
    bits = int(row["bits"]) if row["bits"] else None
    counts = {name: int(row[name]) for name in ("n", "disagreements")}
    return {**row, **counts, "bits": bits, "epsilon": float(row["epsilon"])}


def claim_figures(claims: Claims) -> dict[str, Figure]:
    """Every figure of these sections by file name; call it inside ``figure_style``."""
    figures = {
        "tolerance": draw_tolerance(claims.tolerance),
        "front": front_figure(
            claims.front, "evaluate programs: length against ε", FRONT_EPSILON, claims.most_bits
        ),
        "derivability": draw_derivability(claims.parts, claims.composition, claims.derivability),
        "sizes": draw_sizes(claims.sizes),
    }
    for reading, residual in claims.rival_bases.items():
        figures[f"leaves-{reading}"] = draw_leaves(claims.variants, reading)
        figures[f"rivals-{reading}"] = draw_rivals(claims.variants, reading)
        figures[f"surface-{reading}"] = draw_surface(
            claims.surface, reading, residual, _published_contours(claims)
        )
    figures["parsing-margins"] = draw_margins(claims.parsing)
    figures["drift"] = draw_drift(claims.drift)
    return {**figures, **evidence_figures(claims.evidence, claims.facts)}


def _published_contours(claims: Claims) -> dict[Version, float]:
    if not claims.comparisons:
        return {}
    versions: tuple[Version, ...] = ("trees", "disjunction")
    cell = ("prefix replaceability", EVALUATE)
    return {version: AXIOM_TABLE[(version, *cell)].epsilon for version in versions}
