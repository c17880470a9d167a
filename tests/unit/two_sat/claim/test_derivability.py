"""Parts are the whole computation, and ablations change the labels that they should."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer, hook_names, named_weights
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.claim.derivability import (
    EVALUATE_ABLATIONS,
    PARSE_ABLATIONS,
    Ablation,
    PartRow,
    composition_row,
    count_changed_labels,
    derivability_rows,
    network_parts,
    part_rows,
    used_weights,
)
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.network.components import Components
from tests.networks import (
    PUBLISHED_PROBLEM,
    SMALL_PROBLEM,
    hand_made_circuit,
    published_network,
    random_network,
    small_corpora,
)
from tests.settings import TWO_SAT, changed

LAYOUT = FormulaLayout(SMALL_PROBLEM)
SECOND = torch.tensor(LAYOUT.second_literal_positions)
SATISFIABLE = Vocabulary(SMALL_PROBLEM).satisfiable
N_LABELLING = 5


@pytest.fixture(scope="module")
def formulas() -> Split:
    return small_corpora(SMALL_PROBLEM, 240).splits["analysis.test"]


@pytest.fixture(scope="module")
def undecided(formulas: Split) -> Transformer:
    """A random network that answers ``s`` on half of the formulas, through five neurons alone."""
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        model.W_U.zero_()
        model.W_U[:, SATISFIABLE] = torch.randn(16, generator=torch.Generator().manual_seed(1))
        mlp = model.block(1).mlp
        mlp.W_in.mul_(4)
        mlp.W_out.mul_(4)[N_LABELLING:] = 0
        direction = model.W_U[:, SATISFIABLE]
        logits = model(tokens(formulas))[:, -1, SATISFIABLE].unique()
        # Between two formulas, so that no label hangs on the order of a sum.
        between = logits[len(logits) // 2 - 1 : len(logits) // 2 + 1].mean()
        mlp.b_out.sub_(direction * between / direction.square().sum())
    return model


def tokens(formulas: Split) -> Tensor:
    return encode_formulas(SMALL_PROBLEM, torch.from_numpy(formulas.clause_ids))


def means() -> Circuit:
    hidden = torch.rand(24, generator=torch.Generator().manual_seed(2))
    return replace(hand_made_circuit(SMALL_PROBLEM), mean_hidden=hidden)


def labels(logits: Tensor) -> Tensor:
    return logits[:, -1].argmax(dim=-1) == SATISFIABLE


def count(
    model: Transformer,
    formulas: Split,
    ablation: Ablation,
    positions: Tensor = SECOND,
    neurons: Tensor | None = None,
) -> int:
    neurons = torch.arange(N_LABELLING) if neurons is None else neurons
    components = Components(model, SMALL_PROBLEM)
    (changed,) = count_changed_labels(
        components, means(), [(ablation, neurons)], formulas, positions
    )
    return changed


# --- The parts are the whole computation ---


def test_every_hook_and_every_weight_lies_in_exactly_one_part_in_order() -> None:
    model = random_network(SMALL_PROBLEM)
    parts = network_parts(model)
    assert tuple(name for part in parts for name in part.hooks) == hook_names(2)
    assert [name for part in parts for name in part.weights] == list(named_weights(model))
    assert sum(part.n_weights(model) for part in parts) == sum(
        weight.numel() for weight in model.parameters()
    )


def test_a_network_of_one_block_has_no_parts() -> None:
    model = Transformer(Architecture(d_model=8, d_mlp=8, n_heads=(2,)), d_vocab=12, n_ctx=25)
    with pytest.raises(MechvalError, match="a network of 1 blocks has no parts; allowed: 2"):
        network_parts(model)


@pytest.mark.parametrize("n_heads", [(1, 2), (4, 1)])
def test_each_weight_reaches_the_component_it_is_declared_in_and_no_other(
    formulas: Split, n_heads: tuple[int, ...]
) -> None:
    model = random_network(SMALL_PROBLEM, 0, Architecture(d_model=16, d_mlp=24, n_heads=n_heads))
    used = used_weights(Components(model, SMALL_PROBLEM), formulas.first(2))
    assert used == {part.component: frozenset(part.weights) for part in network_parts(model)}


def test_tracing_leaves_the_network_as_it_was(formulas: Split) -> None:
    model = random_network(SMALL_PROBLEM).requires_grad_(False)
    used_weights(Components(model, SMALL_PROBLEM), formulas.first(2))
    assert all(not weight.requires_grad and weight.grad is None for weight in model.parameters())


def agreement(rows: list[PartRow]) -> dict[object, object]:
    return {row.weight: row.agrees for row in rows}


def test_a_component_that_reads_another_ones_weights_is_found(
    formulas: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, some = Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM), formulas.first(2)
    assert all(agreement(part_rows(network, some)).values())
    monkeypatch.setattr(
        Components,
        "answer_logits",
        lambda self, state: state.resid_mid @ self.model.W_E.T,
    )
    agrees = agreement(part_rows(network, some))
    wrong = {weight for weight, does_agree in agrees.items() if not does_agree}
    # Read by two components, and by none.
    assert wrong == {"embed.W_E", "blocks.1.mlp.W_out", "blocks.1.mlp.b_out", "unembed.W_U"}


def test_the_composed_components_are_the_network(undecided: Transformer, formulas: Split) -> None:
    row = composition_row(Components(undecided, SMALL_PROBLEM), formulas, 0.95)
    assert (row.n, row.disagreements) == (len(formulas), 0)
    assert row.max_logit_difference < 1e-12 * row.max_logit


def test_a_composition_that_loses_a_part_is_found(
    undecided: Transformer, formulas: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Components, "answer_attention", lambda self, resid: torch.zeros_like(resid[:, 0])
    )
    row = composition_row(Components(undecided, SMALL_PROBLEM), formulas, 0.95)
    assert row.disagreements > len(formulas) // 10
    assert row.max_logit_difference > 0.1


# --- Ablations ---


def hooked_state(model: Transformer, formulas: Split, ablation: Ablation) -> Tensor:
    """The ablated network's labels, by hooks on the whole forward pass."""
    mean = means()

    def keep(kept: str, named: Tensor, value: Tensor, average: Tensor) -> Tensor:
        places = torch.zeros(value.shape[1], dtype=torch.bool)
        places[named] = True
        is_own = {"all": places | True, "named": places, "others": ~places, "none": places & False}
        shape = (1, -1) + (1,) * (value.ndim - 2)
        return torch.where(is_own[kept].view(shape), value, average)

    def positions(tensor: Tensor, hook: object) -> Tensor:
        return keep(ablation.positions, SECOND, tensor, mean.mean_resid_post)

    def neurons(tensor: Tensor, hook: object) -> Tensor:
        tensor[:, -1] = keep(
            ablation.neurons, torch.arange(N_LABELLING), tensor[:, -1], mean.mean_hidden
        )
        return tensor

    fwd_hooks = [("blocks.0.hook_resid_post", positions), ("blocks.1.mlp.hook_post", neurons)]
    with model.hooks(fwd_hooks):
        names = ["blocks.1.hook_resid_mid", "blocks.1.hook_mlp_out"]
        _, cache = model.run_with_cache(tokens(formulas), names)
    resid = cache[names[0]][:, -1] if ablation.keeps_residual else mean.mean_resid_mid
    logits = (resid + cache[names[1]][:, -1]) @ model.W_U
    return labels(logits[:, None])


