"""Re-checks a certificate of parsing from the weights alone; shares no code with what made it.

Nothing is optimised here. Every claimed bound λ of a fraction N / D is confirmed by evaluating
N_0 - λ D_0 + Σ_j min_c (n_j(c) - λ d_j(c)) ≥ 0 (or the mirror image), every margin by putting the
confirmed bounds together. Rounding is bounded anew: all intermediate numbers are sums of products,
off by at most γ = K u / (1 - K u) times the same sum of absolute values, attention weights by a
further factor; see `_Rounding`.

Source: paper section 4 (network, prototypes); the layout of the file is in `certificate`.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from mechval.errors import MechvalError

Arrays = Mapping[str, np.ndarray]

_UNIT = 2.0**-53
_MLP = ("W_in", "W_out", "b_in", "b_out")
_ATTENTION = ("W_K", "W_O", "W_Q", "W_V")
_ARRAYS = {"case", "fixed", "lower", "upper", "is_swapped", "ratio", "margin", "prototypes"}
# A float32 forward pass gives the prototypes that α_1 compares with.
_PROTOTYPE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Checked:
    """What a certificate that passed shows; without a certified case the margin is infinite."""

    n_certified: int
    n_refuted: int
    n_unknown: int
    least_margin: float


def check_parsing(certificate: Path, weights: Path) -> Checked:
    """Confirm every claim of a certificate against a network's weights.

    The weights are safetensors under TransformerLens names, as stage ``train`` writes them. Raises
    MechvalError naming the first claim that does not hold, a certificate of other weights, or a
    file that cannot be read.
    """
    header, arrays = _read_certificate(certificate)
    network = _Network(_read_weights(weights, header), header["problem"], arrays["prototypes"])
    cases = header["cases"]
    expected = [(k, c) for k in range(network.n_clauses) for c in range(len(network.clauses))]
    if [(case["clause_position"], case["clause"]) for case in cases] != expected:
        raise _refused("its cases are not every clause position with every clause, in order")
    by_case: dict[int, list[int]] = {}
    for leaf, case in enumerate(arrays["case"].tolist()):
        by_case.setdefault(case, []).append(leaf)
    if not set(by_case) <= {i for i, case in enumerate(cases) if case["status"] == "certified"}:
        raise _refused("it has bounds for a case that is not certified")
    views: dict[tuple[int, int], _View] = {}
    for index, case in enumerate(cases):
        key = (case["clause_position"], int(network.clauses[case["clause"], 1]))
        if key not in views:
            views[key] = _View(network, *key)
        _check_case(views[key], case, [_Leaf(arrays, i) for i in by_case.get(index, [])])
    counts = Counter(case["status"] for case in cases)
    margins = [case["margin"] for case in cases if case["status"] == "certified"]
    least = min(margins, default=math.inf)
    return Checked(counts["certified"], counts["refuted"], counts["unknown"], least)


class _Network:
    """Weights in float64, clauses, and the prototypes as unit vectors."""

    def __init__(self, tensors: Arrays, problem: dict[str, int], prototypes: np.ndarray):
        n, self.n_clauses = problem["n_variables"], problem["n_clauses"]
        self.n_literals = 2 * n
        signs = (product((i, n + i), (j, n + j)) for i, j in combinations(range(n), 2))
        self.clauses = np.array([clause for of_pair in signs for clause in of_pair])
        exact = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        self.embedding, self.positions = exact["embed.W_E"], exact["pos_embed.W_pos"]
        if len(self.embedding) != 2 * n + 6 or len(self.positions) != 4 * self.n_clauses + 1:
            raise _refused("the weights are of a network for formulas of another size")
        attention = (exact[f"blocks.0.attn.{name}"] for name in _ATTENTION)
        self.W_K, self.W_O, self.W_Q, self.W_V = attention
        mlp = (exact[f"blocks.0.mlp.{name}"] for name in _MLP)
        self.W_in, self.W_out, self.b_in, self.b_out = mlp
        self.n_heads, _, self.d_head = self.W_Q.shape
        self._check_prototypes(prototypes)
        stored = prototypes.astype(np.float64)
        self.units = stored / np.linalg.norm(stored, axis=1, keepdims=True)

    def residual(self, position: int, token: int) -> Float[np.ndarray, " d_model"]:
        """Token plus position."""
        return self.embedding[token] + self.positions[position]

    def look(
        self, query: np.ndarray, sources: Iterable[tuple[int, int]]
    ) -> tuple[Float[np.ndarray, "head source"], Float[np.ndarray, "head source d_model"]]:
        """Scores of, and values behind, tokens at positions, for a querying residual."""
        seen = np.array([self.residual(*source) for source in sources])
        asked = query @ self.W_Q
        scores = np.einsum("hsd,hd->hs", seen @ self.W_K, asked) / math.sqrt(self.d_head)
        return scores, seen @ self.W_V @ self.W_O

    def through_mlp(self, resid_mid: Float[np.ndarray, " d_model"]) -> np.ndarray:
        """The residual stream after the block."""
        hidden = np.maximum(resid_mid @ self.W_in + self.b_in, 0)
        return resid_mid + hidden @ self.W_out + self.b_out

    def _check_prototypes(self, stored: np.ndarray) -> None:
        """Prototype of (l, r): the block at r, seeing l and r alone, averaged over positions."""
        if stored.shape != (self.n_literals**2, self.W_in.shape[0]):
            raise _refused("its prototypes have another shape than the literal pairs need")
        for pair, found in enumerate(stored):
            first, second = divmod(pair, self.n_literals)
            outputs = []
            for k in range(self.n_clauses):
                query = self.residual(4 * k + 2, second)
                scores, values = self.look(query, [(4 * k + 1, first), (4 * k + 2, second)])
                pattern = np.exp(scores - scores.max(axis=1, keepdims=True))
                pattern /= pattern.sum(axis=1, keepdims=True)
                outputs.append(self.through_mlp(query + np.einsum("hs,hsd->d", pattern, values)))
            derived = np.mean(outputs, axis=0)
            distance = np.linalg.norm(derived - found)
            if not 0 <= distance <= _PROTOTYPE_TOLERANCE * np.linalg.norm(derived):
                raise _refused(f"prototype {pair} is not the one of these weights")


class _View:
    """All that one second literal can see: weights (one row per head) and values of every clause.

    They are of the parentheses (``rest``) and of each clause at each clause position up to its own;
    values are weighted already.
    """

    def __init__(self, network: _Network, k: int, second: int):
        self.network, self.k = network, k
        self.query = network.residual(4 * k + 2, second)
        left, right = network.n_literals, network.n_literals + 1
        rest = [(4 * j, left) for j in range(k + 1)] + [(4 * j + 3, right) for j in range(k)]
        literals = range(network.n_literals)
        written = [(4 * j + side, x) for j in range(k + 1) for side in (1, 2) for x in literals]
        scores, values = network.look(self.query, [*rest, *written])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.rest_weight = weights[:, : len(rest)].sum(axis=1)
        self.rest_value = np.einsum("hs,hsd->hd", weights[:, : len(rest)], values[:, : len(rest)])
        shape = (network.n_heads, k + 1, 2, network.n_literals)
        weight = weights[:, len(rest) :].reshape(shape)
        value = values[:, len(rest) :].reshape(*shape, -1) * weight[..., None]
        one, two = network.clauses.T
        self.weight = weight[:, :, 0, one] + weight[:, :, 1, two]
        self.value = value[:, :, 0, one] + value[:, :, 1, two]
        possible = [(p, x) for p, x in written if x in network.clauses[:, p % 4 - 1]]
        self.rounding = _Rounding(network, self.query, [*rest, *possible])

    def held(self, positions: list[int], clauses: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Weight (per head) and weighted value of the parentheses and of clauses at positions."""
        weight = self.rest_weight + self.weight[:, positions, clauses].sum(axis=1)
        return weight, self.rest_value + self.value[:, positions, clauses].sum(axis=1)

    def margin_of(self, clauses: list[int], accepted: tuple[int, int]) -> float:
        """True margin where the clauses up to this position are these."""
        weight, value = self.held(list(range(self.k + 1)), clauses)
        after = self.network.through_mlp(self.query + (value / weight[:, None]).sum(axis=0))
        scores = self.network.units @ after
        best = max(scores[list(accepted)])
        return float(best - np.delete(scores, accepted).max())


