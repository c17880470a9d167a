"""A part of a tensor is claimed; the rest is the network's own, and a γ that writes more fails."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mechval import axioms as mv
from mechval.axioms.equations import run_components
from mechval.errors import MechvalError

INPUTS = torch.cartesian_prod(*[torch.arange(4)] * 3)  # a, b and c


class Branches(nn.Module):
    """Two heads, a + b and b · c, side by side in one tensor; c also passes beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.total = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        a, b, c = x.unbind(1)
        heads = self.heads(torch.stack([a + b, b * c], dim=1)[:, :, None].float())
        return self.total(heads[:, 0] + 100 * heads[:, 1] + 10_000 * c[:, None])


def cut(*cuts: Any, model: nn.Module | None = None) -> mv.CutNetwork:
    return mv.CutNetwork(
        model or Branches(),
        cuts,
        example=INPUTS[:1],
        read_label=lambda output: output[:, 0].long(),
    )


SUM, PRODUCT = mv.Cut("heads", index=0), mv.Cut("heads", index=np.s_[1:])


def claim_of(
    part: mv.Cut, value: Callable[[Tensor], Tensor], write: Callable[[Tensor], Tensor]
) -> mv.Interpretation:
    """The part is ``value`` of the inputs; of the answer the claim says nothing."""
    return mv.Interpretation(
        name=part.label,
        components=("compute", "answer"),
        concrete=cut(part).components,
        abstract=(value, lambda number: torch.zeros_like(number)),
        alphas=(mv.identity, lambda state: state.flatten().long(), mv.identity),
        gammas=(mv.identity, write, mv.identity),
        equivalences=(mv.exact_labels, mv.exact_labels, mv.exact_labels),
    )


def sum_of(x: Tensor) -> Tensor:
    return x[:, 0] + x[:, 1]


def product_of(x: Tensor) -> Tensor:
    return x[:, 1] * x[:, 2]


def as_head(number: Tensor) -> Tensor:
    return number[:, None].float()


def as_heads(number: Tensor) -> Tensor:
    return number[:, None, None].float()


def counts(claim: mv.Interpretation) -> tuple[int, int]:
    """Disagreements of equivalence and replaceability at the partial cut."""
    cells = {claim.cell_name(each.key): each for each in mv.examine_cells(claim, INPUTS)}
    names = ("prefix equivalence/compute", "prefix replaceability/compute")
    return tuple(int(cells[name].disagrees.sum()) for name in names)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("part", "value", "write"),
    [(SUM, sum_of, as_head), (PRODUCT, product_of, as_heads)],
    ids=["sum", "product"],
)
def test_the_rest_is_carried_from_the_networks_own_run(
    part: mv.Cut, value: Callable[[Tensor], Tensor], write: Callable[[Tensor], Tensor]
) -> None:
    cut(part).verify(INPUTS)
    assert counts(claim_of(part, value, write)) == (0, 0)


def test_the_table_says_which_branch_is_wrong() -> None:
    right = claim_of(SUM, sum_of, as_head)
    wrong = claim_of(PRODUCT, lambda x: product_of(x).clamp(max=6), as_heads)
    assert counts(right) == (0, 0)
    assert counts(wrong) == (4, 4)  # b = c = 3, for each a


def test_alpha_sees_the_part_alone() -> None:
    seen: list[Tensor] = []

    def watching(state: Tensor) -> Tensor:
        seen.append(state)
        return state.flatten().long()

    claim = claim_of(SUM, sum_of, as_head)
    mv.examine_cells(replace(claim, alphas=(mv.identity, watching, mv.identity)), INPUTS)
    assert torch.equal(seen[0], as_head(sum_of(INPUTS)))


@pytest.mark.parametrize(
    "write",
    [
        lambda number: torch.stack([number, number], dim=1)[:, :, None].float(),
        lambda number: number[:, None],
        lambda number: (number[:, None].float(), number),
    ],
    ids=["both heads", "other type", "tuple"],
)
def test_a_gamma_that_writes_more_than_its_part_is_refused(
    write: Callable[[Tensor], Any],
) -> None:
    message = (
        r"'heads\[0\]', prefix replaceability/compute: γ_1 .* gives .*"
        r"allowed: the claimed part of the cut and no more, \(64, 1\) of torch.float32"
    )
    with pytest.raises(MechvalError, match=message):
        counts(claim_of(SUM, sum_of, write))


