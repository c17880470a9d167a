"""Measured 2-SAT values under the keys of the paper's printed numbers and of the targets."""

from collections.abc import Iterator

from mechval.axioms.report import CELLS, INTERPRETATIONS, Cell, InterpretationRow
from mechval.reporting import paper_comparison
from mechval.reporting.paper_comparison import Comparison, Measured
from mechval.reporting.report import RunFiles
from mechval.two_sat.certify.theorem.theorem import CELLS as CELL_PROOFS
from mechval.two_sat.certify.theorem.theorem import THEOREM, CellProof, LemmaStatus, Theorem
from mechval.two_sat.circuit.evidence import ablations, attention_extremes, coverage, gather
from mechval.two_sat.circuit.evidence.neuron_rows import NEURONS
from mechval.two_sat.claim.variants.variant import VARIANTS
from mechval.two_sat.consolidate.curve import OUTCOME
from mechval.two_sat.network.training import ACCURACY, Accuracy
from mechval.two_sat.report.paper_values import PAPER_PROBLEM, PRINTED_VALUES

MAIN = {"reading": "calibrated", "residual": "resid_mid"}
"""Tags of the interpretation that reads any network by rules."""
COMPARABLE = {"reading": "paper", "residual": "attn_out"}
"""Tags of the interpretation with the paper's constants and its γ_2 (D1)."""


def is_paper_size(files: RunFiles) -> bool:
    """Whether the paper reports values for formulas of this size."""
    return files.settings.problem == PAPER_PROBLEM


def has_tags(row: Cell | InterpretationRow, tags: dict[str, str]) -> bool:
    """Whether a row is about an interpretation with these tags, among others."""
    return tags.items() <= row.tags.items()


def main_tags(files: RunFiles) -> dict[str, str]:
    """Reading and residual of the main interpretation: :data:`MAIN`, or the run's first."""
    found = [row.tags for row in files.rows(INTERPRETATIONS)]
    chosen = next((tags for tags in found if MAIN.items() <= tags.items()), found[0])
    return {name: chosen[name] for name in MAIN}


def accuracy(files: RunFiles) -> Accuracy:
    """Of the network that the run is about, on the test split."""
    is_consolidated = OUTCOME.stage in files.directories
    return files.record(OUTCOME).accuracy if is_consolidated else files.record(ACCURACY)


def proofs(files: RunFiles) -> list[CellProof]:
    """Cells that hold on all formulas; none of a run made before there were theorems."""
    rows = files.rows(CELL_PROOFS) if files.has(CELL_PROOFS) else ()
    return [cell for cell in rows if cell.status is LemmaStatus.PROVED]


def proved_cells(files: RunFiles) -> frozenset[str]:
    """The same, as ``interpretation/axiom/component``."""
    found = proofs(files)
    return frozenset(f"{cell.interpretation}/{cell.axiom}/{cell.component}" for cell in found)


def proved_theorem(files: RunFiles) -> Theorem | None:
    """The theorem about the run's network; None where it is not proved, or there is none."""
    theorem = files.record(THEOREM) if files.has(THEOREM) else None
    return theorem if theorem and theorem.status is LemmaStatus.PROVED else None


def main_values(files: RunFiles) -> dict[str, Measured]:
    """Measured values, by key; the cells are those of the main interpretation."""
    return {**measured_values(files), **dict(cell_values(files, main_tags(files)))}


def compare_with_paper(files: RunFiles) -> tuple[Comparison, ...]:
    """Judge every printed number that this run measures.

    A run without the paper's reading, or without a variant of the paper, has no such values.
    Beside each cell stands what the calibrated reading gives: the paper's constants were set for
    its own network.

    Raises:
        MechvalError: if a rate comes without its count, or a table is missing.
    """
    measured = measured_values(files)
    found = [row for row in PRINTED_VALUES if row.key in measured]
    return paper_comparison.compare(found, measured, dict(cell_values(files, MAIN)))


def measured_values(files: RunFiles) -> dict[str, Measured]:
    """Everything in a run's tables that a printed number can be compared with, by key."""
    return dict(cell_values(files, COMPARABLE)) | dict(_network_values(files))


def cell_values(files: RunFiles, tags: dict[str, str]) -> Iterator[tuple[str, Measured]]:
    """ε of every cell, and of every variant's, of the interpretations with these tags."""
    for row in (*files.rows(CELLS), *files.rows(VARIANTS)):
        varied = [row.tags[name] for name in ("family", "setting") if name in row.tags]
        # The order inside a clause has nothing to do with neurons, so it has one reading only.
        if has_tags(row, tags) or row.tags.get("family") == "ordered clauses":
            names = (row.tags["version"], *([" ".join(varied)] if varied else []), row.name)
            yield "/".join(names), Measured(row.epsilon, row.disagreements, row.n)


def _network_values(files: RunFiles) -> Iterator[tuple[str, Measured]]:
    found, circuit = accuracy(files), files.record(gather.FACTS)
    right, n = found.n - found.wrong_count, found.n
    yield "train/accuracy", Measured(found.accuracy, right, n)
    yield "train/accuracy_lower", Measured(found.accuracy_lower, right, n)
    yield "circuit/carrying_neurons", Measured(float(circuit.carrying_neurons))
    yield "evidence/unembedding.norm_of_s_plus_u", Measured(circuit.norm_of_s_plus_u)
    for row in files.rows(ablations.ABLATIONS):
        yield f"evidence/ablation.{row.ablation}", Measured(row.rate, row.flips, row.n)
    rows = [row for row in files.rows(attention_extremes.ANSWER_EXTREMES) if row.version == "paper"]
    if rows:
        least, most = min(row.smallest for row in rows), max(row.largest for row in rows)
        yield "evidence/answer_attention.paper.smallest", Measured(least)
        yield "evidence/answer_attention.paper.largest", Measured(most)
    neurons = files.rows(NEURONS)
    # By the paper's rule a neuron evaluates if its largest effect exceeds 0.1.
    idle = [abs(row.coefficient) for row in neurons if row.coefficient * row.max_activation <= 0.1]
    yield "evidence/coefficients.evaluating_neurons", Measured(float(len(neurons) - len(idle)))
    yield "evidence/coefficients.largest_idle", Measured(max(idle, default=0.0))
    for row in files.rows(coverage.COVERAGE):
        key = f"evidence/coverage.{row.reading}.{row.program}.missed"
        yield f"{key}_pruned", Measured(float(row.assignments - row.covered_pruned))
        yield f"{key}_unpruned", Measured(float(row.assignments - row.covered_unpruned))
