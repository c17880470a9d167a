"""One explained formula as tables for the terminal or a page."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from mechval.reporting.terminal import grid
from mechval.two_sat.single.explain import Explanation
from mechval.two_sat.single.explain_cells import VERSIONS, CellOutcome

MOST_ASSIGNMENTS = 8
_LABELS = {True: "SAT", False: "UNSAT"}


def explanation_parts(explanation: Explanation) -> Iterator[RenderableType]:
    """What the network got, read, evaluated and answered, and where the claim parts from it."""
    yield _answers(explanation)
    yield Text(f"tokens: {' '.join(explanation.tokens)}")
    yield from map(Text, _notes(explanation))
    yield _clauses(explanation)
    yield Text(_assignments(explanation.assignments))
    yield _neurons(explanation)
    yield _cells(explanation)
    yield Text(_parting(explanation.cells), style="bold")


def _answers(explanation: Explanation) -> RenderableType:
    answer, solver = explanation.answer, explanation.solver
    witness = f"model {solver.model}" if solver.satisfiable else f"core {' & '.join(solver.core)}"
    rows = [
        (
            "network",
            _LABELS[answer.satisfiable],
            f"token {answer.token}, s - u {answer.margin:+.2f}",
        ),
        ("PySAT", _LABELS[solver.satisfiable], witness),
    ]
    is_right = answer.satisfiable == solver.satisfiable
    title = f"The network is {'right' if is_right else 'WRONG'}"
    return grid(("who", "answer", "with"), rows, title=title)


def _notes(explanation: Explanation) -> Iterator[str]:
    n_clauses = len(explanation.clauses)
    missing = n_clauses - explanation.n_written
    if missing:
        yield (
            f"{explanation.n_written} of {n_clauses} clauses were written, so the last one is "
            f"repeated {missing} times more: the same models, and as many clauses as the network "
            "was trained on, but with more repetition than it saw."
        )
    if explanation.n_swapped:
        yield (
            f"{explanation.n_swapped} clauses were turned round: the network knows the smaller "
            "variable first."
        )


def _clauses(explanation: Explanation) -> RenderableType:
    rows = [
        (
            str(place),
            clause.written,
            clause.read,
            f"{clause.cosine:.4f}",
            f"{clause.margin:.4f}",
            "" if clause.agrees else "DIFFERS",
        )
        for place, clause in enumerate(explanation.clauses, start=1)
    ]
    columns = ("clause", "written", "block 1 reads", "cosine", "margin to the next clause", "")
    return grid(columns, rows, title="Parse: what block 1 wrote at each second literal")


def _assignments(found: tuple[str, ...]) -> str:
    if not found:
        return "satisfying assignments: none"
    shown = "; ".join(found[:MOST_ASSIGNMENTS])
    more = len(found) - MOST_ASSIGNMENTS
    rest = f"; … and {more} more" if more > 0 else ""
    return f"satisfying assignments, {len(found)}: {shown}{rest}"


def _neurons(explanation: Explanation) -> RenderableType:
    """The neurons that fire or should; the others are counted in the title."""
    shown = [n for n in explanation.neurons if n.fires or any(n.expected.values())]
    rows = [
        (
            str(neuron.neuron),
            f"{neuron.activation:.2f}",
            f"{neuron.cut:.2f}",
            _mark(neuron.fires),
            *(_mark(neuron.expected[version]) for version in VERSIONS),
            f"{neuron.effect:+.2f}",
            "" if set(neuron.expected.values()) == {neuron.fires} else "DIFFERS",
        )
        for neuron in shown
    ]
    columns = ("neuron", "activation", "cut", "fires", *VERSIONS, "adds to s", "")
    n_silent = len(explanation.neurons) - len(shown)
    title = f"Evaluate: neurons that fire or should ({n_silent} more do neither)"
    return grid(columns, rows, title=title)


def _mark(is_on: bool) -> str:
    return "on" if is_on else "off"


def _cells(explanation: Explanation) -> RenderableType:
    rows = [
        (
            cell.interpretation.partition("/")[0],
            cell.axiom,
            cell.component,
            cell.network,
            cell.interpreted,
            _verdict(cell),
        )
        for cell in explanation.cells
    ]
    columns = ("program", "axiom", "component", "network", "interpretation", "")
    return grid(columns, rows, title=f"Axioms on this formula, reading {explanation.reading}")


def _verdict(cell: CellOutcome) -> str:
    if not cell.disagrees:
        return ""
    return f"{cell.wrong} wrong" if cell.wrong else "DIFFERS"


def _parting(cells: tuple[CellOutcome, ...]) -> str:
    n_apart = sum(cell.disagrees for cell in cells)
    if not n_apart:
        return f"Network and interpretation agree in all {len(cells)} cells."
    return f"Network and interpretation part ways in {n_apart} of {len(cells)} cells."