@pytest.mark.parametrize(
    "ablation", [*PARSE_ABLATIONS, *EVALUATE_ABLATIONS], ids=lambda ablation: ablation.replaced
)
def test_an_ablation_counts_what_hooks_on_the_forward_pass_give(
    undecided: Transformer, formulas: Split, ablation: Ablation
) -> None:
    own = labels(undecided(tokens(formulas)))
    expected = int((hooked_state(undecided, formulas, ablation) != own).sum())
    assert count(undecided, formulas, ablation) == expected


def test_replacing_nothing_changes_no_label(undecided: Transformer, formulas: Split) -> None:
    assert count(undecided, formulas, Ablation("all", "nothing")) == 0


def test_neurons_that_reach_no_logit_can_be_replaced(
    undecided: Transformer, formulas: Split
) -> None:
    assert count(undecided, formulas, Ablation("evaluate", "other neurons", neurons="named")) == 0


def test_wrong_neurons_change_labels(undecided: Transformer, formulas: Split) -> None:
    wrong = torch.arange(N_LABELLING, 2 * N_LABELLING)
    ablation = Ablation("evaluate", "other neurons", neurons="named")
    assert count(undecided, formulas, ablation, neurons=wrong) > len(formulas) // 10


def test_wrong_positions_change_labels(undecided: Transformer, formulas: Split) -> None:
    ablation = Ablation("parse", "other positions", positions="named")
    every = torch.arange(LAYOUT.n_ctx)
    assert count(undecided, formulas, ablation, positions=every) == 0
    assert count(undecided, formulas, ablation, positions=SECOND - 1) > len(formulas) // 10


