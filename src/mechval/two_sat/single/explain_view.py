"""One explained formula as tables for the terminal or a page."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from mechval.errors import MechvalError
from mechval.pipeline.run import FinishedRun
from mechval.reporting.terminal import Explained, grid, parting, verdict
from mechval.two_sat.formulas import text
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.explain import CellOutcome, Explanation, explain_formula
from mechval.two_sat.single.subject import Subject, load_subject, write_label

MOST_ASSIGNMENTS = 8
RANDOM, STANDARD_INPUT = "random", "-"


def explain_words(
    run: FinishedRun, asked: Sequence[str], *, seed: int | None, checkpoint: Path | None
) -> Explained:
    """What a run's network does with a formula.

    ``asked`` is one word: the formula, the name of a file that holds it, ``-`` for standard input,
    or ``random``, which alone takes a seed. Raises MechvalError for other words, a file that cannot
    be read, a formula that is none, or as :func:`load_subject`.
    """
    if len(asked) != 1:
        told = f"{len(asked)} formulas {asked} are not allowed; allowed: one, in quotes."
        raise MechvalError(told)
    (word,) = asked
    if (word == RANDOM) != (seed is not None):
        raise MechvalError(f"seed={seed} with {word!r} is not allowed; allowed: seed=… "
                           f"with {RANDOM} and with nothing else.")  # fmt: skip
    # Read before the network is loaded: what is refused costs no time.
    content = _content(word) if seed is None else ""
    problem = Problem.model_validate(run.manifest("circuit").config["problem"])
    if seed is None:
        written = text.read_formula(problem, content)
    else:
        written = text.random_formula(problem, seed)
    subject = load_subject(run, checkpoint)
    parts = explanation_parts(explain_formula(subject, written))
    return Explained(tuple(parts), lambda: _draw(subject, written, word))


def _draw(subject: Subject, written: text.WrittenFormula, name: str) -> str:
    # Templates are loaded for a page alone.
    from mechval.two_sat.single.mechanism import Recorded, draw_mechanism

    clause_ids = text.complete_formula(subject.problem, written)
    return draw_mechanism(subject, [Recorded(name, clause_ids)])


def _content(word: str) -> str:
    """A formula, or what standard input or a file of that name holds; a file that exists wins."""
    if word == STANDARD_INPUT:
        return _decoded(sys.stdin.buffer.read, "standard input")
    is_one_word = len(word.split()) == 1 or Path(word).suffix != ""
    try:
        if not Path(word).exists() and ("(" in word or not is_one_word):
            return word
    except (OSError, ValueError):
        # No file has such a name.
        return word
    try:
        with Path(word).open("rb") as file:
            return _decoded(file.read, word)
    except (OSError, ValueError) as error:
        raise MechvalError(
            f"formula file {word} cannot be read ({type(error).__name__}); allowed: a DIMACS file, "
            "or clauses in parentheses."
        ) from None


def _decoded(read: Callable[[int], bytes], name: str) -> str:
    """Text in UTF-8, no more of it than shows that it is too long."""
    content = read(4 * text.MOST_CHARACTERS)
    try:
        return content.decode("utf-8-sig", errors="strict" if not read(1) else "ignore")
    except UnicodeDecodeError:
        raise MechvalError(
            f"formula file {name} is no text in UTF-8; allowed: a DIMACS file in it."
        ) from None


def explanation_parts(explanation: Explanation) -> Iterator[RenderableType]:
    """What the network got, read, evaluated and answered, and where the claim parts from it."""
    yield _answers(explanation)
    yield Text(f"tokens: {' '.join(explanation.tokens)}")
    yield from _notes(explanation)
    clauses = (
        (
            *(str(place), c.written, c.read, f"{c.cosine:.4f}", f"{c.margin:.4f}"),
            *map(_weights, (c.own_attention, c.answer_attention)),
            _differs(c.agrees),
        )
        for place, c in enumerate(explanation.clauses, start=1)
    )
    columns = (
        "clause",
        "written",
        "block 0 reads",
        "cosine",
        "margin",
        "own literals",
        "from :",
        "",
    )
    yield grid(
        columns,
        clauses,
        title="Parse: what block 0 wrote at each second literal; attention in %, by head",
    )
    yield Text(_assignments(explanation.assignments))
    yield _neurons(explanation)
    columns = ("program", "axiom", "component", "network", "interpretation", "due to", "")
    title = f"Axioms on this formula, reading {explanation.reading}"
    yield grid(columns, map(_cell, explanation.cells), title=title)
    yield parting(sum(cell.disagrees for cell in explanation.cells), len(explanation.cells))


def _answers(explanation: Explanation) -> RenderableType:
    right = write_label(explanation.satisfiable)
    told = f"token {explanation.token}, s - u {explanation.margin:+.2f}"
    rows = [("network", explanation.label, told), ("PySAT", right, explanation.witness)]
    title = f"The network is {'right' if explanation.label == right else 'WRONG'}"
    return grid(("who", "answer", "with"), rows, title=title)


def _notes(explanation: Explanation) -> Iterator[Text]:
    n_clauses = len(explanation.clauses)
    missing = n_clauses - explanation.n_written
    if missing:
        told = (
            f"OUTSIDE THE CLAIM'S DOMAIN: {explanation.n_written} of {n_clauses} clauses were "
            f"written, the last is repeated {missing} times more."
        )
        yield Text(told, style="bold")
    if explanation.n_dimacs:
        last = explanation.n_dimacs
        yield Text(f"DIMACS variables 1 to {last} are x0 to x{last - 1}.")
    if explanation.n_swapped:
        told = f"{explanation.n_swapped} clauses were turned round: the network knows the smaller "
        yield Text(told + "variable first.")


def _differs(agrees: bool) -> str:
    return "" if agrees else "DIFFERS"


def _assignments(found: tuple[str, ...]) -> str:
    if not found:
        return "satisfying assignments: none"
    shown = "; ".join(found[:MOST_ASSIGNMENTS])
    more = len(found) - MOST_ASSIGNMENTS
    rest = f"; … and {more} more" if more > 0 else ""
    return f"satisfying assignments, {len(found)}: {shown}{rest}"


def _weights(attention: tuple[float, ...]) -> str:
    return " ".join(f"{100 * weight:.0f}" for weight in attention)


def _neurons(explanation: Explanation) -> RenderableType:
    """The neurons that fire or should; then all else that adds up to the margin."""
    shown = [n for n in explanation.neurons if n.fires or any(n.expected.values())]
    rows: list[tuple[str, ...]] = [
        (
            str(neuron.neuron),
            ", ".join(f"φ{a}" for a in neuron.assignments),
            f"{neuron.activation:.2f}",
            f"{neuron.cut:.2f}",
            *("on" if is_on else "off" for is_on in (neuron.fires, *neuron.expected.values())),
            f"{neuron.effect:+.2f}",
            _differs(set(neuron.expected.values()) == {neuron.fires}),
        )
        for neuron in shown
    ]
    versions = explanation.neurons[0].expected
    columns = ("neuron", "stands for", "activation", "cut", "fires", *versions, "adds", "")
    effects = sum(neuron.effect for neuron in explanation.neurons)
    others = explanation.others + effects - sum(neuron.effect for neuron in shown)
    for name, value in (
        (f"{len(explanation.neurons) - len(shown)} others", others),
        ("no neuron", explanation.direct),
        ("s - u", explanation.margin),
    ):
        rows.append((name, *[""] * (len(columns) - 3), f"{value:+.2f}", ""))
    title = "Evaluate: neurons that fire or should, the others, and what adds up to s - u"
    return grid(columns, rows, title=title)


def _cell(cell: CellOutcome) -> tuple[str, ...]:
    """Both sides, and what a disagreement is due to; sides that agree are not written twice."""
    is_long = not cell.disagrees and cell.network not in map(write_label, (0, 1))
    sides = ("agree", "agree") if is_long else (cell.network, cell.program)
    due_to = (cell.responsible, verdict(cell.disagrees, cell.wrong))
    return (cell.version, cell.axiom, cell.component, *sides, *due_to)
