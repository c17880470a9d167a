"""Networks that mix samples or hold state are refused by `verify`, and left as they were."""

import pytest
import torch
from torch import Tensor, nn

from mechval.axioms import CutNetwork
from mechval.errors import MechvalError
from tests.unit.axioms.test_cut_network import INPUTS, argmax, cut


class Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class First(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + x[0]


class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.RNN(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.cells(x[:, None])[0][:, 0]


def without_statistics() -> nn.Module:
    return nn.BatchNorm1d(3, track_running_stats=False).eval()


@pytest.mark.parametrize("mixing", [Centred, First, TimeFirst, without_statistics])
@pytest.mark.parametrize("n", [3, 6])
def test_a_network_that_mixes_samples_is_refused(mixing: type[nn.Module], n: int) -> None:
    with pytest.raises(MechvalError, match=r"mixes the samples of a batch: .*output"):
        cut(nn.Sequential(nn.Linear(3, 3), mixing(), nn.Linear(3, 5)), "1").verify(INPUTS[:n])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_rounding_is_not_mixing(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(64, 500), nn.Tanh(), nn.Linear(500, 30)).to(dtype)
    inputs = torch.randn(37, 64, generator=torch.Generator().manual_seed(0)).to(dtype)
    cut(model, "0", inputs=inputs).verify(inputs)


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(3)], ids=["dropout", "norm"])
def test_training_mode_is_refused_in_words(layer: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(3, 3), layer)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    message = f"training mode with {type(layer).__name__} at '1'; allowed: evaluation mode"
    with pytest.raises(MechvalError, match=message):
        cut(model, "0").verify(INPUTS)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    cut(model.eval(), "0").verify(INPUTS)


class Counting(nn.Module):
    count: Tensor

    def __init__(self, *, assigns: bool):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.assigns = assigns

    def forward(self, x: Tensor) -> Tensor:
        if self.assigns:
            self.count = self.count + 1
        else:
            self.count += 1
        return x


@pytest.mark.parametrize("assigns", [False, True])
def test_a_network_that_changes_its_buffers_is_refused_and_put_right(assigns: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 3), Counting(assigns=assigns))
    with pytest.raises(MechvalError, match=r"changes its own buffers in a run \(1\.count"):
        cut(model, "0").verify(INPUTS)
    assert model.state_dict()["1.count"] == 0


def test_an_output_without_a_batch_axis_mixes_nothing() -> None:
    class Summed(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x.sum()

    model = nn.Sequential(nn.Linear(3, 3), Summed())
    network = CutNetwork(
        model, ["0"], example=INPUTS[:1], read_label=lambda output: argmax(output[0])
    )
    network.verify(INPUTS)
