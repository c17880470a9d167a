"""What `mechval.axioms.validate` returns: tables, a figure, one verdict, and files.

A claim *holds* where every distinct cell does. A cell holds if its ε, all bounds holding together,
is at most the bar and neither a constant nor a shuffled program does as well; if one does, the cell
has no verdict. Partial cells, of claims that state their variables, are judged beside it, each ε by
itself: one holds below the bar if leaving the variable as it is does not do as well.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechval import tables
from mechval.axioms import rendering
from mechval.axioms.baselines import BASELINES, Baseline
from mechval.axioms.disagreements import DISAGREEMENTS, load_disagreements, save_disagreements
from mechval.axioms.failures import Failures
from mechval.axioms.interchange import INTERCHANGES, POOLED, InterchangeRow, Interchanges
from mechval.axioms.paired import PAIRED, PairedRow
from mechval.axioms.partial import PARTIALS, PartialRow
from mechval.axioms.partial_cells import PartialCells
from mechval.axioms.report import (
    CELLS,
    INTERPRETATIONS,
    SHUFFLED,
    AxiomReport,
    Cell,
    ControlCell,
    Verdict,
)
from mechval.errors import MechvalError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAR = 0.05
"""An ε at or below this counts as holding. A stated convention, not a finding."""

_TRIVIAL = (Verdict.NOT_BETTER, Verdict.CONSTANT_NETWORK, Verdict.SHUFFLED_PASSES)
_COLUMNS = (
    "claim",
    "axiom",
    "component",
    "disagree",
    "of",
    "ε",
    "ε of all",
    "shuffled",
    "constant",
    "no-op",
    "",
)


class Status(StrEnum):
    """What one cell, or a whole claim, comes to."""

    HOLDS = "holds"
    FAILS = "fails"
    NO_VERDICT = "no verdict"


@dataclass(frozen=True)
class ResultRecord:
    """What was done beside the counting, and the digest of every other file of the folder.

    Attributes:
        cuts: whether the cuts were verified, and on how many samples.
    """

    cuts: str = tables.told()
    bar: float = tables.told()
    mechval: str = tables.told()
    sha256: Mapping[str, str] = tables.told()


_RECORD = "result.json"
RECORD = tables.Record(f"axioms/{_RECORD}", ResultRecord)
_TABLES = (CELLS, INTERPRETATIONS, SHUFFLED, BASELINES, PAIRED, PARTIALS, INTERCHANGES)


@dataclass(frozen=True, eq=False)
class ValidationResult:
    """The reports of one or several claims on the same inputs, and what they are held against.

    Attributes:
        reports: one per claim, in the order given.
        baselines: constant outputs, the best ones on these very inputs.
        comparisons: of every two claims, in every distinct cell (McNemar).
        cuts: whether the cuts were verified, and on how many samples.
        partial_cells: of every claim that states its variables.
        locate: finds where the claims fail, if their inputs can be run again.
    """

    reports: tuple[AxiomReport, ...]
    baselines: tuple[Baseline, ...]
    comparisons: tuple[PairedRow, ...]
    cuts: str
    partial_cells: tuple[PartialCells, ...] = ()
    locate: Callable[[], tuple[Failures, ...]] | None = None

    @cached_property
    def failures(self) -> tuple[Failures, ...]:
        """Where each claim fails (`mechval.axioms.locate_failures`), looked for when asked for.

        Raises MechvalError if the inputs came from an iterator, or the result was read from files.
        """
        if self.locate is None:
            raise MechvalError(
                "this result holds no inputs to run again, so where a claim fails is not known; "
                "allowed: one of validate, on inputs that are no iterator (or locate_failures)."
            )
        return self.locate()

    def __str__(self) -> str:
        """The table of cells, then verdict and rule."""
        parts = [self._table(), *([_paired(self.comparisons)] if self.comparisons else [])]
        return "\n\n".join([*(rendering.as_text(*part) for part in parts), self.verdict])

    @property
    def verdict(self) -> str:
        """One sentence per claim, one on its partial cells, the cuts, and the rule."""
        sentences = [_verdict(report) for report in self.reports]
        sentences += [_partial_verdict(each) for each in self.partial_cells]
        cells = [cell for report in self.reports for cell in report.cells]
        bounded = next((cell.confidence for cell in cells if cell.confidence), None)
        bound = f"ε ({bounded:.0%}, all bounds of a claim together)" if bounded else "exact ε"
        rule = (
            f"Rule: a cell holds if its {bound} is at most {BAR:g} and neither a constant nor a "
            "shuffled program does as well."
        )
        return " ".join([*sentences, f"Cuts: {self.cuts}.", rule])

    def status(self, interpretation: str) -> Status:
        """What the claim of that name comes to by the axioms; raises KeyError if there is none."""
        report = {each.interpretation: each for each in self.reports}[interpretation]
        found = {status for _, status in _judged(report)}
        return next(
            (each for each in (Status.FAILS, Status.NO_VERDICT) if each in found), Status.HOLDS
        )

    def to_markdown(self) -> str:
        """The table of cells, those of the comparisons, the verdict, and where claims fail."""
        parts = [self._table(), *([_paired(self.comparisons)] if self.comparisons else [])]
        failing = [each.to_markdown() for each in self.failures] if self.locate else []
        tables = (rendering.as_markdown(*part) for part in parts)
        return "\n\n".join([*tables, self.verdict, *failing]) + "\n"

    def to_latex(self) -> str:
        """The table of cells as a ``tabular`` that needs no package."""
        return rendering.as_latex(*self._table())

    def to_frame(self) -> Any:
        """The distinct cells as a pandas DataFrame, numbers as numbers.

        Raises MechvalError if pandas is not installed.
        """
        try:
            import pandas  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise MechvalError(
                "pandas is not installed, so there is no frame; allowed: after pip install pandas "
                "(to_markdown, to_latex and save need nothing)."
            ) from None
        return pandas.DataFrame(list(self.rows()))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every distinct cell, then every partial one, as plain values by column."""
        for report in self.reports:
            beside = {cell.name: cell for cell in report.shuffled}
            for cell, status in _judged(report):
                other = beside.get(cell.name)
                yield _values(
                    cell,
                    cell.axiom,
                    status,
                    epsilon_simultaneous=cell.epsilon_simultaneous,
                    shuffled_rate=other.rate if other else None,
                    constant_rate=cell.constant_rate if cell.verdict else None,
                    equivalence=cell.equivalence,
                )
        for cells in self.partial_cells:
            for row in cells.all_rows:
                own = {"no_op_rate": row.no_op_rate} if isinstance(row, InterchangeRow) else {}
                yield _values(row, row.cell, judge_partial(row), variable=_variable(row), **own)

    def figure(self) -> "Figure":
        """The cells, axioms by components, shaded by ε; a panel for each claim.

        Raises MechvalError if matplotlib is not installed.
        """
        try:
            from mechval.axioms.drawing import draw_cells
        except ImportError:
            raise MechvalError(
                "matplotlib is not installed, so there is no figure; allowed: after pip install "
                "'mechval[pages]'."
            ) from None

        return draw_cells({each.interpretation: _judged(each) for each in self.reports})

    def save(self, folder: str | Path) -> None:
        """Write the tables, and last the record with their digests; equal results, equal bytes.

        What was cut short, or mixed from two results, is refused at loading.
        """
        folder = Path(folder)
        CELLS.write([cell for report in self.reports for cell in report.cells], folder)
        INTERPRETATIONS.write(self.reports, folder)
        SHUFFLED.write([cell for report in self.reports for cell in report.shuffled], folder)
        BASELINES.write(self.baselines, folder)
        PAIRED.write(self.comparisons, folder)
        PARTIALS.write([row for each in self.partial_cells for row in each.rows], folder)
        INTERCHANGES.write(
            [row for each in self.partial_cells for row in each.interchanges.rows], folder
        )
        save_disagreements(self.reports, folder)
        RECORD.write(ResultRecord(self.cuts, BAR, version("mechval"), _digests(folder)), folder)

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        return _COLUMNS, [
            (
                row["claim"],
                row["axiom"],
                ", ".join(filter(None, (row["component"], row["variable"]))),
                f"{row['disagreements']:,}",
                f"{row['n']:,}",
                f"{row['epsilon']:.3g}",
                _rate(row["epsilon_simultaneous"]),
                _rate(row["shuffled_rate"]),
                _rate(row["constant_rate"]),
                _rate(row["no_op_rate"]),
                row["status"],
            )
            for row in self.rows()
        ]