class _Rounding:
    """Bounds of what float64 rounding does at one query.

    With u = 2^-53 and K operations in sequence, a score is off by δ ≤ γ |score|, summed with
    absolute values; a weight then by a factor 1 ± η, η = e^δ - 1 + 8 u (exp good to 4 units in the
    last place); an average under such weights by 3 η of the largest value. ``neuron`` bounds each
    pre-activation's error four times over, ``margin`` each margin's eight times over.
    """

    def __init__(self, network: _Network, query: np.ndarray, sources: list[tuple[int, int]]):
        d_model, d_mlp = network.W_in.shape
        n = 5 * d_model + 2 * network.d_head + 2 * d_mlp + len(network.positions) + 64
        gamma = n * _UNIT / (1 - n * _UNIT)
        seen = np.abs([network.residual(*source) for source in sources])
        asked = np.abs(query) @ np.abs(network.W_Q) / math.sqrt(network.d_head)
        score = np.einsum("hsd,hd->hs", seen @ np.abs(network.W_K), asked).max()
        relative = gamma + 3 * (math.expm1(gamma * score + 2 * score * _UNIT) + 8 * _UNIT)
        attended = (seen @ np.abs(network.W_V) @ np.abs(network.W_O)).max(axis=1).sum(axis=0)
        before = np.abs(query) + attended
        neurons = before @ np.abs(network.W_in) + np.abs(network.b_in)
        after = before + np.abs(network.b_out) + 2 * neurons @ np.abs(network.W_out)
        self.neuron = 4 * relative * neurons
        self.margin = 16 * relative * float((np.abs(network.units) @ after).max())


