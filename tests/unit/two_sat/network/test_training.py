"""The 2-SAT network as it is made, trained, finished and loaded."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer, named_weights, save_weights
from mechval.two_sat.formulas.dataset import Corpora
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.training import (
    TrainingRun,
    estimate_training,
    finish_network,
    labelled_inputs,
    load_network,
    make_network,
    train_network,
)
from mechval.two_sat.problem import Problem
from tests.networks import CPU, SMALL_ARCHITECTURE, SMALL_PROBLEM, random_network, small_corpora
from tests.settings import PLAIN_RECIPE, changed

RECIPE = changed(
    PLAIN_RECIPE,
    examples=16 * 12,
    batch_size=16,
    evaluate_every_steps=6,
    evaluation_examples=60,
    precision="float32",
    n_snapshots=2,
)
LAST_MLP = {f"blocks.1.mlp.{name}" for name in ("W_in", "b_in", "W_out", "b_out")}


@pytest.fixture(scope="module")
def corpora() -> Corpora:
    return small_corpora(SMALL_PROBLEM, 40, training=400)


def run_on(corpora: Corpora, model: Transformer, directory: Path) -> TrainingRun:
    train, selection = corpora.splits["training.train"], corpora.splits["training.selection"]
    return TrainingRun(model, SMALL_PROBLEM, RECIPE, train, selection, 0, directory, CPU)


@dataclass(frozen=True)
class Change:
    """A network before and after a training."""

    before: Transformer
    after: Transformer

    @property
    def names(self) -> set[str]:
        """Weights that changed."""
        old, new = named_weights(self.before), named_weights(self.after)
        return {name for name in old if not new[name].equal(old[name])}


@pytest.fixture(scope="module")
def finished(corpora: Corpora, tmp_path_factory: pytest.TempPathFactory) -> Change:
    model = random_network(SMALL_PROBLEM)
    finish_network(run_on(corpora, model, tmp_path_factory.mktemp("finishing")))
    return Change(random_network(SMALL_PROBLEM), model)


def test_finishing_changes_the_last_mlp_and_the_unembedding_alone(finished: Change) -> None:
    assert finished.names == LAST_MLP | {"unembed.W_U"}


def test_training_changes_every_weight(corpora: Corpora, tmp_path: Path) -> None:
    model = random_network(SMALL_PROBLEM)
    train_network(run_on(corpora, model, tmp_path))
    change = Change(random_network(SMALL_PROBLEM), model)
    assert change.names == named_weights(model).keys()


def test_an_estimate_is_for_all_steps(corpora: Corpora, step_seconds: float) -> None:
    train = corpora.splits["training.train"]
    model = random_network(SMALL_PROBLEM)
    seconds = estimate_training(model, SMALL_PROBLEM, RECIPE, train, CPU)
    assert seconds == RECIPE.n_steps * step_seconds


@pytest.mark.parametrize(("n_variables", "n_clauses"), [(3, 4), (5, 10), (8, 20)])
def test_the_sizes_of_the_task_follow_from_the_problem(n_variables: int, n_clauses: int) -> None:
    problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
    model = make_network(problem, SMALL_ARCHITECTURE)
    tokens = encode_formulas(problem, torch.zeros(1, n_clauses, dtype=torch.long))
    assert (model.d_vocab, model.n_ctx) == (2 * n_variables + 6, tokens.shape[1])


def test_every_formula_is_labelled_with_its_answer_token(corpora: Corpora) -> None:
    split, vocabulary = corpora.splits["training.train"], Vocabulary(SMALL_PROBLEM)
    labelled = labelled_inputs(SMALL_PROBLEM, split)
    answers = [
        vocabulary.satisfiable if satisfiable else vocabulary.unsatisfiable
        for satisfiable in split.satisfiable
    ]
    assert labelled.answers.tolist() == answers
    assert labelled.inputs.tolist() == split.clause_ids.tolist()


def test_a_saved_network_is_loaded_again(tmp_path: Path) -> None:
    model = random_network(SMALL_PROBLEM)
    save_weights(model, tmp_path / "weights.safetensors")
    loaded = load_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, tmp_path / "weights.safetensors")
    assert not Change(model, loaded).names


def test_weights_for_other_formulas_are_refused(tmp_path: Path) -> None:
    save_weights(random_network(SMALL_PROBLEM), tmp_path / "weights.safetensors")
    larger = Problem(n_variables=3, n_clauses=7)
    with pytest.raises(MechvalError, match=r"pos_embed.W_pos has shape \(25, 16\); allowed: \(29"):
        load_network(larger, SMALL_ARCHITECTURE, tmp_path / "weights.safetensors")


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    save_weights(random_network(SMALL_PROBLEM), tmp_path / "weights.safetensors")
    wider = Architecture(d_model=32, d_mlp=24, n_heads=(1, 2))
    with pytest.raises(MechvalError, match=r"embed\.W_E has shape"):
        load_network(SMALL_PROBLEM, wider, tmp_path / "weights.safetensors")
