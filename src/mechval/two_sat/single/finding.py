"""Which cells fail on the held-out formulas, and the smallest formulas on which each does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int

from mechval.axioms import Disagreements, Interpretation
from mechval.axioms.cells import CellKey, distinct_cells
from mechval.axioms.equations import cell_sides
from mechval.axioms.report import cell_name
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.shrinking import distinct_clauses, shrink

_STARTS_PER_CASE = 2
"""Failing formulas that are shrunk for each one kept: some shrink to the same formula."""


@dataclass(frozen=True, eq=False)
class FailingCell:
    """A cell with disagreements, under the first interpretation in which it has just these.

    Attributes:
        same_in: all interpretations in which the cell disagrees on the very same formulas.
        disagrees: on which held-out formulas.
    """

    interpretation: Interpretation
    key: CellKey
    same_in: tuple[str, ...]
    disagrees: Bool[np.ndarray, " formula"]

    @property
    def component(self) -> str:
        """The component's name."""
        return self.interpretation.components[self.key.component - 1]


def failing_cells(
    interpretations: Sequence[Interpretation], audits: Mapping[str, Disagreements]
) -> list[FailingCell]:
    """The distinct cells that disagree somewhere; cells with equal disagreements are one.

    Args:
        audits: by interpretation, which held-out formulas disagree in which cell.
    """
    groups: dict[tuple[CellKey, bytes], list[tuple[Interpretation, np.ndarray]]] = {}
    for interpretation in interpretations:
        audit = audits[interpretation.name]
        for key in distinct_cells(interpretation):
            name = cell_name(key.axiom, interpretation.components[key.component - 1])
            disagrees = audit.disagreements[audit.cells.index(name)].numpy()
            if disagrees.any():
                group = groups.setdefault((key, np.packbits(disagrees).tobytes()), [])
                group.append((interpretation, disagrees))
    return [
        FailingCell(group[0][0], key, tuple(member.name for member, _ in group), group[0][1])
        for (key, _), group in sorted(groups.items(), key=lambda item: item[0][0].place)
    ]


def smallest_formulas(
    cell: FailingCell, problem: Problem, test: Split, *, limit: int, device: torch.device
) -> list[Int[np.ndarray, " clause_position"]]:
    """Shrink the failing formulas with the fewest distinct clauses; return the smallest results.

    Args:
        test: the held-out formulas that ``cell.disagrees`` speaks of.
        limit: how many formulas at most.

    Returns:
        Different formulas, fewest distinct clauses first, that fail when evaluated one by one.
    """
    failing = test.clause_ids[cell.disagrees].astype(np.int64)
    sizes = np.array([len(distinct_clauses(formula)) for formula in failing])
    starts = failing[np.argsort(sizes, kind="stable")[: _STARTS_PER_CASE * limit]]

    def fails(formulas: Int[np.ndarray, "formula clause_position"]) -> Bool[np.ndarray, " formula"]:
        tokens = encode_formulas(problem, torch.from_numpy(formulas)).to(device)
        return cell_sides(cell.interpretation, tokens, cell.key).disagrees.cpu().numpy()

    shrunk = {tuple(shrink(start, fails).tolist()) for start in starts}
    ordered = sorted(shrunk, key=lambda formula: (len(set(formula)), formula))
    formulas = (np.array(formula) for formula in ordered)
    # A formula that fails in a batch only does so by a rounding error.
    return [formula for formula in formulas if fails(formula[None])[0]][:limit]