class Tower(nn.Module):
    """Each layer adds to a stream: what one puts there reaches the next and the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        stream = x.float()
        stream = stream + self.first(stream.roll(1, 1))
        return stream + self.second(10 * stream)


@torch.inference_mode()
def test_what_was_put_in_at_one_partial_cut_is_carried_past_the_next() -> None:
    network = cut(mv.Cut("first", index=2), mv.Cut("second", index=...), model=Tower())
    network.verify(INPUTS)
    start, middle, end = network.components
    own = run_components(network.components, INPUTS)
    assert torch.equal(own[3], Tower()(INPUTS)[:, 0].long())
    put_in = replace(start(INPUTS), part=torch.full((64,), 5.0))
    assert torch.equal(middle(put_in).part[:, 2], 10 * (INPUTS[:, 2] + 5.0))
    assert torch.equal(middle(put_in).part[:, :2], own[2].part[:, :2])
    assert set(middle(put_in).put_in) == {"first[2]"}
    assert torch.equal(end(own[2]), own[3])


@torch.inference_mode()
def test_a_whole_cut_before_a_partial_one_leaves_the_input_behind() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    network = mv.CutNetwork(
        model,
        ["0", mv.Cut("1", index=np.s_[:2])],
        example=inputs[:1],
        read_label=lambda logits: logits.argmax(-1),
    )
    states = run_components(network.components, inputs)
    assert torch.equal(states[2].part, model[:2](inputs)[:, :2])
    assert torch.equal(states[2].inputs, inputs[:1].expand(8, 3))
    assert torch.equal(states[3], model(inputs).argmax(-1))


def test_a_cut_of_several_tensors_may_be_partial_in_one() -> None:
    model = nn.Sequential(nn.Identity(), nn.Identity())
    network = mv.CutNetwork(
        model,
        [("0", mv.Cut("1", index=0))],
        example=INPUTS[:1],
        read_label=lambda output: output[:, 0],
    )
    network.verify(INPUTS)
    state = network.components[0](INPUTS)
    assert [tuple(part.shape) for part in state.part] == [(64, 3), (64,)]
    with pytest.raises(MechvalError, match=r"the state at cut 0, 1\[0\] has 1 tensors; allowed: 2"):
        network.components[1](replace(state, part=state.part[:1]))


class Unread(Tower):
    """Nothing reads the first layer's last entry."""

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x.float())[:, :2]


def test_a_part_that_nothing_reads_is_refused() -> None:
    network = cut(mv.Cut("first", index=2), model=Unread())
    with pytest.raises(MechvalError, match=r"cut first\[2\] carries nothing: .* of 64 samples"):
        network.verify(INPUTS)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (7, r"cut 'heads\[7\]' fits no tensor of shape \(64, 2, 1\) \(index 7 is out of bounds"),
        ("head", r"cut 'heads\[head\]' fits no tensor"),
        (np.s_[2:], r"cut 'heads\[2:\]' names no entry of a tensor of shape \(64, 2, 1\)"),
        (([0, 0], 0), r"cut 'heads\[\[0, 0\], 0\]' names an entry twice"),
    ],
)
def test_an_index_that_names_no_part_is_refused(index: Any, message: str) -> None:
    with pytest.raises(MechvalError, match=message):
        cut(mv.Cut("heads", index=index)).components[0](INPUTS)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (np.s_[:, 2], lambda state: state[:, :, 2]),
        (np.s_[..., [3, 1]], lambda state: state[..., [3, 1]]),
        (
            np.s_[[0, 1], :, [2, 3]],
            lambda state: torch.stack([state[:, 0, :, 2], state[:, 1, :, 3]], 1),
        ),
        (torch.tensor([1]), lambda state: state[:, [1]]),
        (np.s_[-1:, 0, ::2], lambda state: state[:, -1:, 0, ::2]),
    ],
)
def test_a_part_is_indexed_behind_the_batch(
    index: Any, expected: Callable[[Tensor], Tensor]
) -> None:
    state = torch.arange(5.0 * 2 * 3 * 4).reshape(5, 2, 3, 4)
    part = mv.Cut("z", index=index)
    assert torch.equal(part.read(state), expected(state))
    written = part.write(state, -1 - part.read(state))
    assert torch.equal(part.read(written), -1 - expected(state))
    assert int((written != state).sum()) == part.read(state).numel()


def test_cuts_given_as_one_cut_are_refused() -> None:
    cuts: Sequence[Any] = SUM  # type: ignore[assignment]
    with pytest.raises(MechvalError, match=r"is one cut; allowed: a sequence of cuts"):
        mv.CutNetwork(Branches(), cuts, example=INPUTS[:1], read_label=mv.identity)
