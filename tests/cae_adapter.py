"""A toy organism as causal-abstraction-eval takes it, so that its own metric can judge our claims.

``python -m tests.cae_adapter`` writes ``results/instruments/cae.csv``. Variables are numbers:
inputs are roots, then a node for each variable of the program, then the answer; coordinates of the
mediator that no variable is carried by are left to its Φ.

Source: Méloux et al. (2026, arXiv 2607.00267).
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mechval.instruments.cae_metric import OUTSIDE, OutsideRow
from mechval.instruments.organism import Organism
from mechval.instruments.toys import make_toys

# It has no types.
cae: Any = import_module("causal_abstraction")
N_INTERVENTIONS = 400
ANSWER = "answer"


class Network(cae.LowLevelModel):
    """Inputs to the mediator, and on to the answer, one number for each coordinate."""

    def __init__(self, organism: Organism):
        self._claim, self._inputs = organism.claim, _columns(organism.inputs)
        self._flat = organism.inputs.ndim == 1
        self.inputs = [f"input {place}" for place in range(self._inputs.shape[1])]
        mediator = self._claim.concrete[0](organism.inputs)
        self._dtype = mediator.dtype
        self.mediator = [f"coordinate {place}" for place in range(mediator.shape[1])]

    def forward_with_interventions(self, input_state: Any, interventions: dict[str, Any]) -> Any:
        rows = [np.asarray(interventions[name], float).reshape(-1) for name in self.inputs]
        inputs = torch.tensor(np.stack(rows, axis=1)).to(self._inputs.dtype)
        state = self._claim.concrete[0](inputs[:, 0] if self._flat else inputs).clone()
        for place, name in enumerate(self.mediator):
            if name in interventions:
                written = np.asarray(interventions[name], float).reshape(-1)
                state[:, place] = torch.tensor(written).to(self._dtype)
        found = {name: inputs[:, [place]] for place, name in enumerate(self.inputs)}
        found |= {name: state[:, [place]] for place, name in enumerate(self.mediator)}
        found[ANSWER] = self._claim.concrete[1](state)[:, None]
        return cae.SystemState({name: each.double().numpy() for name, each in found.items()})


class Numbers(cae.ContinuousValueMap):
    """Every value stands for itself, as one number."""

    def abstract(self, name: str, val: np.ndarray) -> Any:
        return (
            [float(each) for each in np.ravel(val)] if np.ndim(val) > 1 else float(np.ravel(val)[0])
        )


def causal_abstraction_error(
    organism: Organism, *, is_faithful: bool, n_samples: int = N_INTERVENTIONS, seed: int = 0
) -> float:
    """CAE↓ of a claim, with exact matches as its D; ``is_faithful`` disturbs Φ as well."""
    network, graph = Network(organism), _graph(organism)
    cells: dict[str, list[Any]] = {name: [name] for name in network.inputs}
    for variable in organism.variables:
        cells[variable.value.name] = [network.mediator[_place(variable.carrier.index)]]
    cells[ANSWER] = [ANSWER]
    kind = float if organism.claim.concrete[0](organism.inputs).is_floating_point() else int
    names = [*network.inputs, *network.mediator, ANSWER]
    schema = cae.MicroVariableSchema([cae.Variable(name, dtype=kind) for name in names])
    mapped = cae.CoarseGrainingMap(schema, cells)
    values = Numbers(mapped, {name: {} for name in cells})
    config = cae.EvaluationConfig(metric="hard", seed=seed)
    engine = cae.EvaluationEngine(graph, network, values, mapped, config)
    task = cae.StandardTasks.score(
        engine.builder,
        name="CAE_down" if is_faithful else "CAE_down_nf",
        include_faithfulness=is_faithful,
        sampler=cae.TopDownSampler(values),
        intervention_domain=[each.value.name for each in organism.variables],
    )
    found = engine.run_tasks([task], n_samples, max_interventions=len(organism.variables))
    return found[task.name].score


def _graph(organism: Organism) -> Any:
    claim, inputs = organism.claim, _columns(organism.inputs)
    is_flat = organism.inputs.ndim == 1
    graph = cae.CausalGraph()
    roots = [f"input {place}" for place in range(inputs.shape[1])]
    for name, column in zip(roots, inputs.T, strict=True):
        graph.add_variable(name, lambda: None, distribution=_evenly(column))
    held = organism.claim.abstract[0](organism.inputs)
    domain = next((each.states for each in organism.domains.values()), held)

    def program(**roots_held: float) -> Tensor:
        row = torch.tensor([[roots_held[name] for name in roots]]).to(inputs.dtype)
        return claim.abstract[0](row[:, 0] if is_flat else row)

    named = {_place(each.value.index): each.value.name for each in organism.variables}
    for place, name in sorted(named.items()):
        graph.add_variable(
            name,
            lambda place=place, **own: float(program(**own)[0, place]),
            parents=roots,
            distribution=_evenly(domain[:, place]),
        )

    def answer(**own: float) -> float:
        state = torch.tensor([[own[name] for _, name in sorted(named.items())]]).to(held.dtype)
        return float(claim.abstract[1](state)[0])

    graph.add_variable(ANSWER, answer, parents=[name for _, name in sorted(named.items())])
    return graph


def _evenly(values: Tensor) -> dict[float, float]:
    found: Sequence[float] = values.unique().double().tolist()
    return dict.fromkeys(found, 1 / len(found))


def _columns(inputs: Tensor) -> Tensor:
    return inputs.reshape(len(inputs), -1)


def _place(index: Any) -> int:
    return index if isinstance(index, int) else int(index[0])


def measure() -> Iterator[OutsideRow]:
    """Both forms on every planted fault and on the right claims beside them."""
    for organism in make_toys():
        plain, faithful = (
            causal_abstraction_error(organism, is_faithful=each) for each in (False, True)
        )
        is_sound = bool(organism.is_sound)
        yield OutsideRow(organism.name, is_sound, N_INTERVENTIONS, plain, faithful)


if __name__ == "__main__":
    OUTSIDE.write(measure(), Path("results") / "instruments")
