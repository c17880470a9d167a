"""All circuit evidence that the paper reports on its 2-SAT network, for any network and size.

Source: PAPER.md section 2, "Circuit evidence reported". Blocks, heads and clauses count from 0.
"""

from mechval.two_sat.evidence.figures import evidence_figures
from mechval.two_sat.evidence.gather import gather_evidence
from mechval.two_sat.evidence.record import Evidence, Fact, load_evidence, save_evidence

__all__ = [
    "Evidence",
    "Fact",
    "evidence_figures",
    "gather_evidence",
    "load_evidence",
    "save_evidence",
]
