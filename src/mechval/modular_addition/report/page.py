"""What the modular-addition study says on its pages beside the sections of its report."""

from pathlib import Path

from mechval.axioms import Cell
from mechval.errors import MechvalError
from mechval.modular_addition.circuit import extract as circuit
from mechval.modular_addition.claim.translations import NO_CLAIM
from mechval.modular_addition.network.training import ANSWERS
from mechval.modular_addition.report import content
from mechval.reporting.html.answers import Answer
from mechval.reporting.html.page import COMPONENTS, PageContent
from mechval.reporting.report import RunFiles, paragraphs
from mechval.reporting.shown import show


def _neurons(files: RunFiles) -> Answer:
    """How many neurons work at each key frequency."""
    keys = [row for row in files.rows(circuit.FREQUENCIES) if row.is_key]
    if not keys:
        return Answer("None: the claim cannot be stated", (NO_CLAIM,))
    computed = [row for row in keys if row.neurons_explained]
    verdict, *told = paragraphs(
        content.PACKAGE,
        "neurons.md",
        explained=sum(row.neurons_explained for row in keys),
        neurons=files.record(circuit.FACTS).neurons,
        computed=computed,
        unused=[row for row in keys if row not in computed],
        n=files.settings.problem.n_pairs,
        least=f"{files.settings.circuit.explained:.0%}",
    )
    details = show(keys, "frequency neurons", content.explained(files), "neuron_sum_wave_share")
    return Answer(verdict, tuple(told), details, "good" if computed else "bad")


def _cells(files: RunFiles) -> list[Cell]:
    """The main interpretation; raises MechvalError if no claim can be stated."""
    cells = content.main_cells(files)
    if not cells:
        raise MechvalError(NO_CLAIM)
    return cells


PAGE = PageContent(
    study="modular_addition",
    title="How a transformer adds modulo a prime",
    claim=lambda files: paragraphs(content.PACKAGE, "claim.md", problem=files.settings.problem),
    components=COMPONENTS.read(Path(__file__).parent),
    input_state="a, b and “=”",
    accuracy=lambda files: (files.record(ANSWERS).wrong_count, files.record(ANSWERS).n),
    neurons_question="Which neurons compute which frequencies?",
    neurons=_neurons,
    cells=_cells,
    asked=content.is_asked,
    makers=content.MAKERS,
    package=content.PACKAGE,
)
