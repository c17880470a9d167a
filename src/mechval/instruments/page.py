"""The matrix as people read it: heat map, dose of the bypass, Markdown and a sortable page."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import StrictUndefined, Template
from matplotlib.figure import Figure

from mechval.files import write_whole
from mechval.instruments import matrix, planted
from mechval.instruments.cae_metric import OUTSIDE
from mechval.instruments.circuit_probing import PROBED
from mechval.instruments.columns import COLUMNS, DETECTED_ABOVE
from mechval.instruments.das import SEARCHES
from mechval.instruments.evading import ATTEMPTED, MOST_FOLLOWED
from mechval.instruments.matrix import Entry, InstrumentSummary, Outcome
from mechval.instruments.mutants import MUTANTS
from mechval.instruments.null_page import compared, nulls, write_nulls
from mechval.instruments.trained import FOLDER, TRAINED
from mechval.reporting import figures
from mechval.reporting.html import page, render
from mechval.reporting.html.render import Rendered
from mechval.reporting.shown import CellText, Shown, markdown_of, show, told

SHORT = dict(
    zip(
        COLUMNS,
        (
            *("1", "2", "3", "4", "N", "G", "X", "W"),
            *("γ fills", "joint", "indep.", "worst", "constant", "IIA", "scrub"),
            *("zero", "mean", "resample", "indep. a.", "optimal"),
            *("DAS", "boundless", "probing p.", "probing a."),
        ),
        strict=True,
    )
)
"""Columns as the heat map names them."""
_AXIOMS = COLUMNS[:4]
_ANSWER_ONLY = COLUMNS[13:20]
_TRAINED = COLUMNS[20:]
_PARTIAL = COLUMNS[4:13]
_TOLD = {Outcome.PASSED: "", Outcome.REFUSED: "–", Outcome.NO_VERDICT: "="}
HEAT_MAP, DOSES = "matrix", "bypass"


def write_pages(folder: Path) -> None:
    """Write figures, ``README.md`` and ``index.html`` from the tables of the folder.

    Raises MechvalError for a missing or damaged table, or a page that cannot be written.
    """
    entries = matrix.ENTRIES.read(folder)
    with figures.figure_style():
        figures.save_figure(draw_matrix(entries), folder, HEAT_MAP)
        figures.save_figure(draw_doses(entries), folder, DOSES)
        write_nulls(folder)
    write_whole(folder / "README.md", render_text(folder).encode())
    _write_page(folder, entries)


def counted_faults(entries: Sequence[Entry]) -> dict[str, int]:
    """How many false claims there are, and how many of them each group of columns detects."""
    faults = _faults(entries)
    groups = {"axioms": _AXIOMS, "both": (*_AXIOMS, *_PARTIAL), "answer": _ANSWER_ONLY}
    groups["trained"] = _TRAINED
    counts = {
        name: sum(_sees(row, columns) for row in faults.values())
        for name, columns in groups.items()
    }
    return {"all": len(faults), **counts}


def in_three_sentences(entries: Sequence[Entry]) -> str:
    """What the axioms catch that the answer alone does not, what they miss, false alarms."""
    faults = _faults(entries)
    seen = [row for row in faults.values() if _sees(row, _AXIOMS)]
    alone = sum(not _sees(row, _ANSWER_ONLY) for row in seen)
    missed = [row for row in faults.values() if not _sees(row, _AXIOMS)]
    caught = {name: sum(_sees(row, (name,)) for row in missed) for name in _PARTIAL}
    best = max(caught, key=lambda name: caught[name])
    noisy = sum(bool(each.warning) for each in matrix.summarise(entries))
    return (
        f"of {len(faults)} false claims the axioms catch {len(seen)}, {alone} of which the answer "
        "alone (interchange accuracy, scrubbing, ablations) does not. Of those they miss, partial "
        f"cells catch {sum(_sees(row, _PARTIAL) for row in missed)} of {len(missed)} ({best}: "
        f"{caught[best]}). {noisy} of {len(COLUMNS)} instruments alarm on over 5 % of true claims."
    )


def conclusions(entries: Sequence[Entry]) -> str:
    """What the matrix says, with its counts."""
    faults, counts = _faults(entries), counted_faults(entries)
    groups = {"The axioms miss": _AXIOMS, "the partial cells alone miss": _PARTIAL}
    groups["the instruments of the answer alone miss"] = _ANSWER_ONLY
    missed = "; ".join(
        f"{told_of}: {', '.join(n for n, row in faults.items() if not _sees(row, columns)) or '–'}"
        for told_of, columns in groups.items()
    )
    noisy = [each for each in matrix.summarise(entries) if each.warning]
    alarms = ", ".join(f"{SHORT[each.instrument]} {each.alarms} of {each.sound}" for each in noisy)
    return (
        f"Of {counts['all']} false claims the four axioms catch {counts['axioms']}, with the "
        f"partial cells {counts['both']}; interchange accuracy, scrubbing and five ablations "
        f"together {counts['answer']}, DAS, boundless DAS and circuit probing "
        f"{counts['trained']}. {missed}. False alarms on true claims above 5 %: {alarms or 'none'}."
    )


def draw_matrix(entries: Sequence[Entry]) -> Figure:
    """Organisms by instruments, shaded by the rate of disagreement; a dash cannot be applied."""
    rows = matrix.by_organism(entries)
    size = (figures.PAGE_WIDTH * 1.6, 0.24 * len(rows) + 1.4)
    figure = Figure(figsize=size, layout="constrained")
    panel = figure.subplots()
    shades = [[_shade(row[name]) for name in COLUMNS] for row in rows.values()]
    panel.imshow(shades, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for height, row in enumerate(rows.values()):
        for place, name in enumerate(COLUMNS):
            text = _TOLD.get(row[name].outcome, f"{row[name].rate or 0.0:.2g}")
            colour = "white" if shades[height][place] > 0.6 else "black"
            panel.text(place, height, text, ha="center", va="center", fontsize=6, color=colour)
    panel.xaxis.tick_top()
    panel.set_xticks(range(len(COLUMNS)), [*SHORT.values()], rotation=60, ha="left")
    panel.set_yticks(range(len(rows)), [_titled(name, row) for name, row in rows.items()])
    return figure


def draw_doses(entries: Sequence[Entry]) -> Figure:
    """Rate of each telling instrument against the share that the copies write (O1)."""
    figure = Figure(figsize=(figures.PAGE_WIDTH, 3.0), layout="constrained")
    panel = figure.subplots()
    rows = matrix.by_organism(entries)
    named = {0.0: planted.CONTROL}
    named |= {dose: planted.bypass_name(dose) for dose in planted.DOSES}
    doses = {dose: rows[name] for dose, name in named.items() if name in rows}
    for number, name in enumerate((*_AXIOMS, *COLUMNS[4:7], COLUMNS[9], COLUMNS[13])):
        rates = [row[name].rate or 0.0 for row in doses.values()]
        marker = "os^vD*xP+"[number]
        panel.plot(list(doses), rates, marker=marker, label=SHORT[name], alpha=0.8)
    panel.set_xlabel("share of the answer that copies of the claimed neurons write")
    panel.set_ylabel("rate of disagreement")
    panel.legend(ncols=2)
    return figure


def render_text(folder: Path) -> str:
    """``README.md`` of the folder, from its tables."""
    entries = matrix.ENTRIES.read(folder)
    template = files("mechval.instruments").joinpath("matrix.md").read_text(encoding="utf-8")
    summaries = matrix.SUMMARIES.read(folder)
    attempts = ATTEMPTED.read(folder / FOLDER)
    return Template(template, undefined=StrictUndefined, keep_trailing_newline=True).render(
        conclusions=conclusions(entries),
        bar=f"{DETECTED_ABOVE:.0%}",
        matrix=markdown_of(_matrix(entries)),
        instruments=markdown_of(_summary(summaries)),
        organisms=markdown_of(show(matrix.ORGANISMS.read(folder), "organism told")),
        searches=markdown_of(
            show(SEARCHES.read(folder), "organism variable search disagreements n rate")
        ),
        probed=markdown_of(
            show(
                PROBED.read(folder),
                "organism variable units kept claimed overlap misread n_read",
                ("disagreements", "wrong"),
                "n zeroed others_zeroed",
            )
        ),
        mutants=markdown_of(_mutants(folder)),
        trained=markdown_of(show(TRAINED.read(folder / FOLDER), "network seed steps n wrong")),
        attempts=markdown_of(
            show(
                attempts,
                "attempt seed steps formulas batch rate gamma evade n wrong epsilon honest "
                "informative followed seconds is_kept",
            )
        ),
        n_attempts=len(attempts),
        n_reached=sum(row.is_evading for row in attempts),
        evaded=f"{MOST_FOLLOWED:.0%}",
        surprises=markdown_of(_surprises(entries)),
        outside=_outside(folder),
        null_figures=[each.budget.study for each in compared(folder)],
        nulls=nulls(folder),
        n_wrong=len(matrix.surprises(entries)),
        n_predicted=sum(entry.predicted is not None for entry in entries),
    )


def _outside(folder: Path) -> str:
    """Empty where it was not measured: the package is no dependency."""
    if not OUTSIDE.path(folder).is_file():
        return ""
    columns = "organism is_sound interventions plain faithful"
    return markdown_of(show(OUTSIDE.read(folder), columns))


def _write_page(folder: Path, entries: Sequence[Entry]) -> None:
    rows = matrix.by_organism(entries)
    sections = [
        Rendered("matrix", "Matrix", render.table(_matrix(entries), "table-matrix")),
        Rendered(
            "instruments",
            "Instruments",
            render.table(_summary(matrix.SUMMARIES.read(folder)), "table-instruments"),
        ),
        *(
            [Rendered("nulls", "Null networks", render.markdown(text))]
            if (text := nulls(folder))
            else []
        ),
        *(_opened(each, [*rows[each.organism].values()]) for each in matrix.ORGANISMS.read(folder)),
    ]
    text = page.render_template(
        "claim.html.j2",
        title="What instruments catch",
        reference="results/instruments",
        verdict=conclusions(entries),
        claims={},
        sections=sections,
    )
    page.write(folder / "index.html", text)


def _opened(organism: matrix.OrganismRow, entries: Sequence[Entry]) -> Rendered:
    """What each instrument said of one organism, folded."""
    columns = "instrument outcome predicted disagreements n rate lower n_cells samples note"
    said = f"<details><summary>each instrument</summary>{render.table(show(entries, columns))}"
    told_of = render.markdown(organism.told)
    place = render.identifier(organism.organism)
    return Rendered(place, organism.organism, f"{told_of}{said}</details>")


def _matrix(entries: Sequence[Entry]) -> Shown:
    rows = list(matrix.by_organism(entries).items())
    return show(
        rows,
        ("organism", lambda row: _titled(*row)),
        *((SHORT[name], _picked(name)) for name in COLUMNS),
    )


def _picked(name: str):
    def pick(row: tuple[str, Mapping[str, Entry]]) -> CellText:
        entry = row[1][name]
        surprise = "†" if entry.predicted not in (None, entry.outcome) else ""
        return CellText(_text(entry) + surprise, entry.rate or 0.0, _shade(entry))

    return pick


def _summary(rows: Sequence[InstrumentSummary]) -> Shown:
    short = ("in the matrix", lambda row: SHORT[row.instrument])
    return show(rows, short, "instrument detected faults alarms sound refused warning")


def _mutants(folder: Path) -> Shown:
    columns = "operator mutants equivalent by_bits by_answer least_bits least_answer samples"
    return show(MUTANTS.read(folder), columns)


def _surprises(entries: Sequence[Entry]) -> Shown:
    return show(matrix.surprises(entries), "organism instrument predicted outcome rate")


def _faults(entries: Sequence[Entry]) -> dict[str, dict[str, Entry]]:
    rows = matrix.by_organism(entries)
    return {name: row for name, row in rows.items() if next(iter(row.values())).is_sound is False}


def _sees(row: Mapping[str, Entry], columns: Sequence[str]) -> bool:
    return any(row[name].outcome is Outcome.DETECTED for name in columns)


def _titled(name: str, row: Mapping[str, Entry]) -> str:
    is_sound = next(iter(row.values())).is_sound
    return name if is_sound is False else f"{name} ({'true' if is_sound else 'set apart'})"


def _text(entry: Entry) -> str:
    return _TOLD.get(entry.outcome, told(entry.rate))


def _shade(entry: Entry) -> float:
    return entry.rate or 0.0 if entry.outcome is Outcome.DETECTED else 0.0
