"""The axioms of a mechanistic interpretation, for any network and any program.

`Interpretation` states what is claimed, `evaluate_axioms` measures it on batches and returns an
`AxiomReport` per interpretation. Nothing here knows a task or an architecture.
"""

from mechval.axioms.axioms import (
    Trajectory,
    component_equivalence,
    component_replaceability,
    make_trajectory,
    prefix_equivalence,
    prefix_replaceability,
    run_components,
)
from mechval.axioms.cells import Axiom, CellKey, distinct_cells, representative_cells
from mechval.axioms.cutting import Cut, CutNetwork
from mechval.axioms.enumeration import enumerate_axioms
from mechval.axioms.evidence import LEDGER_COLUMNS, EvidenceKind, Statement
from mechval.axioms.examination import CellSides, examine_cells
from mechval.axioms.interpretation import (
    Equivalence,
    Interpretation,
    Map,
    State,
    exact_labels,
    identity,
    n_differing,
)
from mechval.axioms.report import (
    CELLS,
    INTERPRETATIONS,
    AxiomReport,
    Cell,
    ConstantProgram,
    Estimate,
    InterpretationRow,
    MixtureEstimate,
    Verdict,
)
from mechval.axioms.spec import load_interpretation, save_interpretation
from mechval.axioms.statistics import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    disagreements_from_epsilon,
    label_entropy,
    mixture_upper,
    simultaneous_confidence,
)
from mechval.axioms.suite import Batch, evaluate_axioms
from mechval.axioms.tables import (
    Disagreements,
    cell_rows,
    load_disagreements,
    report_row,
    save_disagreements,
)

__all__ = [
    "CELLS",
    "INTERPRETATIONS",
    "LEDGER_COLUMNS",
    "Axiom",
    "AxiomReport",
    "Batch",
    "Cell",
    "CellKey",
    "CellSides",
    "ConstantProgram",
    "Cut",
    "CutNetwork",
    "Disagreements",
    "Equivalence",
    "Estimate",
    "EvidenceKind",
    "Interpretation",
    "InterpretationRow",
    "Map",
    "MixtureEstimate",
    "State",
    "Statement",
    "Trajectory",
    "Verdict",
    "cell_rows",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "component_equivalence",
    "component_replaceability",
    "disagreements_from_epsilon",
    "distinct_cells",
    "enumerate_axioms",
    "evaluate_axioms",
    "exact_labels",
    "examine_cells",
    "identity",
    "label_entropy",
    "load_disagreements",
    "load_interpretation",
    "make_trajectory",
    "mixture_upper",
    "n_differing",
    "prefix_equivalence",
    "prefix_replaceability",
    "report_row",
    "representative_cells",
    "run_components",
    "save_disagreements",
    "save_interpretation",
    "simultaneous_confidence",
]