class _Leaf:
    """One row of every array, in float64."""

    def __init__(self, arrays: Arrays, index: int):
        self.fixed = [clause for clause in arrays["fixed"][index].tolist() if clause >= 0]
        self.lower = arrays["lower"][index].astype(np.float64)
        self.upper = arrays["upper"][index].astype(np.float64)
        self.ratio = arrays["ratio"][index].astype(np.float64)
        self.is_swapped = arrays["is_swapped"][index].astype(int)
        self.margin = float(arrays["margin"][index])


def _check_case(view: _View, case: dict[str, Any], leaves: list[_Leaf]) -> None:
    network, error = view.network, view.rounding.margin
    first, second = network.clauses[case["clause"]].tolist()
    n_literals, margin = network.n_literals, case["margin"]
    accepted = (first * n_literals + second, second * n_literals + first)
    place = f"clause position {view.k}, clause {case['clause']}"
    is_enough = case["numerical_error"] >= error * (1 - 1e-9)
    _require(is_enough, f"{place}: numerical_error is too small")
    difference = abs(case["own_clause_attention"] - _least_attention(view, case["clause"]))
    _require(difference <= 1e-9, f"{place}: own_clause_attention")
    formula = case["worst_formula"]
    is_formula = len(formula) == network.n_clauses and formula[view.k] == case["clause"]
    is_formula &= all(0 <= clause < len(network.clauses) for clause in formula)
    _require(is_formula, f"{place}: worst_formula")
    attained = view.margin_of(formula[: view.k + 1], accepted)
    _require(abs(case["attained_margin"] - attained) <= error, f"{place}: attained_margin")
    if case["status"] == "refuted":
        _require(attained < -error and margin == case["attained_margin"], f"{place}: margin")
    elif case["status"] == "certified":
        _require(_is_cover([leaf.fixed for leaf in leaves], view), f"{place}: its leaves")
        for leaf in leaves:
            _check_leaf(view, case["clause"], accepted, leaf, place)
        least = min(leaf.margin for leaf in leaves)
        _require(margin == least > error, f"{place}: margin")
    else:
        _require(case["status"] == "unknown" and bool(case["stopped_by"]), f"{place}: status")


def _least_attention(view: _View, own: int) -> float:
    """Least share of the own clause, over all earlier clauses, of any head."""
    mine = view.weight[:, view.k, own]
    others = view.weight[:, : view.k].max(axis=2, initial=0.0).sum(axis=1)
    return float((mine / (mine + view.rest_weight + others)).min())


def _is_cover(prefixes: list[list[int]], view: _View) -> bool:
    """Whether every choice of the earlier clauses belongs to exactly one prefix."""
    if prefixes == [[]]:
        return True
    if not prefixes or [] in prefixes:
        return False
    branches: dict[int, list[list[int]]] = {}
    for prefix in prefixes:
        branches.setdefault(prefix[0], []).append(prefix[1:])
    return (
        max(map(len, prefixes)) <= view.k
        and set(branches) == set(range(len(view.network.clauses)))
        and all(_is_cover(branch, view) for branch in branches.values())
    )