def load_result(folder: str | Path) -> ValidationResult:
    """Read back what `ValidationResult.save` wrote; numbers have seven significant digits.

    Raises MechvalError for a missing or damaged file, or one that is not of the same result.
    """
    folder = Path(folder)
    record = RECORD.read(folder)
    if (found := _digests(folder)) != record.sha256:
        changed = [name for name in record.sha256 if found.get(name) != record.sha256[name]]
        raise MechvalError(
            f"{folder} holds other files than its {_RECORD} was written with "
            f"({', '.join(changed)}); allowed: a whole result, as save wrote it."
        )
    disagreements = load_disagreements(folder)
    cells, shuffled = CELLS.read(folder), SHUFFLED.read(folder)
    reports = tuple(
        AxiomReport(
            **vars(row),
            cells=tuple(cell for cell in cells if cell.interpretation == row.interpretation),
            shuffled=tuple(each for each in shuffled if each.interpretation == row.interpretation),
            disagreements=disagreements[row.interpretation],
        )
        for row in INTERPRETATIONS.read(folder)
    )
    return ValidationResult(
        reports,
        BASELINES.read(folder),
        PAIRED.read(folder),
        record.cuts,
        tuple(_load_partial_cells(folder)),
    )


def _load_partial_cells(folder: Path) -> Iterator[PartialCells]:
    rows, single = PARTIALS.read(folder), INTERCHANGES.read(folder)
    for name in dict.fromkeys(row.interpretation for row in rows):
        yield PartialCells(
            tuple(row for row in rows if row.interpretation == name),
            Interchanges(tuple(row for row in single if row.interpretation == name)),
        )


