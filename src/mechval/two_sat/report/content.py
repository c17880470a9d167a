"""The sections of a 2-SAT run's report, in their order, and its headline numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from mechval import tables
from mechval.axioms.report import CELLS, Estimate
from mechval.reporting import null_rates, report
from mechval.reporting.paper_comparison import paper_section
from mechval.reporting.report import Maker, RunFiles, Section, with_figures
from mechval.reporting.shown import show
from mechval.two_sat.circuit.evidence.gather import FACTS
from mechval.two_sat.formulas.dataset import DATA
from mechval.two_sat.network.training import LEARNING_CURVE, Accuracy
from mechval.two_sat.report import (
    claim_sections,
    ledger_sections,
    measured,
    network_sections,
    paper_values,
    targets,
)
from mechval.two_sat.report.figures import attention, claim, network, theorem

PACKAGE = __name__.rpartition(".")[0]
TEXTS = (
    *(paper_values.DATA_FILE, targets.DATA_FILE),
    *(claim_sections.HERE / name for name in null_rates.FILES),
    *report.templates(PACKAGE),
)
"""What the report says besides what its modules do."""
_ORIGINS = {
    "own": "a network trained with this code",
    "published": "the authors' network",
    "weights": "a network trained on from given weights",
}


def title(files: RunFiles) -> str:
    """The report's heading: size, model and seed."""
    problem, origin = files.settings.problem, _ORIGINS[files.settings.model.kind]
    size = f"2-SAT with {problem.n_variables} variables and {problem.n_clauses} clauses"
    return f"{size}: {origin}, seed {files.seed}"


def reached_targets(files: RunFiles) -> Section | None:
    """The goals for a network trained with this code on formulas of the paper's size."""
    if files.settings.model.kind != "own" or not measured.is_paper_size(files):
        return None
    values = measured.main_values(files)
    shown = show(
        [each for each in targets.ABOUT["reference"] if each.key in values],
        ("target", "name"),
        ("limit", "bound"),
        ("measured", lambda target: target.shown(values)),
        ("", lambda target: target.verdict(values)),
        ("limit from", "basis"),
    )
    return Section("Targets", "targets.md", {"targets": shown})


def paper_versus_measured(files: RunFiles) -> Section | None:
    """Printed numbers beside measured ones; None where the paper has no formulas of this size."""
    if not measured.is_paper_size(files):
        return None
    comparisons = measured.compare_with_paper(files)
    found = {row.published.key for row in comparisons}
    printed = [row.key for row in paper_values.PRINTED_VALUES if row.kind != "context"]
    return paper_section(comparisons, [key for key in printed if key not in found])


FIGURES = (attention, claim, network, theorem)
_SECTIONS: tuple[Maker, ...] = (
    reached_targets,
    network_sections.accuracy,
    network_sections.training,
    network_sections.consolidation,
    network_sections.circuit,
    claim_sections.axioms,
    ledger_sections.theorem,
    ledger_sections.ledger,
    ledger_sections.parsing,
    ledger_sections.drift,
    ledger_sections.counterexamples,
    paper_versus_measured,
    claim_sections.variants,
    claim_sections.better,
    network_sections.evidence,
    claim_sections.derivability_and_size,
    claim_sections.nulls,
    claim_sections.progress,
)
MAKERS = with_figures(_SECTIONS, *FIGURES)


def card(files: RunFiles) -> Section:
    """Of the model card: what the network is for, what it was made from, where it fails."""
    parts = {"settings": files.settings, "data": files.record(DATA)}
    classes = measured.accuracy(files).classes
    return Section("Purpose and limits", "model_card.md", {**parts, **classes})


CARD = with_figures((card, network_sections.training, network_sections.accuracy), *FIGURES)


@dataclass(frozen=True)
class Headlines:
    """``report/metrics.json``: accuracy, sparsity and the main interpretation's distinct cells.

    Attributes:
        formulas_seen: by training phase.
        tags: of the main interpretation.
        axioms: by version, then by cell.
    """

    accuracy: Accuracy
    formulas_seen: Mapping[str, int]
    carrying_neurons: int
    tags: Mapping[str, str]
    axioms: Mapping[str, Mapping[str, Estimate]]


HEADLINES = tables.Record("report/metrics.json", Headlines)


def headlines(files: RunFiles) -> Headlines:
    """Gather them; the last point of a phase has seen the most formulas."""
    is_trained = files.settings.model.kind == "own"
    curve = files.rows(LEARNING_CURVE) if is_trained else ()
    tags, names = measured.main_tags(files), tables.columns_of(Estimate)
    axioms: dict[str, dict[str, Estimate]] = {}
    for cell in files.rows(CELLS):
        if cell.is_distinct and measured.has_tags(cell, tags):
            estimate = Estimate(**{name: getattr(cell, name) for name in names})
            axioms.setdefault(cell.tags["version"], {})[cell.name] = estimate
    return Headlines(
        accuracy=measured.accuracy(files),
        formulas_seen={point.phase: point.examples for point in curve},
        carrying_neurons=files.record(FACTS).carrying_neurons,
        tags=tags,
        axioms=axioms,
    )