def _check_leaf(view: _View, own: int, accepted: tuple[int, int], leaf: _Leaf, place: str) -> None:
    """Confirm a leaf's bounds, then its margin against every competing pair."""
    network, k = view.network, view.k
    n_free = k - len(leaf.fixed)
    weight, value = view.held([k, *range(k - 1, n_free - 1, -1)], [own, *leaf.fixed])
    fraction = _Fraction(weight, value, view.weight[:, :n_free], view.value[:, :n_free])
    _require(fraction.is_lower(network.W_in, leaf.lower), f"{place}: lower")
    _require(fraction.is_lower(-network.W_in, -leaf.upper), f"{place}: upper")
    direct = view.query @ network.W_in + network.b_in
    low = direct + leaf.lower.sum(axis=0) - view.rounding.neuron
    high = direct + leaf.upper.sum(axis=0) + view.rounding.neuron
    rivals = np.delete(np.arange(len(network.units)), accepted)
    winners = np.array(accepted)[leaf.is_swapped[rivals]]
    toward = (network.units[winners] - network.units[rivals]).T
    slope, offset = _lines(network.W_out @ toward, low[:, None], high[:, None])
    functional = toward + network.W_in @ slope
    ratio = leaf.ratio[:, rivals]
    _require(fraction.is_lower(functional, ratio), f"{place}: ratio")
    constant = network.b_in @ slope + offset.sum(axis=0) + network.b_out @ toward
    margin = float((view.query @ functional + constant + ratio.sum(axis=0)).min())
    _require(leaf.margin <= margin + view.rounding.margin, f"{place}: the margin of a leaf")
    _require(margin > view.rounding.margin, f"{place}: the margin of a leaf")


@dataclass(frozen=True, eq=False)
class _Fraction:
    """Attention output per head while some clauses are fixed and the others are free."""

    weight: Float[np.ndarray, " head"]
    value: Float[np.ndarray, "head d_model"]
    free_weight: Float[np.ndarray, "head earlier clause"]
    free_value: Float[np.ndarray, "head earlier clause d_model"]

    def is_lower(
        self, functionals: Float[np.ndarray, "d_model n"], bound: Float[np.ndarray, "head n"]
    ) -> bool:
        """Whether no choice takes a functional of a head's output below its claimed bound."""
        total = self.value @ functionals - bound * self.weight[:, None]
        for j in range(self.free_weight.shape[1]):
            terms = self.free_value[:, j] @ functionals
            terms -= bound[:, None] * self.free_weight[:, j, :, None]
            total += terms.min(axis=1)
        return bool((total >= 0).all())


def _lines(
    effect: Float[np.ndarray, "d_mlp n"], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset of a line below ``effect * relu(z)`` wherever low ≤ z ≤ high."""
    crosses: Bool[np.ndarray, "d_mlp 1"] = (low < 0) & (high > 0)
    on = (low >= 0).astype(np.float64)
    steep = np.where(crosses, high > -low, on)
    chord = np.where(crosses, high / np.where(crosses, high - low, 1.0), on)
    slope = np.where(effect >= 0, steep, chord) * effect
    ends = np.minimum(-slope * low, effect * high - slope * high)
    return slope, np.where(crosses & (effect < 0), ends, 0.0)


def _read_certificate(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads(file.metadata()["certificate"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        is_whole = set(arrays) == _ARRAYS and _digest(arrays) == header["content_sha256"]
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise _refused(f"{path} cannot be read ({type(error).__name__})") from None
    if not is_whole:
        raise _refused(f"{path} is damaged: its content has another hash than it says")
    return header, arrays


def _read_weights(path: Path, header: dict[str, Any]) -> Arrays:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _refused(f"the weights {path} cannot be read ({type(error).__name__})") from None
    blocks = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    family = {"embed.W_E", "pos_embed.W_pos", "unembed.W_U"}
    family |= {f"blocks.{b}.attn.{name}" for b in blocks for name in _ATTENTION}
    family |= {f"blocks.{b}.mlp.{name}" for b in blocks for name in _MLP}
    for name in sorted(set(tensors) ^ family):
        raise _refused(f"the weights have another set of tensors than this family ({name})")
    stored = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    if _digest(stored) != header["weights_sha256"]:
        raise _refused(f"it is of other weights than {path}: the hashes differ")
    return tensors


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()


def _require(holds: bool | np.bool_, claim: str) -> None:
    if not holds:
        raise _refused(f"this does not hold: {claim}")


def _refused(reason: str) -> MechvalError:
    return MechvalError(
        f"the certificate is refused: {reason}; allowed: one whose every claim follows from the "
        "weights."
    )