def judge(cell: Cell, shuffled: ControlCell | None) -> Status:
    """What one cell comes to, by the rule that the verdict states."""
    if cell.epsilon_simultaneous > BAR:
        return Status.FAILS
    is_trivial = cell.verdict in _TRIVIAL or (shuffled is not None and shuffled.passes)
    return Status.NO_VERDICT if is_trivial else Status.HOLDS


def judge_partial(row: PartialRow | InterchangeRow) -> Status:
    """What one partial cell comes to; without informative pairs it has no verdict."""
    if row.n and row.epsilon > BAR:
        return Status.FAILS
    is_single = isinstance(row, InterchangeRow)
    is_trivial = not row.n or (is_single and row.epsilon >= row.no_op_rate)
    return Status.NO_VERDICT if is_trivial else Status.HOLDS


def _values(
    row: Cell | PartialRow | InterchangeRow, cell: StrEnum, status: Status, **own: Any
) -> dict[str, Any]:
    """A cell as plain values; None where it has none of ``own``."""
    return {
        "claim": row.interpretation,
        "axiom": cell.value,
        "component": row.component,
        "variable": None,
        "disagreements": row.disagreements,
        "n": row.n,
        "rate": row.rate,
        "epsilon": row.epsilon,
        **dict.fromkeys(("epsilon_simultaneous", "shuffled_rate", "constant_rate")),
        **dict.fromkeys(("no_op_rate", "equivalence")),
        "evidence": row.kind.value,
        "status": status.value,
        **own,
    }


def _variable(row: PartialRow | InterchangeRow) -> str | None:
    if not isinstance(row, InterchangeRow):
        return None
    return "all variables" if row.variable == POOLED else row.variable


def _judged(report: AxiomReport) -> list[tuple[Cell, Status]]:
    beside = {cell.name: cell for cell in report.shuffled}
    return [(cell, judge(cell, beside.get(cell.name))) for cell in report.cells if cell.is_distinct]


def _verdict(report: AxiomReport) -> str:
    judged = [(cell.epsilon_simultaneous, cell.name, status) for cell, status in _judged(report)]
    found, worst = _counted(judged)
    return f"{report.interpretation} {found} ({worst}; N = {report.n:,})."


def _partial_verdict(cells: PartialCells) -> str:
    def named(row: PartialRow | InterchangeRow) -> str:
        return ", ".join(filter(None, (row.cell, row.component, _variable(row))))

    # Where nothing was tried ε is 1, which is no finding.
    judged = [
        (row.epsilon if row.n else 0.0, named(row), judge_partial(row)) for row in cells.all_rows
    ]
    found, worst = _counted(judged)
    return f"Partial cells: {cells.rows[0].interpretation} {found} ({worst}, each ε by itself)."


def _counted(judged: Sequence[tuple[float, str, Status]]) -> tuple[str, str]:
    epsilon, name, _ = max(judged, key=lambda cell: cell[0])
    counts = Counter(status for _, _, status in judged)
    if counts[Status.FAILS]:
        found = f"fails in {counts[Status.FAILS]} of {len(judged)} cells"
    elif counts[Status.NO_VERDICT]:
        found = f"has no verdict in {counts[Status.NO_VERDICT]} of {len(judged)} cells"
    else:
        found = f"holds in all {len(judged)} cells"
    return found, f"largest ε {epsilon:.3g} at {name}"


def _paired(rows: Sequence[PairedRow]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    return ("cell", "first", "second", "only first", "only second", "both", "difference", "p"), [
        (
            row.cell,
            row.first,
            row.second,
            f"{row.only_first:,}",
            f"{row.only_second:,}",
            f"{row.both:,}",
            f"{row.difference:.3g} ({row.low:.3g} to {row.high:.3g})",
            f"{row.p_value:.2g}",
        )
        for row in rows
    ]


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.3g}"


def _digests(folder: Path) -> dict[str, str]:
    names = [*(table.name for table in _TABLES), DISAGREEMENTS]
    paths = {name: folder / name for name in names}
    return {
        name: sha256(path.read_bytes()).hexdigest()
        for name, path in paths.items()
        if path.is_file()
    }
