"""What a circuit claims of its neurons, held against what is known of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from mechval.two_sat.certify.theorem.neurons import Evaluators, PreActivationBounds
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import EvaluateProgram, FittedTrees, TreeProgram
from mechval.two_sat.programs.trees import Leaf, Tree

VERSIONS = (FittedTrees.version, DisjunctionProgram.version)
"""The programs that a theorem is about."""


@dataclass(frozen=True)
class Claim:
    """Whether something claimed follows, and by how much or why not."""

    margin: float | None = None
    stopped_by: str | None = None


def stated_assignments(program: EvaluateProgram) -> list[int | None]:
    """The assignment that each neuron's program is equal to, as a function of the 2^n bits.

    None where it is the function of no single assignment's bit.
    """
    if isinstance(program, TreeProgram):
        return [_of_tree(tree) for tree in program.trees]
    assert isinstance(program, DisjunctionProgram)
    chosen = [row.nonzero().flatten().tolist() for row in program.assignments]
    return [row[0] if len(row) == 1 else None for row in chosen]


def check_bits(reading: Reading, evaluators: Evaluators, ranges: PreActivationBounds) -> Claim:
    """Whether every neuron of a reading reaches its cut exactly where it is on."""
    place = {int(neuron): i for i, neuron in enumerate(evaluators.neuron)}
    margins = []
    for neuron, cut in zip(reading.neurons.tolist(), reading.levels.cut.double(), strict=True):
        if neuron not in place:
            return Claim(stopped_by=f"neuron {neuron} is off on every formula")
        on, off = ranges.on[place[neuron]], ranges.off[place[neuron]].clamp(min=0)
        margins.append(torch.minimum(on - cut, cut - off))
    least = torch.stack(margins)
    margin, worst = float(least.amin()), reading.neurons[int(least.nan_to_num(-1e300).argmin())]
    if margin > 0:
        return Claim(margin)
    return Claim(margin, f"of neuron {int(worst)} against its cut")


def check_program(reading: Reading, program: EvaluateProgram, evaluators: Evaluators) -> Claim:
    """Whether every neuron's program is the bit of the assignment that the neuron evaluates."""
    known = dict(zip(evaluators.neuron.tolist(), evaluators.assignment.tolist(), strict=True))
    for neuron, stated in zip(reading.neurons.tolist(), stated_assignments(program), strict=True):
        if stated is None:
            return Claim(stopped_by=f"neuron {neuron}: its program is not one assignment's bit")
        if known.get(neuron) != stated:
            told = f"evaluates assignment {known[neuron]}" if neuron in known else "is never on"
            return Claim(stopped_by=f"neuron {neuron} {told}, its program says assignment {stated}")
    return Claim()


def check_cover(assignments: Iterator[int] | list[int], n_assignments: int) -> Claim:
    """Whether every assignment is among these."""
    lacking = set(range(n_assignments)) - set(assignments)
    if lacking:
        return Claim(stopped_by=f"no neuron evaluates assignment {min(lacking)}")
    return Claim()


def covered_by(reading: Reading, evaluators: Evaluators) -> list[int]:
    """Assignments that the live neurons of a reading evaluate."""
    known = dict(zip(evaluators.neuron.tolist(), evaluators.assignment.tolist(), strict=True))
    return [known[neuron] for neuron in reading.neurons.tolist() if neuron in known]


def residuals(circuit: Circuit) -> Mapping[str, torch.Tensor]:
    """What γ_2 puts in for the residual stream, by the interpretation's tag."""
    return {"resid_mid": circuit.mean_resid_mid, "attn_out": circuit.mean_attn_out}


def _of_tree(tree: Tree) -> int | None:
    leaves = list(_leaves(tree, {}))
    for assignment in leaves[0][0] if leaves else ():
        if all(path.get(assignment) == bit for path, bit in leaves):
            return assignment
    return None


def _leaves(tree: Tree, path: dict[int, bool]) -> Iterator[tuple[dict[int, bool], bool]]:
    """Every way through a tree that some bits take, with the bit it ends in."""
    if isinstance(tree, Leaf):
        yield path, tree.bit
        return
    for answer, branch in ((False, tree.if_false), (True, tree.if_true)):
        if path.get(tree.assignment, answer) == answer:
            yield from _leaves(branch, {**path, tree.assignment: answer})
