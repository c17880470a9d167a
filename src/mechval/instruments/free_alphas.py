"""How much of the abstract state a free-form α finds, by its size.

Probes, linear and with one hidden layer of growing width, are fitted to what the program of a run
holds, from the state where the claim's own α reads it, on the run's network and on untrained ones:
the same samples, steps and seed for all. What a probe finds in an untrained network too, its size
has brought about: *selectivity* is the rate of disagreement there less that on the run's network.

Source: control tasks of Hewitt and Liang (2019, arXiv 1909.03368), with untrained networks for
shuffled labels; the dilemma of free maps of Sutter et al. (2025, arXiv 2507.08802).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from mechval import tables
from mechval.axioms import Axiom, Estimate, Interpretation
from mechval.axioms.nulls import count_cells
from mechval.axioms.statistics import CONFIDENCE
from mechval.errors import MechvalError
from mechval.instruments.null_networks import FIRST_SEED, UNTRAINED
from mechval.instruments.two_sat import alpha_bits, draw_formulas
from mechval.instruments.two_sat_nulls import TwoSatNulls
from mechval.progress import track
from mechval.reporting import figures
from mechval.reporting.palette import BLACK, SERIES
from mechval.reporting.shown import CellText, Shown, by, show, told
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.claim.sizes import WEIGHT_BITS
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import EVALUATE, PARSE, reading_of
from mechval.two_sat.network.components import Components
from mechval.two_sat.single.subject import Subject, make_subject

WIDTHS = (0, 8, 32, 128, 512)
"""Of the hidden layer; a linear probe has none."""
STEPS, BATCH, RATE, SEED = 500, 256, 3e-3, 19
N_FIT, N_TEST, N_UNTRAINED = 8000, 2000, 5
OWN, LINEAR = "the claim's own", "linear"
_SHOWN_LEAST = 1e-3
_PIECE = 1000

Probe: TypeAlias = Callable[[Tensor], Tensor]
"""States ``[..., width]`` to values ``[..., variable]``."""


@dataclass(frozen=True, kw_only=True)
class AlphaRow(Estimate):
    """One α on one network, in prefix equivalence (axiom 1) behind a component.

    Attributes:
        bits: size of α, a number counting as a weight of the network does.
        network: empty for the run's own.
        wrong: share of the variables, each by itself; None for the claim's own α.
    """

    component: str = tables.told()
    alpha: str = tables.told("α")
    bits: int = tables.told(unit="bits")
    network: str = tables.told()
    wrong: float | None = tables.rate("variables wrong")


ALPHAS = tables.Table("instruments/alphas.csv", AlphaRow)


@dataclass(frozen=True)
class Read:
    """Where an α reads, on all formulas, and what it is to find there.

    Attributes:
        states: ``[formula, place, width]``; the same probe reads every place.
        held: ``[formula, place, variable]``, values from 0 on.
    """

    states: Float[Tensor, "formula place width"]
    held: Int[Tensor, "formula place variable"]


def fit_probe(
    states: Float[Tensor, "sample width"], held: Int[Tensor, "sample variable"], width: int
) -> tuple[Probe, int]:
    """A probe with a hidden layer of ``width`` (0: none), and how many numbers it has.

    Raises MechvalError for fewer samples than a batch has.
    """
    if len(states) < BATCH:
        raise MechvalError(f"{len(states)} samples to fit α on; allowed: at least {BATCH}.")
    n_values, n_variables = int(held.max()) + 1, held.shape[1]
    mean, scale = states.mean(dim=0), states.std(dim=0).clamp(min=1e-6)
    generator = torch.Generator().manual_seed(SEED)
    network = _layers(states.shape[1], width, n_variables * n_values, generator)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)

    def scores(some: Tensor) -> Tensor:
        found = network((some - mean) / scale)
        return found.reshape(*some.shape[:-1], n_variables, n_values)

    for _ in range(STEPS):
        rows = torch.randint(len(states), (BATCH,), generator=generator)
        logits = scores(states[rows]).flatten(0, 1)
        loss = functional.cross_entropy(logits, held[rows].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    # Mean and scale are part of the first layer once they are multiplied in.
    n_numbers = sum(weights.numel() for weights in network.parameters())
    return torch.no_grad()(lambda some: scores(some).argmax(dim=-1)), n_numbers


def _layers(n_in: int, width: int, n_out: int, generator: torch.Generator) -> nn.Module:
    sizes = [n_in, width, n_out] if width else [n_in, n_out]
    layers: list[nn.Module] = []
    for size, following in pairwise(sizes):
        layer = nn.Linear(size, following)
        nn.init.normal_(layer.weight, std=size**-0.5, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def probe_rows(component: str, fit: Read, test: Read, network: str) -> Iterator[AlphaRow]:
    """A row for each size of probe, fitted on some formulas and held against others."""
    for width in WIDTHS:
        probe, n_numbers = fit_probe(fit.states.flatten(0, 1), fit.held.flatten(0, 1), width)
        wrong = (probe(test.states) != test.held).flatten(1)
        yield AlphaRow(
            **vars(Estimate.of(int(wrong.any(dim=1).sum()), len(wrong), CONFIDENCE)),
            component=component,
            alpha=f"MLP, {width} hidden" if width else LINEAR,
            bits=WEIGHT_BITS * n_numbers,
            network=network,
            wrong=float(wrong.float().mean()),
        )


def measure_alphas(study: TwoSatNulls, subject: Subject, folder: Path) -> None:
    """Every α on the run's network and on untrained ones, as a table.

    The program of ``subject``, the run's own, says what probes are to find; the claim's own α is
    fitted with a program of its own on every network, as null distributions are.
    """
    formulas = draw_formulas(study.problem, N_FIT + N_TEST, SEED)
    tokens = encode_formulas(study.problem, torch.from_numpy(formulas.clause_ids))
    names = [f"{UNTRAINED}, seed {FIRST_SEED + number}" for number in range(N_UNTRAINED)]
    rows: list[AlphaRow] = []
    for number, name in enumerate(track(["", *names], "networks")):
        model = study.untrained(FIRST_SEED + number - 1) if name else study.model
        components = Components(model, study.problem)
        for component, read in _reads(subject.interpretations[study.main], components, tokens):
            fit, test = (
                Read(read.states[part], read.held[part])
                for part in (slice(N_FIT), slice(N_FIT, None))
            )
            rows += probe_rows(component, fit, test, name)
        rows += _own_rows(study, components, formulas.first(N_FIT), tokens[N_FIT:], name)
    ALPHAS.write(rows, folder)


@torch.no_grad()
def _reads(
    claim: Interpretation, components: Components, tokens: Int[Tensor, "formula pos"]
) -> Iterator[tuple[str, Read]]:
    """Clauses, without an order of their literals, at the second one; bits in all neurons."""
    pairs, n = claim.abstract[0](tokens), components.problem.n_literals
    unordered = torch.minimum(pairs, pairs % n * n + pairs // n)
    clauses = unordered.unique(return_inverse=True)[1]
    bits = claim.abstract[1](pairs).long()
    second, hidden = [], []
    for some in tokens.split(_PIECE):
        resid = components.parse(some)
        second.append(resid[:, list(components.layout.second_literal_positions)])
        hidden.append(components.evaluate(resid).hidden)
    yield PARSE, Read(torch.cat(second), clauses[:, :, None])
    yield EVALUATE, Read(torch.cat(hidden)[:, None], bits[:, None])


def _own_rows(
    study: TwoSatNulls,
    components: Components,
    fit: Split,
    tokens: Int[Tensor, "formula pos"],
    network: str,
) -> Iterator[AlphaRow]:
    """None for a network about which the procedure makes no claim."""
    try:
        circuit = extract_circuit(components, fit, config=study.question.circuit, seed=SEED)
        claim = make_subject(components, circuit).interpretations[study.main]
    except (MechvalError, KeyError):
        return
    bits = alpha_bits(circuit, circuit.readings[reading_of(claim.tags)])
    for cell in count_cells([claim], tokens, confidence=CONFIDENCE):
        if cell.cell == Axiom.PREFIX_EQUIVALENCE and cell.component in bits:
            estimate = {name: getattr(cell, name) for name in tables.columns_of(Estimate)}
            yield AlphaRow(
                **estimate,
                component=cell.component,
                alpha=OWN,
                bits=bits[cell.component],
                network=network,
                wrong=None,
            )


@dataclass(frozen=True)
class Selectivity:
    """An α on the run's network beside the same on untrained ones."""

    own: AlphaRow
    untrained: Sequence[AlphaRow]

    @property
    def value(self) -> float:
        """Mean rate of disagreement on untrained networks, less the run's."""
        return sum(row.rate for row in self.untrained) / len(self.untrained) - self.own.rate


