"""A published grokked network (Nanda et al., low-precision run): what it answers, and its split."""

import os
from pathlib import Path

import pytest
import torch

from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.network.model import all_logits, make_network
from mechval.modular_addition.network.training import judge_answers, measure
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint
from tests.conftest import CHECKPOINTS_VARIABLE, ROOT, Require
from tests.settings import MODULAR_ADDITION

FILE = "nanda2023-modular-addition-low-precision.pth"
PROBLEM = ModularAddition(p=113)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def path(require: Require) -> Path:
    beside = ROOT.parent / "shared" / "checkpoints"
    return require(Path(os.environ.get(CHECKPOINTS_VARIABLE, beside)) / FILE)


@pytest.fixture(scope="module")
def network(path: Path) -> Transformer:
    model = make_network(PROBLEM, MODULAR_ADDITION.architecture)
    load_foreign_checkpoint(model, path)
    return model


def test_it_answers_7_of_12769_inputs_wrongly(network: Transformer) -> None:
    logits, answers = all_logits(PROBLEM, network)
    assert int((logits.argmax(dim=-1) != answers).sum()) == 7


def test_the_file_s_own_loss_names_the_seed_of_its_split(network: Transformer, path: Path) -> None:
    """The file says no seed; it records the training loss. The draw of seed 1 fits it."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    recorded_train, recorded_test = content["train_losses"][-1], content["test_losses"][-1]
    found = {
        seed: measure(PROBLEM, network, draw_split(PROBLEM, MODULAR_ADDITION.data, seed))
        for seed in range(10)
    }
    assert recorded_train == pytest.approx(found[1]["train_loss"], rel=0.05)
    assert recorded_test == pytest.approx(found[1]["test_loss"], rel=0.1)
    others = [losses["train_loss"] for seed, losses in found.items() if seed != 1]
    assert min(others) > 4 * recorded_train


def test_all_its_errors_are_on_inputs_held_out_by_that_split(network: Transformer) -> None:
    split = draw_split(PROBLEM, MODULAR_ADDITION.data, 1)
    found = judge_answers(PROBLEM, network, split)
    assert (found.train.wrong_count, found.test.wrong_count) == (0, 7)
