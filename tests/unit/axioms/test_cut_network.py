"""Any module or hooked model, cut into components; a cut that something passes by is refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mechval.axioms import CutNetwork, guarding
from mechval.axioms.cut_network import Cuts
from mechval.axioms.equations import run_components
from mechval.errors import MechvalError
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.components import Components
from tests.networks import SMALL_PROBLEM, random_network

INPUTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


class Chain(nn.Module):
    """Two layers; with a skip, the first layer's input also reaches what follows the second."""

    def __init__(self, *, skips: bool = False):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(4, 3), nn.Linear(3, 5)
        self.unused, self.skips = nn.Identity(), skips

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.second(torch.relu(self.first(x)))
        return self.last(hidden + x if self.skips else hidden)


class Hooked:
    """A model in the manner of TransformerLens that is not even a module."""

    def __init__(self) -> None:
        self.hook_dict = {"hook_double": None}

    def run_with_hooks(
        self, inputs: Tensor, fwd_hooks: Sequence[tuple[str, Callable[..., Any]]]
    ) -> Tensor:
        doubled = 2 * inputs
        for name, function in fwd_hooks:
            doubled = function(doubled, hook=name)
        return doubled + 1


def argmax(logits: Tensor) -> Tensor:
    return logits.argmax(dim=-1)


def cut(model: Any, *cuts: Cuts, inputs: Tensor = INPUTS) -> CutNetwork:
    return CutNetwork(model, cuts, example=inputs[:1], read_label=argmax)


@torch.inference_mode()
def test_the_components_of_a_chain_are_its_own_layers() -> None:
    model = Chain()
    states = run_components(cut(model, "first", "second").components, INPUTS)
    hidden = model.first(INPUTS)
    assert [tuple(state.shape) for state in states] == [(6, 3), (6, 4), (6, 3), (6,)]
    assert torch.equal(states[1], hidden)
    assert torch.equal(states[2], model.second(hidden.relu()))
    assert torch.equal(states[3], argmax(model(INPUTS)))


def test_components_are_the_same_objects_each_time() -> None:
    network = cut(Chain(), "first")
    assert network.components[1] is network.components[1]


def test_hooks_are_taken_away_after_each_run() -> None:
    model = Chain()
    cut(model, "first", "second").verify(INPUTS)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_with_run_with_hooks_is_cut_at_its_hooks() -> None:
    network = cut(Hooked(), "hook_double")
    network.verify(INPUTS)
    first, rest = network.components
    assert torch.equal(first(INPUTS), 2 * INPUTS)
    assert torch.equal(rest(first(INPUTS)), argmax(2 * INPUTS + 1))


def test_a_chain_passes_the_verification() -> None:
    cut(Chain(), "first", "second").verify(INPUTS)


def test_a_cut_that_a_skip_passes_by_is_refused() -> None:
    with pytest.raises(MechvalError, match=r"cut second does not carry everything: .* 6 of 6"):
        cut(Chain(skips=True), "second").verify(INPUTS)


def test_cuts_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(MechvalError, match="cut second does not carry everything"):
        cut(Chain(), "second", "first").verify(INPUTS)


SMALL_TOKENS = encode_formulas(SMALL_PROBLEM, torch.arange(24).reshape(4, 6) % 12)
RESID = "blocks.0.hook_resid_post"
ANSWER = ("blocks.1.hook_resid_mid", "blocks.1.mlp.hook_post")


@torch.inference_mode()
def test_the_published_cut_of_the_2_sat_network_can_be_made_at_its_hooks() -> None:
    model, own = (
        random_network(SMALL_PROBLEM),
        Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM),
    )
    network = CutNetwork(
        model,
        (RESID, ANSWER),
        example=SMALL_TOKENS[:1],
        read_label=lambda logits: (argmax(logits[:, -1]) == own.vocabulary.satisfiable).long(),
    )
    network.verify(SMALL_TOKENS)
    _, resid, (resid_mid, hidden), label = run_components(network.components, SMALL_TOKENS)
    state = own.evaluate(own.parse(SMALL_TOKENS))
    torch.testing.assert_close(resid, own.parse(SMALL_TOKENS))
    torch.testing.assert_close(resid_mid[:, -1], state.resid_mid)
    torch.testing.assert_close(hidden[:, -1], state.hidden)
    assert torch.equal(label, own.output(state))


def test_hidden_neurons_alone_are_no_cut_of_a_residual_network() -> None:
    network = cut(random_network(SMALL_PROBLEM), RESID, ANSWER[1], inputs=SMALL_TOKENS)
    with pytest.raises(MechvalError, match=r"cut blocks\.1\.mlp\.hook_post does not carry"):
        network.verify(SMALL_TOKENS)


class Drawing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


def test_a_network_that_draws_numbers_is_refused() -> None:
    with pytest.raises(MechvalError, match="changes between two runs"):
        cut(nn.Sequential(nn.Linear(3, 4), Drawing()), "0").verify(INPUTS)


def test_equal_inputs_verify_nothing_and_are_refused() -> None:
    with pytest.raises(MechvalError, match="the inputs are all equal"):
        cut(Chain(), "first").verify(INPUTS[:1].expand(4, -1))


