"""Re-checks a theorem from the weights and the circuit's files; shares no code with its finder.

Everything is derived anew, in interval arithmetic where the finder has midpoints and radii: the
attention that strays, the sums over clauses, every neuron, the answers, what γ_1 and γ_2 write, and
the programs. From the theorem come only the assignment of each neuron and the numbers claimed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mechval.errors import MechvalError
from mechval.two_sat.certify.theorem import check_claims, check_lemmas, check_listing
from mechval.two_sat.certify.theorem.check_network import Network

Content = dict[str, Any]

_FIELDS = {
    *("n_variables", "n_clauses", "formulas", "weights_sha256", "circuit_sha256", "status"),
    *("failing_lemma", "interpretations", "answers", "terms", "lemmas", "neurons", "cells"),
    "content_sha256",
}
_TOLERANCE, _CLEAR, _FACTOR = 1e-4, 1e-6, 200.0
_LISTING = "theorem_listing.safetensors"
_RESIDUALS, _VERSIONS = ("resid_mid", "attn_out"), ("trees", "disjunction")
_NETWORK, _FAR = 7, 8.0
_ATTENTION = ("own clause", "constants", "read positions")


@dataclass(frozen=True)
class Confirmed:
    """What a theorem that passed says.

    Attributes:
        interpretations: whose twelve cells are all proved.
    """

    is_proved: bool
    answers_rightly: bool
    interpretations: tuple[str, ...]


@dataclass(frozen=True)
class _Listing:
    path: Path
    everything: bool


def check_theorem(
    theorem: Path, weights: Path, circuit: Path, *, everything: bool = False
) -> Confirmed:
    """Confirm every claim of a theorem.

    Args:
        theorem: the file; a listing of the neurons lies beside it, if there is one.
        weights: safetensors under TransformerLens names.
        circuit: the folder with circuit.safetensors and programs.json.
        everything: whether all chunks of the listing are found again, or a part of them.

    Raises:
        MechvalError: naming the first claim that does not hold, a theorem of other weights or
            another circuit, or a file that cannot be read.
    """
    try:
        listing = _Listing(theorem.with_name(_LISTING), everything)
        return _check(_read_theorem(theorem), weights, circuit, listing)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _refused(f"it is not laid out as a theorem ({type(error).__name__})") from None


def _check(content: Content, weights: Path, circuit: Path, listing: _Listing) -> Confirmed:
    tensors = _read_weights(weights, content)
    arrays, programs = _read_circuit(circuit, content)
    network = Network(tensors, content["n_variables"], content["n_clauses"])
    if network.start.low.shape[:2] != (network.answer + 1, network.n_tokens):
        raise _refused("the weights are of a network for formulas of another size")
    neurons = [row["neuron"] for row in content["neurons"]]
    assignments = [row["assignment"] for row in content["neurons"]]
    for assignment in assignments:
        _require(0 <= assignment < 2**network.n, f"assignment {assignment} of a neuron")
    with np.errstate(over="ignore", invalid="ignore"):
        about = network, arrays, neurons, assignments
        full, used = check_lemmas.find(*about, "all"), None
        _require(neurons == full.live, "its neurons are those that are not off on every formula")
        if listing.path.exists():
            listed = check_listing.read_listing(listing.path, network, neurons)
            check_listing.follow(listed, network, assignments, everything=listing.everything)
            _require(_agree(full, listed), "the closed form and the listing agree")
            closed = full.numbers["neurons"], full.numbers["neurons after γ_1"]
            used = None if min(closed) > 0 else listed
        full = full if used is None else check_lemmas.find(*about, "all", used)
        clean, centre = (check_lemmas.find(*about, care, used) for care in ("rounding", "none"))
        statuses = _check_lemmas(content, network, arrays, programs, (full, clean, centre))
    _check_neurons(content, full.bounds, centre.bounds, statuses["neurons"])
    _check_whole(content, network, statuses, [*programs["readings"]])
    return Confirmed(
        content["status"] == "proved",
        content["answers"] == "proved",
        tuple(content["interpretations"]),
    )


def _agree(closed: check_lemmas.Findings, listed: check_listing.Listed) -> bool:
    """No listed value lies beyond a bound of the closed form."""
    wide, (on, off, highest) = listed.distance(closed.own, True), listed.total
    bounds = closed.bounds
    beyond = (bounds.on > on + wide) | (bounds.off < off - wide) | (bounds.highest < highest - wide)
    return not beyond.any()


def _check_lemmas(
    content: Content,
    network: Network,
    circuit: Mapping[str, np.ndarray],
    programs: Content,
    found: Sequence[check_lemmas.Findings],
) -> dict[str, bool]:
    """Confirm the lemmas one by one; returns which of them hold."""
    full, clean, centre = found
    claimed = {lemma["name"]: lemma for lemma in content["lemmas"]}
    _require(len(claimed) == len(content["lemmas"]), "a lemma stands there once")
    expected: dict[str, bool | tuple[float, float | None, float | None]] = {}
    for name, number in full.numbers.items():
        expected[name] = number, clean.numbers[name], centre.numbers[name]
    for name in _ATTENTION:
        expected[name] = full.numbers[name], None, None
    known = {row["neuron"]: row["assignment"] for row in content["neurons"]}
    expected["cover"] = check_claims.covers([*known.values()], 2**network.n)
    if not set(full.live_after) <= set(full.live):
        expected["neurons after γ_1"] = False
    for reading, stated in programs["readings"].items():
        expected |= _claims(network, circuit, reading, stated, known, found)
    _require(set(claimed) == set(expected), "its lemmas are those of the composition")
    # Where attention strays far, two sound bounds of what it moves are far apart.
    is_tight = all(full.numbers[name] > _FAR for name in _ATTENTION)
    for name, numbers in expected.items():
        _check_lemma(claimed[name], numbers, is_tight)
    return {name: claimed[name]["status"] == "proved" for name in claimed}


def _claims(
    network: Network,
    circuit: Mapping[str, np.ndarray],
    reading: str,
    stated: Content,
    known: check_claims.Known,
    found: Sequence[check_lemmas.Findings],
) -> dict[str, bool | tuple[float, float | None, float | None]]:
    """What is expected of the lemmas about one reading."""
    chosen, live = circuit[f"{reading}.neurons"].tolist(), [*known]
    bits = [check_claims.bits_margin(circuit, reading, live, each.bounds) for each in found]
    covered = [known[neuron] for neuron in chosen if neuron in known]
    expected: dict[str, bool | tuple[float, float | None, float | None]] = {
        f"bits {reading}": False if bits[0] is None else (bits[0], bits[1], bits[2]),
        f"covering bits {reading}": check_claims.covers(covered, 2**network.n),
    }
    for version in _VERSIONS:
        said = check_claims.says_so(stated, chosen, known, version)
        expected[f"program {version}/{reading}"] = said
    for residual in _RESIDUALS:
        margin = check_claims.written_margin(network, circuit, reading, residual)
        expected[f"written bits {reading}/{residual}"] = margin, None, None
    return expected


def _check_lemma(
    lemma: Content, expected: bool | tuple[float, float | None, float | None], is_tight: bool
) -> None:
    """A proved lemma must hold here too, with its numbers; an open one must be open here."""
    name, proved = f"lemma {lemma['name']}", lemma["status"] == "proved"
    _require(lemma["status"] in ("proved", "unknown"), f"{name}: status")
    _require((lemma["stopped_by"] is None) is proved, f"{name}: stopped_by")
    if isinstance(expected, bool):
        _require(proved is expected, f"{name}: status")
        _require(lemma["margin"] is None, f"{name}: margin")
        return
    margin, clean, centre = expected
    if not proved:
        _require(not margin > _CLEAR, f"{name}: status")
        _require(not (lemma["margin"] or 0.0) > 0, f"{name}: margin")
        return
    _require(margin > 0, f"{name}: status")
    if not is_tight:
        return
    _require(_is_near(lemma["margin"], margin), f"{name}: margin")
    rounding, moved = lemma["rounding"], lemma["moved"]
    _require(rounding is not None and 0 <= rounding < _CLEAR + margin, f"{name}: rounding")
    if clean is None or centre is None:
        _require(moved is None, f"{name}: moved")
        return
    _require(_is_like(moved, clean - margin, margin), f"{name}: moved")
    _require(_is_like(rounding, centre - clean, margin), f"{name}: rounding")


def _check_neurons(
    content: Content, full: check_lemmas.Bounds, centre: check_lemmas.Bounds, proved: bool
) -> None:
    if not proved:
        return
    for index, row in enumerate(content["neurons"]):
        name = f"neuron {row['neuron']}"
        for end in ("on", "off", "highest"):
            _require(_is_near(row[end], getattr(full, end)[index]), f"{name}: {end}")
        wide = max(abs(getattr(full, e)[index] - getattr(centre, e)[index]) for e in ("on", "off"))
        wide = max(wide, abs(full.highest[index] - centre.highest[index]))
        _require(_is_like(row["interval"], float(wide), 1.0), f"{name}: interval")


def _check_whole(
    content: Content, network: Network, statuses: Mapping[str, bool], readings: Sequence[str]
) -> None:
    """The cells and the verdict follow from the lemmas."""
    cells, whole = iter(content["cells"]), []
    for reading, version, residual in product(readings, _VERSIONS, _RESIDUALS):
        is_whole = True
        premises = check_claims.cell_premises(version, reading, residual)
        for (axiom, component), lemmas in premises.items():
            cell = next(cells, None)
            about = (version, reading, residual, axiom, component)
            holds = all(statuses[name] for name in lemmas)
            is_whole &= holds
            place = f"cell {'/'.join(about)}"
            _require(cell is not None, f"{place}: it is there")
            assert cell is not None
            keys = ("version", "reading", "residual", "axiom", "component")
            _require(tuple(cell[key] for key in keys) == about, f"{place}: its place")
            _require(cell["lemmas"] == ", ".join(lemmas), f"{place}: lemmas")
            _require((cell["status"] == "proved") is holds, f"{place}: status")
            _require((cell["stopped_by"] is None) is holds, f"{place}: stopped_by")
        whole += [f"{version}/{reading}/{residual}"] if is_whole else []
    _require(next(cells, None) is None, "there are no other cells")
    _require(content["interpretations"] == whole, "interpretations")
    first = check_claims.cell_premises("", "", "")["prefix equivalence", "output"][:_NETWORK]
    rightly = all(statuses[name] for name in first)
    _require((content["answers"] == "proved") is rightly, "answers")
    _require((content["status"] == "proved") is (rightly and bool(whole)), "status")
    _require((content["failing_lemma"] is None) is (rightly and bool(whole)), "failing_lemma")
    n_formulas, n_terms = len(network.clauses) ** network.m, len(network.clauses) * network.m
    _require(content["formulas"] == str(n_formulas), "formulas")
    _require(content["terms"] == 2 * n_terms * len(content["neurons"]), "terms")


def _is_near(claimed: Any, found: float) -> bool:
    return _is_number(claimed) and bool(abs(claimed - found) <= _TOLERANCE * max(1.0, abs(found)))


def _is_like(claimed: Any, found: float, scale: float) -> bool:
    """A cost of about this size: two sound bounds of one error differ by a factor."""
    least = 4e-15 * max(1.0, abs(scale))
    return (
        _is_number(claimed)
        and 0 <= claimed <= _FACTOR * (found + least)
        and bool(found <= _FACTOR * (claimed + least))
    )


def _is_number(claimed: Any) -> bool:
    return isinstance(claimed, int | float) and not isinstance(claimed, bool)


def _read_theorem(path: Path) -> Content:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rest = {name: value for name, value in content.items() if name != "content_sha256"}
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
        is_whole = set(content) == _FIELDS and digest == content["content_sha256"]
    except (OSError, ValueError, AttributeError, KeyError, RecursionError) as error:
        raise _refused(f"{path} cannot be read ({type(error).__name__})") from None
    if not is_whole:
        raise _refused(f"{path} is damaged: its content has another hash than it says")
    return content


def _read_weights(path: Path, content: Content) -> Mapping[str, np.ndarray]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _refused(f"the weights {path} cannot be read ({type(error).__name__})") from None
    family = {"embed.W_E", "pos_embed.W_pos", "unembed.W_U"}
    for block in (0, 1):
        family |= {f"blocks.{block}.attn.W_{part}" for part in "QKVO"}
        family |= {f"blocks.{block}.mlp.{part}" for part in ("W_in", "W_out", "b_in", "b_out")}
    for name in sorted(set(tensors) ^ family):
        raise _refused(f"the weights have another set of tensors than this family ({name})")
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].astype(np.float32).tobytes())
    if digest.hexdigest() != content["weights_sha256"]:
        raise _refused(f"it is of other weights than {path}: the hashes differ")
    return tensors


def _read_circuit(
    folder: Path, content: Content
) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    try:
        tensors, programs = folder / "circuit.safetensors", folder / "programs.json"
        digest = hashlib.sha256(tensors.read_bytes() + programs.read_bytes()).hexdigest()
        arrays, stated = load_file(tensors), json.loads(programs.read_text(encoding="utf-8"))
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise _refused(f"the circuit's files cannot be read ({type(error).__name__})") from None
    if digest != content["circuit_sha256"]:
        raise _refused(f"it is of another circuit than {folder}: the hashes differ")
    return arrays, stated


def _require(holds: bool | np.bool_, claim: str) -> None:
    if not holds:
        raise _refused(f"this does not hold: {claim}")


def _refused(reason: str) -> MechvalError:
    return MechvalError(
        f"the theorem is refused: {reason}; allowed: one whose every claim follows from the "
        "weights and the circuit."
    )