def test_there_is_a_row_per_ablation_and_reading(undecided: Transformer, formulas: Split) -> None:
    circuit = replace(hand_made_circuit(SMALL_PROBLEM), mean_hidden=means().mean_hidden)
    rows = derivability_rows(Components(undecided, SMALL_PROBLEM), circuit, formulas, 0.95)
    expected = [(ablation.replaced, None) for ablation in PARSE_ABLATIONS]
    expected += [(ablation.replaced, "calibrated") for ablation in EVALUATE_ABLATIONS]
    assert [(row.replaced, row.reading) for row in rows] == expected
    assert {row.n for row in rows} == {len(formulas)}


# --- The published network ---

FORMULAS = 2_000


@pytest.fixture(scope="module")
def published(published_checkpoint: Path) -> tuple[Transformer, Circuit, Split]:
    model = published_network(published_checkpoint)
    splits = small_corpora(PUBLISHED_PROBLEM, FORMULAS).splits
    circuit = extract_circuit(
        Components(model, PUBLISHED_PROBLEM),
        splits["analysis.fit"],
        config=changed(TWO_SAT.circuit, readings=("paper",)),
        seed=0,
    )
    return model, circuit, splits["analysis.test"]


def rates(published: tuple[Transformer, Circuit, Split], circuit: Circuit) -> dict[object, float]:
    model, _, split = published
    rows = derivability_rows(Components(model, PUBLISHED_PROBLEM), circuit, split, 0.95)
    return {row.replaced: row.rate for row in rows}


@pytest.mark.slow
def test_the_published_network_lives_in_its_named_parts(
    published: tuple[Transformer, Circuit, Split],
) -> None:
    measured = rates(published, published[1])
    controls = {replaced for replaced in measured if "control" in str(replaced)}
    assert all(measured[replaced] > 0.4 for replaced in controls)
    assert all(measured[replaced] < 0.06 for replaced in measured.keys() - controls)
    assert measured["other neurons"] == 0


@pytest.mark.slow
def test_the_published_network_does_not_live_in_as_many_other_neurons(
    published: tuple[Transformer, Circuit, Split],
) -> None:
    _, circuit, _ = published
    reading = circuit.readings["paper"]
    order = circuit.effects.effect.argsort()
    wrong = replace(reading, neurons=order[: len(reading.neurons)])
    measured = rates(published, replace(circuit, readings={"paper": wrong}))
    assert measured["other neurons"] > 0.4


@pytest.mark.slow
def test_the_published_network_does_not_live_at_the_first_literals(
    published: tuple[Transformer, Circuit, Split],
) -> None:
    model, circuit, split = published
    first = torch.tensor(FormulaLayout(PUBLISHED_PROBLEM).first_literal_positions)
    (changed,) = count_changed_labels(
        Components(model, PUBLISHED_PROBLEM),
        circuit,
        [(PARSE_ABLATIONS[0], torch.arange(0))],
        split,
        first,
    )
    assert changed > 0.4 * len(split)
