"""The front of evaluate programs: how long each is against how often it disagrees."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from mechval.reporting import figures, palette
from mechval.reporting.tables import Row

_LOOKS: Mapping[str, tuple[str, str]] = {
    "disjunction": (palette.ORANGE, "D"),
    "trees": (palette.BLUE, "s"),
    "lookup table": (palette.BLACK, "X"),
    "k of n": (palette.PURPLE, "^"),
    "voting": (palette.VERMILLION, "o"),
    "mirrored voting": (palette.GREEN, "*"),
}


def front_figure(rows: Sequence[Row], title: str, target: float, most_bits: int) -> Figure:
    """Draw the rows of ``front_rows`` on logarithmic axes; rows without a length are left out.

    Call it inside ``figure_style``.

    Args:
        target: the ε aimed at.
        most_bits: the longest program that the aim allows.
    """
    figure = Figure(figsize=(figures.PAGE_WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    for program, (colour, marker) in _LOOKS.items():
        points = [
            (float(row["bits"]), float(row["epsilon"]), str(row["setting"]))
            for row in rows
            if row["program"] == program
            and isinstance(row["bits"], int)
            and isinstance(row["epsilon"], float)
        ]
        lengths, epsilons = [point[0] for point in points], [point[1] for point in points]
        axes.plot(lengths, epsilons, color=colour, marker=marker, linestyle=":", label=program)
        for length, epsilon, setting in points:
            axes.annotate(setting, (length, epsilon), (5, 4), textcoords="offset points")
    axes.axhline(target, color="0.6", linewidth=0.8)
    axes.axvline(most_bits, color="0.6", linewidth=0.8)
    notes = (
        (f"aim: ε ≤ {target:g}", (0, target), (4, 3), ("axes fraction", "data")),
        (f"≤ {most_bits} bits", (most_bits, 1), (4, -8), ("data", "axes fraction")),
    )
    for text, place, offset, units in notes:
        axes.annotate(text, place, offset, xycoords=units, textcoords="offset points", color="0.4")
    axes.set(xscale="log", yscale="log", title=title)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="length of the program [bits]", ylabel="evaluate, equivalence ε (95 % bound)")
    axes.legend()
    return figure
