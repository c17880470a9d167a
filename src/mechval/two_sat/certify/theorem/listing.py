"""Neurons bounded by listing every multiset of clauses, where the closed form is to be checked or
says nothing.

What is listed is a table in float32 that knows no positions: a column is
base + Σ_h (start_h + Σ t_h(c)) / (constant_h + Σ w_h(c)) over the clauses c of the multiset. The
network's own sums lie near it, and so do those after γ_1: `distance` bounds how far, whatever the
formula, contamination and the loop's rounding included. One listing therefore bounds them all.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch import Tensor

from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.two_sat.certify.counting import chunks
from mechval.two_sat.certify.theorem import balls
from mechval.two_sat.certify.theorem.balls import Ball
from mechval.two_sat.certify.theorem.listing_loop import FAR, list_chunk
from mechval.two_sat.certify.theorem.neurons import Evaluators, PreActivationBounds
from mechval.two_sat.certify.theorem.second_block import Sums
from mechval.two_sat.problem import Problem

LISTING, SCRATCH = "theorem_listing.safetensors", "listing.jsonl"
_LANES = 8
_SINGLE = 2.0**-24
_LEAST_WEIGHT = 1e-30
_SAMPLED, _SAMPLE_SEED = 4096, 0
_SECONDS_PER_NEURON = 1.2e-9


class ListingRefusedError(MechvalError):
    """A listing that would take too long, or prove nothing."""


class Tables(NamedTuple):
    """What is listed, as stored: exact numbers of single precision.

    ``constants`` and ``weights`` are positive; the mean of a clause alone is terms / weights.
    """

    base: Float32[np.ndarray, " neuron"]
    start: Float32[np.ndarray, "head_index neuron"]
    terms: Float32[np.ndarray, "clause head_index neuron"]
    constants: Float32[np.ndarray, " head_index"]
    weights: Float32[np.ndarray, "clause head_index"]


@dataclass(frozen=True)
class ChunkExtremes(chunks.Chunk):
    """Of the multisets that begin with two given clauses, neuron by neuron; see `list_chunk`."""

    on: tuple[float, ...]
    off: tuple[float, ...]
    highest: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Listing:
    """Extremes of every live neuron over all multisets, chunk by chunk.

    Attributes:
        extremes: least where the neuron's assignment satisfies the multiset, largest where it does
            not, largest anywhere; of the stored tables, as the loop rounds them.
    """

    problem: Problem
    tables: Tables
    neurons: Int[np.ndarray, " neuron"]
    prefixes: Int[np.ndarray, "chunk 2"]
    extremes: Float32[np.ndarray, "chunk 3 neuron"]

    @cached_property
    def total(self) -> Float[Tensor, "3 neuron"]:
        """The extremes of all chunks."""
        on, off, highest = np.moveaxis(self.extremes, 1, 0)
        found = np.stack([on.min(axis=0), off.max(axis=0), highest.max(axis=0)])
        return torch.from_numpy(found.astype(np.float64))

    def ranges(self, sums: Sums) -> PreActivationBounds:
        """Bounds of the live neurons of a network whose sums these are, over all formulas."""
        wide, (on, off, highest) = distance(self.tables, sums, self.neurons), self.total
        return PreActivationBounds(on - wide, off + wide, highest + wide)


def centre_tables(sums: Sums, neurons: Int[np.ndarray, " neuron"]) -> Tables:
    """The mean over clause positions of a network's sums, shifted so that numbers are small.

    Raises:
        ListingRefusedError: where attention differs beyond what the listing can add up.
    """
    picked = torch.from_numpy(neurons)
    weight = (sums.weight.mid.amin(1) * sums.weight.mid.amax(1)).sqrt()
    value = (sums.value.mid.amin(1) + sums.value.mid.amax(1))[..., picked] / 2
    fixed = sums.fixed_weight.mid
    constant = fixed.sum(1)
    steady = (fixed[..., None] * sums.fixed_value.mid[..., picked]).sum(1) / constant[:, None]
    gauge = (value.amin(1) + value.amax(1)) / 2
    least = min(float(weight.amin()), float(constant.amin()))
    if least <= _LEAST_WEIGHT:
        raise ListingRefusedError(
            f"a clause or `:` weighs {least:.3g} of what block 1 attends most; allowed for a "
            f"listing: more than {_LEAST_WEIGHT}."
        )
    single = (
        sums.base.mid[picked] + gauge.sum(0),
        constant[:, None] * (steady - gauge),
        (weight[..., None] * (value - gauge[:, None])).transpose(0, 1),
        constant,
        weight.T,
    )
    if not all(bool(part.isfinite().all()) for part in (*single, sums.moved[picked])):
        raise ListingRefusedError(
            "what moves the neurons has no bound, so listing clauses proves nothing; allowed: "
            "networks whose attention keeps to what is read."
        )
    return Tables(*(np.ascontiguousarray(part.numpy(), dtype=np.float32) for part in single))


def distance(
    listed: Tables, sums: Sums, neurons: Int[np.ndarray, " neuron"]
) -> Float[Tensor, " neuron"]:
    """How far any formula's pre-activations lie from what the loop finds for its multiset.

    Shares of attention p and p' differ by Σ|p - p'| ≤ 2 τ / (1 - τ), where weights are the same up
    to a factor per head and a relative error τ, all of it over the tables' least denominator; that
    moves an average by at most half of the values' range times as much.
    """
    picked = torch.from_numpy(neurons)
    value, fixed_value = sums.value[..., picked], sums.fixed_value[..., picked]
    weights = _exact(listed.weights.T)
    terms = _exact(np.moveaxis(listed.terms, 1, 0))
    means = terms * balls.reciprocal(weights)[..., None]
    constant = _exact(listed.constants)
    steady = _exact(listed.start) * balls.reciprocal(constant)[:, None]
    scale, stretched = _stretch(sums.weight * balls.reciprocal(weights)[:, None])
    fixed = sums.fixed_weight.sum(1)
    least = constant.mid + sums.weight.mid.shape[1] * weights.mid.amin(1)
    off_scale = _size(fixed * balls.exact(1 / scale) - constant)
    tau = balls.enlarged(stretched + off_scale / least)
    highest = torch.maximum(means.upper.amax(1), steady.upper)
    lowest = torch.minimum(means.lower.amin(1), steady.lower)
    moved = (highest - lowest) * torch.where(tau < 1, tau / (1 - tau), torch.inf)[:, None]
    apart = value - means[:, None]
    shift = (apart.mid.amin((1, 2)) + apart.mid.amax((1, 2))) / 2
    moved = moved + _size(apart - balls.exact(shift[:, None, None])).amax((1, 2))
    seen = (sums.fixed_weight[..., None] * fixed_value).sum(1) * balls.reciprocal(fixed)[:, None]
    share = fixed.upper / (fixed.least + sums.weight.least.amin(2).sum(1))
    moved = moved + share[:, None] * _size(seen - balls.exact(shift) - steady)
    base = sums.base[picked] + balls.exact(shift).sum(0) - _exact(listed.base)
    total = balls.enlarged(moved.sum(0) + _size(base) + sums.moved[picked]) * (1 + 2.0**-36)
    if not sums.rounds:
        return total
    largest = torch.maximum(_size(means).amax(1), _size(steady)).sum(0)
    return total + _loop_rounding(sums.weight.mid.shape, largest + _exact(listed.base).mid.abs())


def make_listing(
    problem: Problem,
    evaluators: Evaluators,
    sums: Sums,
    *,
    scratch: Path,
    n_threads: int,
    at_any_size: bool = False,
) -> Listing:
    """List every multiset, on all threads.

    ``scratch`` is the directory of the file of finished chunks: an interrupted listing goes on.

    Raises:
        ListingRefusedError: where there are too many multisets, unless ``at_any_size``, stating
            how many and about how many hours they would take; where a sample shows that they would
            prove nothing.
    """
    try:
        if not at_any_size:
            chunks.refuse_too_many(problem, n_threads, seconds_each(len(evaluators.neuron)))
    except MechvalError as refusal:
        raise ListingRefusedError(str(refusal)) from None
    neurons = evaluators.neuron.numpy()
    if not len(neurons):
        raise ListingRefusedError("no neuron is ever active; allowed for a listing: one or more.")
    listed = centre_tables(sums, neurons)
    _refuse_hopeless(listed, sums, evaluators, problem)
    padded, falsifies = _padded(listed), _falsifies(evaluators)

    def extremes_of(prefix: chunks.Prefix) -> ChunkExtremes:
        found = list_prefix(padded, falsifies, prefix, problem.n_clauses)[:, : len(neurons)]
        return ChunkExtremes(prefix, *(tuple(row) for row in found.tolist()))

    file = chunks.ChunkFile(scratch / SCRATCH, _key(listed, falsifies), ChunkExtremes)
    done = chunks.count_chunks(problem, file, extremes_of, n_threads, "list multisets")
    return Listing(
        problem=problem,
        tables=listed,
        neurons=neurons,
        prefixes=np.array([chunk.prefix for chunk in done]),
        extremes=np.array([(c.on, c.off, c.highest) for c in done], dtype=np.float32),
    )


def list_prefix(
    padded: Tables,
    falsifies: Float32[np.ndarray, "clause neuron"],
    prefix: chunks.Prefix,
    n_clauses: int,
) -> Float32[np.ndarray, "3 neuron"]:
    """Extremes over the multisets that begin with two clauses."""
    extremes = np.empty((3, len(padded.base)), dtype=np.float32)
    extremes[0], extremes[1:] = FAR, -FAR
    heads = (0,) * len(padded.constants)
    list_chunk(padded, falsifies, np.array(prefix), n_clauses, heads, extremes)
    return extremes


def columns_at(
    listed: Tables, clause_ids: Int[np.ndarray, "formula clause_position"]
) -> Float[np.ndarray, "formula neuron"]:
    """The listed columns of some formulas, in double precision."""
    base, start, terms, constants, weights = (part.astype(np.float64) for part in listed)
    shares = 1 / (constants + weights[clause_ids].sum(axis=1))
    return base + np.einsum("fhk,fh->fk", start + terms[clause_ids].sum(axis=1), shares)


def save_listing(listing: Listing, folder: Path) -> None:
    """Write what was listed; same listing, same bytes."""
    arrays = {f"tables.{name}": part for name, part in listing.tables._asdict().items()}
    arrays |= {name: getattr(listing, name) for name in ("neurons", "prefixes", "extremes")}
    content = save({name: np.ascontiguousarray(part) for name, part in arrays.items()})
    write_whole(folder / LISTING, content)


def load_listing(folder: Path, problem: Problem) -> Listing:
    """Read what was listed; raises MechvalError if the file is damaged or lacks a part."""
    try:
        arrays = load_file(folder / LISTING)
        parts = {name: arrays[name] for name in ("neurons", "prefixes", "extremes")}
        listed = Tables(*(arrays[f"tables.{name}"] for name in Tables._fields))
    except (OSError, SafetensorError, KeyError) as error:
        raise MechvalError(
            f"{folder / LISTING} cannot be read ({type(error).__name__}); allowed: the listing "
            "that stage certify writes."
        ) from None
    return Listing(problem, listed, **parts)


def seconds_each(n_neurons: int) -> float:
    """About how long one multiset takes on one thread."""
    return _SECONDS_PER_NEURON * n_neurons


def _stretch(ratio: Ball) -> tuple[Float[Tensor, " head"], Float[Tensor, " head"]]:
    """A factor per head, and by how much the ratios differ from it, relatively, at most."""
    low, high = ratio.least.amin((1, 2)), ratio.upper.amax((1, 2))
    scale = (low * high).sqrt()
    return scale, balls.enlarged(torch.maximum(high / scale - 1, 1 - low / scale) + 2.0**-50)


def _loop_rounding(
    shape: Sequence[int], size: Float[Tensor, " neuron"]
) -> Float[Tensor, " neuron"]:
    """What single precision costs: numerators and denominators are summed, divided, summed."""
    n_heads, n_clauses = shape[0], shape[1]
    n_roundings = 2 * (n_clauses + 1) + 2 + n_heads + 1
    return size * (1 + 2.0**-20) * n_roundings * _SINGLE / (1 - n_roundings * _SINGLE) + 1e-30


def _refuse_hopeless(listed: Tables, sums: Sums, evaluators: Evaluators, problem: Problem) -> None:
    """A formula whose value lies within the interval shows that nothing would be proved."""
    rng = np.random.default_rng(_SAMPLE_SEED)
    shape = (_SAMPLED, problem.n_clauses)
    drawn = rng.integers(0, problem.n_distinct_clauses, shape)
    found = torch.from_numpy(columns_at(listed, drawn))
    broken = evaluators.falsified[:, torch.from_numpy(drawn)].any(2).T
    clear = torch.where(broken, -found, found) - distance(listed, sums, evaluators.neuron.numpy())
    least, worst = clear.nan_to_num(-torch.inf).amin(0).min(0)
    if float(least) > 0:
        return
    raise ListingRefusedError(
        f"neuron {int(evaluators.neuron[worst])} is {float(-least):.3g} on the wrong side of 0 in "
        "some formula, what can move it included; allowed for a listing: networks of whose "
        f"neurons no formula among {_SAMPLED:,} shows that."
    )


def _padded(listed: Tables) -> Tables:
    """Columns added until their number fits the processor's registers."""
    more = -len(listed.base) % _LANES

    def wider(part: np.ndarray) -> np.ndarray:
        return np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, more)])

    parts = {name: wider(getattr(listed, name)) for name in ("base", "start", "terms")}
    return listed._replace(**parts)


def _falsifies(evaluators: Evaluators) -> Float32[np.ndarray, "clause neuron"]:
    more = -len(evaluators.neuron) % _LANES
    return np.pad(evaluators.falsified.numpy().T.astype(np.float32), [(0, 0), (0, more)])


def _key(listed: Tables, falsifies: np.ndarray) -> dict[str, str]:
    """What the extremes depend on."""
    state = hashlib.sha256()
    for part in (*listed, falsifies):
        state.update(np.ascontiguousarray(part).tobytes())
    return {"arrays": state.hexdigest()}


def _exact(values: np.ndarray) -> Ball:
    return balls.exact(torch.from_numpy(np.ascontiguousarray(values)))


def _size(ball: Ball) -> Float[Tensor, "..."]:
    """Largest absolute values."""
    return balls.enlarged(ball.mid.abs() + ball.rad)
