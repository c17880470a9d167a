"""The axioms of a mechanistic interpretation, for any network and any program.

`Interpretation` states what is claimed, `evaluate_axioms` measures it on batches and returns an
`AxiomReport` per interpretation. Nothing here knows a task or an architecture.
"""

from mechval.axioms.base import Axiom as Axiom
from mechval.axioms.base import Batch as Batch
from mechval.axioms.base import CellKey as CellKey
from mechval.axioms.base import Equivalence as Equivalence
from mechval.axioms.base import Interpretation as Interpretation
from mechval.axioms.base import Map as Map
from mechval.axioms.base import Measurements as Measurements
from mechval.axioms.base import Sides as Sides
from mechval.axioms.base import State as State
from mechval.axioms.base import Trajectory as Trajectory
from mechval.axioms.base import exact_labels as exact_labels
from mechval.axioms.base import identity as identity
from mechval.axioms.base import n_differing as n_differing
from mechval.axioms.cuts import Cut as Cut
from mechval.axioms.cuts import PartialState as PartialState
from mechval.axioms.cutting import CutNetwork as CutNetwork
from mechval.axioms.disagreements import DISAGREEMENTS as DISAGREEMENTS
from mechval.axioms.disagreements import Disagreements as Disagreements
from mechval.axioms.disagreements import load_disagreements as load_disagreements
from mechval.axioms.disagreements import save_disagreements as save_disagreements
from mechval.axioms.equations import cell_sides as cell_sides
from mechval.axioms.equations import distinct_cells as distinct_cells
from mechval.axioms.equations import examine_cells as examine_cells
from mechval.axioms.equations import make_trajectory as make_trajectory
from mechval.axioms.equations import representative_cells as representative_cells
from mechval.axioms.equations import run_components as run_components
from mechval.axioms.evidence import LEDGER as LEDGER
from mechval.axioms.evidence import EvidenceKind as EvidenceKind
from mechval.axioms.evidence import Statement as Statement
from mechval.axioms.failures import CellFailures as CellFailures
from mechval.axioms.failures import Failures as Failures
from mechval.axioms.failures import locate_failures as locate_failures
from mechval.axioms.judging import JudgingRule as JudgingRule
from mechval.axioms.judging import best_constant as best_constant
from mechval.axioms.judging import make_report as make_report
from mechval.axioms.report import CELLS as CELLS
from mechval.axioms.report import INTERPRETATIONS as INTERPRETATIONS
from mechval.axioms.report import AxiomReport as AxiomReport
from mechval.axioms.report import Cell as Cell
from mechval.axioms.report import CellName as CellName
from mechval.axioms.report import ConstantProgram as ConstantProgram
from mechval.axioms.report import Estimate as Estimate
from mechval.axioms.report import InterpretationRow as InterpretationRow
from mechval.axioms.report import MixtureEstimate as MixtureEstimate
from mechval.axioms.report import Verdict as Verdict
from mechval.axioms.report import cell_name as cell_name
from mechval.axioms.spec import load_interpretation as load_interpretation
from mechval.axioms.spec import save_interpretation as save_interpretation
from mechval.axioms.statistics import clopper_pearson_lower as clopper_pearson_lower
from mechval.axioms.statistics import clopper_pearson_upper as clopper_pearson_upper
from mechval.axioms.statistics import disagreements_from_epsilon as disagreements_from_epsilon
from mechval.axioms.statistics import label_entropy as label_entropy
from mechval.axioms.statistics import mixture_upper as mixture_upper
from mechval.axioms.statistics import simultaneous_confidence as simultaneous_confidence
from mechval.axioms.suite import enumerate_axioms as enumerate_axioms
from mechval.axioms.suite import evaluate_axioms as evaluate_axioms
from mechval.axioms.suite import measure_axioms as measure_axioms
