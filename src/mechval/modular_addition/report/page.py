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
    n_explained = sum(row.neurons_explained for row in keys)
    computed, unused = (
        ", ".join(str(row.frequency) for row in keys if bool(row.neurons_explained) is is_computed)
        for is_computed in (True, False)
    )
    of_all = f"{n_explained} of {files.record(circuit.FACTS).neurons} neurons compute waves of "
    verdict = of_all + (f"the key frequencies {computed}" if computed else "a key frequency")
    if unused:
        verdict += f"; no neuron computes those of {unused}"
    sentence = (
        f"Exact, N = {files.settings.problem.n_pairs:,} inputs: a neuron belongs to the frequency "
        "that explains most of its variance, and counts if that is at least "
        f"{circuit.EXPLAINED:.0%}."
    )
    details = show(keys, "frequency neurons neurons_explained neuron_sum_wave_share")
    return Answer(verdict, (sentence,), details, "good" if n_explained else "bad")


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
