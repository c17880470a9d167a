"""The cells of claims as a figure: axioms by components, shaded by ε."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mechval.axioms.base import Axiom
from mechval.axioms.report import Cell

_SIDE = 1.9
_DARK = 0.6


def draw_cells(claims: Mapping[str, Sequence[tuple[Cell, str]]]) -> Figure:
    """A panel for each claim, by its name; cells that repeat another are left blank.

    The words in a cell are its disagreements, ε and what it comes to.
    """
    n_components = len({cell.component for cells in claims.values() for cell, _ in cells})
    size = (_SIDE * n_components * len(claims) + 1.5, 0.8 * len(Axiom) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(claims), squeeze=False)[0]
    for panel, (name, cells) in zip(panels, claims.items(), strict=True):
        components = list(dict.fromkeys(cell.component for cell, _ in cells))
        shades = [[float("nan")] * len(components) for _ in Axiom]
        for cell, status in cells:
            row, column = cell.axiom.number - 1, components.index(cell.component)
            shades[row][column] = cell.epsilon
            panel.text(
                column,
                row,
                f"{cell.disagreements:,} of {cell.n:,}\nε {cell.epsilon:.3g}\n{status}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if cell.epsilon > _DARK else "black",
            )
        panel.imshow(shades, vmin=0, vmax=1, cmap="Oranges", aspect="auto")
        panel.set_xticks(range(len(components)), components)
        panel.set_yticks(range(len(Axiom)), [axiom.value for axiom in Axiom])
        panel.set_title(name)
    return figure
