"""What README.md and docs/INSTRUMENTS.md say of the matrix and the cells, from the tables."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from mechval.axioms.interchange import INTERCHANGES, POOLED
from mechval.axioms.lookup import LOOKUPS
from mechval.axioms.partial import PARTIALS
from mechval.axioms.report import Estimate
from mechval.axioms.statistics import CONFIDENCE
from mechval.instruments import matrix
from mechval.instruments.free_alphas import ALPHAS, alphas_table
from mechval.instruments.null_page import nulls
from mechval.instruments.page import conclusions, in_three_sentences
from mechval.instruments.two_sat import MAP_BITS
from mechval.reporting.shown import CellText, markdown_of, show, told

Block: TypeAlias = Callable[[Path], str]
STUDIES, RUNS = ("two_sat", "modular_addition"), ("proved", "published", "reference")


def headline(folder: Path) -> str:
    """Three sentences with the counts, and where the rest stands."""
    told_shortly = in_three_sentences(matrix.ENTRIES.read(folder))
    return (
        f"[What instruments catch](results/instruments/README.md): {told_shortly} [Which three "
        "numbers to report, and why free α, γ pass anything](docs/INSTRUMENTS.md)."
    )


def found(folder: Path) -> str:
    """The conclusions at length."""
    return conclusions(matrix.ENTRIES.read(folder))


def partial(folder: Path) -> str:
    """Every partial cell of the main claims, network by network, from the runs' own tables."""
    return "\n\n".join(_partial(folder.parent / study) for study in STUDIES)


def _partial(folder: Path) -> str:
    runs = [run for run in RUNS if (folder / run / PARTIALS.file).is_file()]
    rows: dict[tuple[str, str], dict[str, Estimate]] = {}
    for run in runs:
        at = folder / run / PARTIALS.stage
        for single in INTERCHANGES.read(at):
            if single.variable == POOLED:
                key = single.component, f"{single.cell}, all variables"
                rows.setdefault(key, {})[run] = single
        for whole in PARTIALS.read(at):
            rows.setdefault((whole.component, str(whole.cell)), {})[run] = whole
    shown = show(
        list(rows.items()),
        ("behind", lambda each: each[0][0]),
        ("cell", lambda each: each[0][1]),
        *((run, _picked(run)) for run in runs),
    )
    return markdown_of(shown)


def lookup(folder: Path) -> str:
    """The largest ε of the lookup claim by the size of its table, beside the claim's own bits."""
    runs = _runs(folder)
    curve = _lookup_curve(folder, runs, "formulas")
    sums = _lookup_curve(folder, ["modular_addition"], "sums")
    own = {run: {row.part: row.bits for row in MAP_BITS.read(folder / run)} for run in runs}
    parts = list(dict.fromkeys(part for bits in own.values() for part in bits))
    sizes = show(
        parts,
        ("part of the claim", lambda part: part),
        *((f"{run}, bits", _bits(own[run])) for run in runs),
    )
    return f"{curve}\n\n{sums}\n\n{markdown_of(sizes)}"


def alphas(folder: Path) -> str:
    """ε and selectivity of free-form α by their size, for every run that has them."""
    return "\n\n".join(
        f"`{path.parent.name}`, ε with {CONFIDENCE:.0%} confidence:\n\n"
        f"{markdown_of(alphas_table(ALPHAS.read(path.parent)))}"
        for path in sorted(folder.glob(f"*/{ALPHAS.name}"))
    )


BLOCKS: Mapping[str, Block] = {
    "instruments": headline,
    "instruments_found": found,
    "partial": partial,
    "lookup": lookup,
    "nulls": nulls,
    "alphas": alphas,
}


def _runs(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/map_bits.csv"))


def _lookup_curve(folder: Path, runs: Sequence[str], inputs: str) -> str:
    worst: dict[tuple[int, int], dict[str, float]] = {}
    for run in runs:
        for row in LOOKUPS.read(folder / run):
            per_run = worst.setdefault((row.stored, row.bits), {})
            per_run[run] = max(per_run.get(run, 0.0), row.epsilon)
    shown = show(
        list(worst.items()),
        (f"stored {inputs}", lambda each: each[0][0]),
        ("bits of α and γ", lambda each: each[0][1]),
        *((f"{run.replace('_', ' ')}, largest ε", _largest(run)) for run in runs),
    )
    return markdown_of(shown)


def _picked(run: str) -> Callable[[tuple[object, Mapping[str, Estimate]]], CellText]:
    def pick(each: tuple[object, Mapping[str, Estimate]]) -> CellText:
        row = each[1].get(run)
        if row is None:
            return CellText("")
        return CellText(f"{told(row.epsilon)} ({row.disagreements:,} of {row.n:,})", row.epsilon)

    return pick


def _largest(run: str) -> Callable[[tuple[object, Mapping[str, float]]], float | None]:
    return lambda each: each[1].get(run)


def _bits(own: Mapping[str, int]) -> Callable[[str], int | None]:
    return own.get
