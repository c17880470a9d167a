"""The axioms on every input there is, so that ε is no bound but the rate itself."""

from dataclasses import replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from mechval.axioms.base import Batch, Interpretation
from mechval.axioms.equations import run_components
from mechval.axioms.report import AxiomReport, Cell
from mechval.axioms.suite import evaluate_axioms
from mechval.errors import MechvalError

_BATCH = 4096
_CONFIDENCE = 0.95


@torch.inference_mode()
def enumerate_axioms(
    interpretation: Interpretation, inputs: Shaped[Tensor, "input ..."]
) -> AxiomReport:
    """Evaluate one interpretation on its whole input space, all inputs weighing the same.

    Args:
        interpretation: the claim.
        inputs: every input there is, each once.

    Returns:
        A report whose every ε is exact: it equals the rate. The constant program that the
        verdicts are held against answers the network's most frequent label.

    Raises:
        MechvalError: if an input occurs twice, or as :func:`evaluate_axioms`.
    """
    if len(inputs.unique(dim=0)) < len(inputs):
        raise MechvalError("an input occurs more than once; allowed: every input there is, once.")
    batches = [
        Batch(part, torch.zeros(len(part), dtype=torch.long)) for part in inputs.split(_BATCH)
    ]
    labels = [run_components(interpretation.concrete, batch.inputs)[-1] for batch in batches]
    (report,) = evaluate_axioms(
        [interpretation],
        batches,
        strata_names=("all",),
        mixtures={},
        confidence=_CONFIDENCE,
        constant_label=int(torch.cat(labels).mode().values),
    )
    return replace(report, cells=tuple(map(_exact_cell, report.cells)))


def _exact_cell(cell: Cell) -> Cell:
    return replace(
        cell.over_whole_domain(),
        confidence=None,
        epsilon_simultaneous=cell.rate,
        strata={name: stratum.over_whole_domain() for name, stratum in cell.strata.items()},
    )