@pytest.mark.parametrize("model", [Chain(), Hooked()], ids=["module", "hooks"])
def test_an_unknown_cut_is_refused_with_the_known_ones(model: Any) -> None:
    with pytest.raises(MechvalError, match=r"cut 'frist' does not exist; allowed: \w+"):
        cut(model, "frist")


def test_a_cut_that_no_pass_reaches_is_refused() -> None:
    with pytest.raises(MechvalError, match="cut 'unused' is not reached"):
        cut(Chain(), "unused").components[0](INPUTS)


def test_a_cut_that_is_reached_twice_is_refused() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(MechvalError, match=r"cut '0' is reached more than once"):
        cut(nn.Sequential(shared, nn.ReLU(), shared), "0").components[0](INPUTS)


def test_a_cut_whose_output_is_no_tensor_is_refused() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attend = nn.MultiheadAttention(3, 1, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attend(x[:, None], x[:, None], x[:, None])[0]

    with pytest.raises(MechvalError, match=r"cut 'attend' has a tuple as its output"):
        cut(Attending(), "attend").components[0](INPUTS)


@pytest.mark.parametrize(
    "state", [torch.zeros(6, 7), torch.zeros(6, 4, dtype=torch.float64)], ids=["shape", "type"]
)
def test_a_state_that_does_not_fit_the_cut_is_refused(state: Tensor) -> None:
    with pytest.raises(MechvalError, match=r"put in at cut 'first' has shape .*allowed: \(6, 4\)"):
        cut(Chain(), "first").components[1](state)


@torch.inference_mode()
def test_a_layer_that_works_in_place_changes_no_state_before_it() -> None:
    linear = nn.Linear(3, 4)
    model = nn.Sequential(linear, nn.ReLU(inplace=True), nn.Linear(4, 5))
    first, rest = cut(model, "0").components
    state = first(INPUTS)
    assert torch.equal(state, linear(INPUTS))
    before = state.clone()
    assert torch.equal(rest(state), argmax(model(INPUTS)))
    assert torch.equal(state, before)


@torch.inference_mode()
def test_a_first_layer_that_works_in_place_leaves_the_inputs_as_they_are() -> None:
    inputs = INPUTS.clone()
    network = cut(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 5)), "0")
    network.verify(inputs)
    network.components[0](inputs)
    assert torch.equal(inputs, INPUTS)


@dataclass
class Output:
    logits: Tensor
    hidden: tuple[Tensor, ...] = ()


class Leaking(nn.Module):
    """A skip beside the cut moves the logits a little, never the label."""

    def __init__(self, wrap: Callable[[Tensor], Any]):
        super().__init__()
        self.first, self.wrap = nn.Linear(3, 4), wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(
            100 * self.first(x).argmax(-1, keepdim=True).eq(torch.arange(4)) + x[:, :1]
        )


OUTPUTS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "tensor": (lambda logits: logits, "output"),
    "tuple": (lambda logits: (None, logits), "output 1"),
    "dict": (lambda logits: {"logits": logits}, "output logits"),
    "object": (Output, "output logits"),
    "nested": (lambda logits: Output(logits.round(), (logits,)), "output logits, output hidden.0"),
}


def label_of(output: Any) -> Tensor:
    logits = [leaf for _, leaf in guarding.leaves(output) if isinstance(leaf, Tensor)][-1]
    return argmax(logits)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_every_tensor_of_an_output_is_compared(kind: str) -> None:
    wrap, where = OUTPUTS[kind]
    network = CutNetwork(Leaking(wrap), ["first"], example=INPUTS[:1], read_label=label_of)
    message = rf"6 of 6 samples still depend on the input \(in {where}\)"
    with pytest.raises(MechvalError, match=message):
        network.verify(INPUTS)


def test_an_output_that_nothing_leaks_into_passes_however_it_is_nested() -> None:
    class Wrapped(Chain):
        def forward(self, x: Tensor) -> Any:
            logits = super().forward(x)
            return Output(logits, (logits.exp(), logits.sum()))

    CutNetwork(Wrapped(), ["first"], example=INPUTS[:1], read_label=label_of).verify(INPUTS)


def test_a_network_whose_output_is_nan_is_refused() -> None:
    model = Chain()
    nn.init.constant_(model.last.bias, torch.nan)
    network = cut(model, "first")
    with pytest.raises(MechvalError, match="the network gives NaN in 30 numbers"):
        network.verify(INPUTS)
    with pytest.raises(MechvalError, match="the network gives NaN"):
        run_components(network.components, INPUTS)


def test_cuts_given_as_one_string_are_refused() -> None:
    with pytest.raises(MechvalError, match=r"cuts='first' is one string; .* such as \['first'\]"):
        CutNetwork(Chain(), "first", example=INPUTS[:1], read_label=argmax)


def test_what_a_network_raises_is_told_in_one_sentence() -> None:
    with pytest.raises(MechvalError, match=r"^the network \(Chain\) raises RuntimeError \(mat1"):
        cut(Chain(), "first").verify(torch.randn(6, 2))
