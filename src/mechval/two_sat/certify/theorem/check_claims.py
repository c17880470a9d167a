"""What a circuit's files claim of neurons, and γ_2, as the checker of a theorem reads them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mechval.two_sat.certify.theorem.check_intervals import gamma, point
from mechval.two_sat.certify.theorem.check_lemmas import Bounds, effects, one_on
from mechval.two_sat.certify.theorem.check_network import Network

Known = Mapping[int, int]
"""The assignment of each live neuron."""


def bits_margin(
    circuit: Mapping[str, np.ndarray], reading: str, neurons: Sequence[int], bounds: Bounds
) -> float | None:
    """By how much the neurons of a reading keep clear of their cuts; None if one is never on."""
    place = {neuron: i for i, neuron in enumerate(neurons)}
    chosen = circuit[f"{reading}.neurons"].tolist()
    if not set(chosen) <= set(place):
        return None
    index = [place[neuron] for neuron in chosen]
    cut = circuit[f"{reading}.cut"].astype(np.float64)
    clear = np.minimum(bounds.on[index] - cut, cut - np.maximum(bounds.off[index], 0))
    return float(clear.min())


def covers(assignments: Sequence[int], n_assignments: int) -> bool:
    """Whether all assignments are there."""
    return set(assignments) == set(range(n_assignments))


def says_so(programs: Mapping[str, Any], chosen: Sequence[int], known: Known, version: str) -> bool:
    """Whether each neuron's program is the bit of its assignment, on all 2^n bits."""
    stated = programs["trees" if version == "trees" else "disjunctions"]
    if len(stated) != len(chosen):
        return False
    if version != "trees":
        return all(row == [known.get(k)] for k, row in zip(chosen, stated, strict=True))
    return all(_is_bit(tree, known.get(k)) for k, tree in zip(chosen, stated, strict=True))


def _is_bit(tree: Any, assignment: int | None) -> bool:
    """Whether a tree equals one bit: every path that some bits take knows that bit at its end."""
    return all(answers.get(assignment) == leaf for answers, leaf in _paths(tree, {}))


def _paths(tree: Any, answers: dict[Any, bool]) -> Iterator[tuple[dict[Any, bool], bool]]:
    if not isinstance(tree, dict):
        yield answers, bool(tree)
        return
    asked = tree["assignment"]
    for answer, branch in ((False, "if_false"), (True, "if_true")):
        if answers.get(asked, answer) is answer:
            yield from _paths(tree[branch], {**answers, asked: answer})


def written_margin(
    network: Network, circuit: Mapping[str, np.ndarray], reading: str, residual: str
) -> float:
    """Least lead of the right token at what γ_2 writes, for every choice of bits."""
    chosen = circuit[f"{reading}.neurons"].tolist()
    hidden = circuit["mean_hidden"].astype(np.float64).copy()
    hidden[chosen] = 0.0
    mean = circuit["mean_resid_mid" if residual == "resid_mid" else "mean_attn_out"]
    out = point(hidden[None]).by(network.part(1, "mlp.W_out")) + network.part(1, "mlp.b_out")[None]
    logits = (point(mean[None]) + out).by(network.weights["unembed.W_U"])[0]
    others = np.array([t for t in range(network.n_tokens) if t != network.yes])
    direct = logits[np.full_like(others, network.yes)] - logits[others]
    high = point(circuit[f"{reading}.high"][:, None])
    added = (effects(network, chosen, network.yes, others) * high).low
    some = one_on(added, np.minimum(added, 0)) + direct.low
    some -= gamma(8) * np.abs(some)
    none = float(-direct.high[others == network.no][0])
    least = float(some.min())
    return math.nan if math.isnan(least) or math.isnan(none) else min(least, none)


def cell_premises(version: str, reading: str, residual: str) -> dict[tuple[str, str], list[str]]:
    """Which lemmas each of the twelve cells rests on, in the order of the file."""
    seen = ["own clause", "constants", "read positions", "neurons"]
    right = [*seen, "cover", "satisfiable", "unsatisfiable"]
    bits, cover = f"bits {reading}", f"covering bits {reading}"
    program, written = f"program {version}/{reading}", f"written bits {reading}/{residual}"
    parse = ["own clause", "parsed clauses"]
    later = [f"{name} after γ_1" for name in ("neurons", "satisfiable", "unsatisfiable")]
    said, read = [*right, program, cover], [*right, bits, cover]
    by_axiom = {
        "prefix equivalence": (parse, [*seen, bits, program], said),
        "component equivalence": (parse, [*seen, "parsed clauses", bits, program], read),
        "prefix replaceability": ([*right, *later], [*said, written], said),
        "component replaceability": (
            [*right, *later],
            [*said, "parsed clauses", written],
            read,
        ),
    }
    return {
        (axiom, component): lemmas
        for axiom, row in by_axiom.items()
        for component, lemmas in zip(("parse", "evaluate", "output"), row, strict=True)
    }