def selectivities(rows: Sequence[AlphaRow]) -> list[Selectivity]:
    """Of every α on the run's network, those without an untrained one left out."""
    found = by(rows, "component", "alpha").values()
    return [
        Selectivity(own, untrained)
        for own, *untrained in (sorted(each, key=lambda row: row.network) for each in found)
        if untrained and not own.network
    ]


def draw_alphas(rows: Sequence[AlphaRow]) -> Figure:
    """ε and selectivity of every α against its size, by what it is; dots are untrained networks."""
    found = by(selectivities(rows), "own.component")
    figure = Figure(figsize=(figures.PAGE_WIDTH, 4.6), layout="constrained")
    panels = figure.subplots(2, len(found), sharex="col", sharey="row", squeeze=False)
    for (upper, lower), (component, each) in zip(panels.T, found.items(), strict=True):
        upper.set_title(f"behind {component}")
        for one in each:
            for row in one.untrained:
                look = {"color": SERIES[0], "alpha": 0.5, "label": UNTRAINED}
                upper.plot(row.bits, row.epsilon, ".", **look)
        _draw_sizes(upper, each, lambda one: one.own.epsilon)
        _draw_sizes(lower, each, lambda one: one.value)
        upper.set_xscale("log")
        upper.set_yscale("log")
        upper.set_ylim(_SHOWN_LEAST, 1.5)
        lower.set_ylim(-0.05, 1.05)
        lower.set_xlabel("bits of α")
    panels[0, 0].set_ylabel("ε")
    panels[1, 0].set_ylabel("selectivity")
    figures.legend_below(figure, [*panels[0]], 4)
    return figure


def _draw_sizes(
    panel: Axes, found: Sequence[Selectivity], height: Callable[[Selectivity], float]
) -> None:
    marks = {OWN: "*", LINEAR: "s"}
    for kind, mark in {**marks, "MLPs": "o-"}.items():
        own = [one for one in found if marks.get(one.own.alpha, "o-") == mark]
        own.sort(key=lambda one: one.own.bits)
        size = 11 if kind == OWN else 5
        bits = [one.own.bits for one in own]
        panel.plot(bits, [*map(height, own)], mark, color=BLACK, markersize=size, label=kind)


def alphas_table(rows: Sequence[AlphaRow]) -> Shown:
    """ε of every α on the run's network and on untrained ones, and its selectivity."""

    def untrained(one: Selectivity) -> CellText:
        epsilons = sorted(row.epsilon for row in one.untrained)
        return CellText(f"{told(epsilons[0])} to {told(epsilons[-1])}", epsilons[0])

    return show(
        selectivities(rows),
        ("behind", "own.component"),
        ("α", "own.alpha"),
        ("bits of α", "own.bits"),
        ("ε", "own.epsilon"),
        ("ε, untrained", untrained),
        ("selectivity", "value"),
    )
