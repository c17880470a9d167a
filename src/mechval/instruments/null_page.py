"""What null networks come to, as people read it: a figure and a table for each study."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.axioms.nulls import LARGEST, NULL_CELLS, NULLS, NullCell, NullRow
from mechval.instruments.null_networks import BUDGETS, MUTANTS, SHARED, UNTRAINED, Budget
from mechval.reporting import figures
from mechval.reporting.palette import BLACK, GREEN, MARKERS, SERIES
from mechval.reporting.shown import CellText, markdown_of, show, told

_ROW_HEIGHT = 0.34


@dataclass(frozen=True)
class Compared:
    """Runs of one shape: the cells of their null networks, and their own beside them by run."""

    budget: Budget
    networks: Sequence[NullCell]
    runs: Mapping[str, Sequence[NullRow]]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Component and cell of all rows of the main interpretation."""
        rows = [row for run in self.runs.values() for row in run]
        return sorted(
            dict.fromkeys((row.component, row.cell) for row in rows),
            key=lambda cell: cell[1] == LARGEST,
        )


def compared(folder: Path) -> Iterator[Compared]:
    """All that there is in the folder of the instruments, study by study.

    Raises MechvalError for a missing or damaged table.
    """
    found = [(BUDGETS.read(path.parent), path.parent) for path in folder.rglob("null.json")]
    found.sort(key=lambda each: (each[0].networks, each[1]))
    for networks, group in groupby(found, lambda each: each[0].networks):
        runs = list(group)
        budget, first = runs[0]
        main = {
            run.name: [row for row in NULLS.read(run) if row.interpretation == budget.main]
            for _, run in runs
        }
        cells = NULL_CELLS.read(first.parent / SHARED / networks)
        own = [cell for cell in cells if cell.interpretation == budget.main]
        yield Compared(budget, own, main)


def draw_nulls(each: Compared) -> Figure:
    """ε of every cell: null networks as dots, mutants as a line from the least over the median to
    the largest, runs as marks."""
    cells = each.cells
    size = (1.3 * figures.PAGE_WIDTH, _ROW_HEIGHT * len(cells) + 1.2)
    figure = Figure(figsize=size, layout="constrained")
    panel = figure.subplots()
    for height, (component, cell) in enumerate(cells):
        _draw_networks(panel, height, each.networks, component, cell)
        for number, (run, rows) in enumerate(each.runs.items()):
            of_cell = [row for row in rows if (row.component, row.cell) == (component, cell)]
            _draw_run(panel, height, number, run, of_cell)
    panel.set_xscale("log")
    panel.set_yticks(range(len(cells)), [f"{cell}, {component}" for component, cell in cells])
    panel.set_ylim(len(cells) - 0.4, -0.6)
    panel.set_xlabel("ε")
    figures.legend_below(figure, [panel], 6)
    return figure


def write_nulls(folder: Path) -> list[str]:
    """Draw a figure for each study, inside `figure_style`; their names."""
    names = []
    for each in compared(folder):
        names.append(f"null-{each.budget.study}")
        figures.save_figure(draw_nulls(each), folder, names[-1])
    return names


def nulls(folder: Path) -> str:
    """A table for each study: ε of each run, and its p-values, family by family."""
    return "\n\n".join(f"{_told(each)}\n\n{_table(each)}" for each in compared(folder))


def _told(each: Compared) -> str:
    budget, rows = each.budget, [row for run in each.runs.values() for row in run]
    families = {row.family: row for row in rows}
    counted = ", ".join(
        f"{row.networks:,} {family} ({row.unfitted} without a claim)"
        for family, row in families.items()
    )
    partly = f", partial cells on {budget.partial:,} of them" if budget.partial else ""
    return (
        f"`{budget.study}`, `{budget.main}`: fitted on {budget.fit:,} samples, measured on "
        f"{budget.test:,}{partly}; {counted}; shuffled labels: {budget.shuffled:,} samples, "
        f"{budget.steps} steps. In brackets p against {' / '.join(families)}."
    )


def _table(each: Compared) -> str:
    families = list(dict.fromkeys(row.family for rows in each.runs.values() for row in rows))
    picks = [(f"{run}: ε (p)", _picked(rows, families)) for run, rows in each.runs.items()]
    shown = show(each.cells, ("behind", lambda at: at[0]), ("cell", lambda at: at[1]), *picks)
    return markdown_of(shown)


def _picked(
    rows: Sequence[NullRow], families: Sequence[str]
) -> Callable[[tuple[str, str]], CellText]:
    def pick(at: tuple[str, str]) -> CellText:
        found = {row.family: row for row in rows if (row.component, row.cell) == at}
        if not found:
            return CellText("")
        own = found.get(UNTRAINED) or next(iter(found.values()))
        ps = " / ".join(told(found[name].p) if name in found else "–" for name in families)
        return CellText(f"{told(own.epsilon)} ({ps})", own.epsilon)

    return pick


def _draw_networks(
    panel: Axes, height: int, networks: Sequence[NullCell], component: str, cell: str
) -> None:
    families: dict[str, dict[str, list[float]]] = {}
    for null in networks:
        if cell == LARGEST or (null.component, null.cell) == (component, cell):
            own = families.setdefault(null.family, {})
            own.setdefault(null.network, []).append(null.epsilon)
    for number, (family, found) in enumerate(families.items()):
        epsilons = [max(each) for each in found.values()]
        place = height - 0.3 + 0.14 * number
        look = {"color": SERIES[number], "alpha": 0.4, "label": family}
        panel.plot(epsilons, [place] * len(epsilons), ".", **look)


def _draw_run(panel: Axes, height: int, number: int, run: str, rows: Sequence[NullRow]) -> None:
    place = height + 0.02 + 0.12 * number
    for row in rows:
        # The largest rate is of other cells than the run's.
        if row.family == MUTANTS and row.cell != LARGEST:
            line = [row.least, row.median, row.largest]
            look = {"color": GREEN, "linewidth": 1, "markersize": 4, "label": MUTANTS}
            panel.plot(line, [place] * 3, "|-", **look)
    if rows:
        look = {"color": BLACK, "markersize": 4, "label": run}
        panel.plot(rows[0].epsilon, place, MARKERS[number], **look)
