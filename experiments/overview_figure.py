"""The drawing at the top of the README: ``python -m experiments.overview_figure``."""

from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PATH = Path("docs/overview.svg")
NETWORK, PROGRAM = "#0072b2", "#d55e00"  # colour-blind safe
COMPONENTS = (
    ("embeddings\nand block 0", "parse"),
    ("block 1: attention\nand hidden neurons", "evaluate"),
    ("MLP output,\nunembedding", "output"),
)
CUTS = (
    ("tokens", "formula"),
    ("residual stream\nafter block 0", "list of clauses"),
    ("activations of\nthe neurons", "one bit per\nevaluating neuron"),
    ("answer", "SAT or UNSAT"),
)
SPACING, NETWORK_Y, PROGRAM_Y = 3.4, 2.0, 0.0


def main() -> None:
    """Write the figure; the same bytes every time."""
    rcParams["svg.hashsalt"] = "mechval"
    figure = Figure(figsize=(11, 3.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1.5, 3 * SPACING + 1.2), ylim=(-0.95, 3.0))
    axes.axis("off")
    _row(axes, NETWORK_Y, "network", NETWORK, 0)
    _row(axes, PROGRAM_Y, "program", PROGRAM, 1)
    for cut in (1, 2):
        _translations(axes, cut)
    text = (
        "equivalence: reading a cut with α gives the program's state      "
        "replaceability: putting the program's state in with γ keeps the answer"
    )
    axes.text(1.5 * SPACING, -0.8, text, ha="center", fontsize=9.5)
    figure.savefig(PATH, metadata={"Date": None})


def _row(axes: Axes, y: float, name: str, colour: str, side: int) -> None:
    axes.text(-1.4, y + 0.62, name, fontsize=12, color=colour, weight="bold")
    for cut, labels in enumerate(CUTS):
        axes.text(
            cut * SPACING, y, labels[side], ha="center", va="center", fontsize=9.5, color="black"
        )
    for index, labels in enumerate(COMPONENTS):
        start, middle = index * SPACING + 0.9, (index + 0.5) * SPACING
        arrow = {"arrowstyle": "->", "color": colour, "linewidth": 1.6}
        axes.annotate("", (start + SPACING - 1.8, y), (start, y), arrowprops=arrow)
        axes.text(
            middle, y + 0.16, labels[side], ha="center", va="bottom", fontsize=9.5, color=colour
        )


def _translations(axes: Axes, cut: int) -> None:
    x, top, bottom = cut * SPACING, NETWORK_Y - 0.4, PROGRAM_Y + 0.4
    for shift, name, (start, end) in ((-0.2, "α", (top, bottom)), (0.2, "γ", (bottom, top))):
        arrow = {"arrowstyle": "->", "color": "black", "linewidth": 1.2}
        axes.annotate("", (x + shift, end), (x + shift, start), arrowprops=arrow)
        label = f"${name}_{cut}$".replace("α", r"\alpha").replace("γ", r"\gamma")
        side = "right" if shift < 0 else "left"
        axes.text(x + 1.5 * shift, (top + bottom) / 2, label, ha=side, va="center", fontsize=12)


if __name__ == "__main__":
    main()
