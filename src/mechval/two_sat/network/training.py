"""The 2-SAT network: made, trained, finished, loaded."""

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.training.batches import LabelledInputs
from mechval.training.fit import Fit, estimate_seconds, fit
from mechval.training.recipe import Recipe
from mechval.transformer import Transformer, answer_logits, load_weights
from mechval.transformer.architecture import Architecture
from mechval.transformer.weights import WEIGHTS as WEIGHTS
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.network.activations import token_batches
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class LearningCurveRow:
    """One evaluation; losses in nats, not finite in a run that diverged. ``phase``: training or
    finishing. ``examples``: formulas seen in this phase. ``train_loss``: mean since the last
    evaluation."""

    phase: str = tables.told()
    step: int = tables.told()
    examples: int = tables.told("formulas seen")
    train_loss: float = tables.number(unit="nats")
    selection_loss: float = tables.number(unit="nats")
    selection_accuracy: float = tables.rate()
    learning_rate: float = tables.number()


LEARNING_CURVE = tables.Table("train/learning_curve.csv", LearningCurveRow)


def make_network(problem: Problem, architecture: Architecture) -> Transformer:
    """A network for formulas of this size, with weights not yet drawn."""
    return Transformer(
        architecture, d_vocab=Vocabulary(problem).d_vocab, n_ctx=FormulaLayout(problem).n_ctx
    )


def load_network(problem: Problem, architecture: Architecture, path: Path) -> Transformer:
    """The network whose weights lie in ``path``; raises MechvalError if they do not fit."""
    model = make_network(problem, architecture)
    load_weights(model, path)
    return model


def labelled_inputs(problem: Problem, split: Split) -> LabelledInputs:
    """Clause ids with the answer token of each formula."""
    vocabulary = Vocabulary(problem)
    answers = np.where(split.satisfiable, vocabulary.satisfiable, vocabulary.unsatisfiable)
    return LabelledInputs(torch.from_numpy(split.clause_ids), torch.from_numpy(answers))


def train_network(
    model: Transformer,
    problem: Problem,
    recipe: Recipe,
    *,
    train: Split,
    selection: Split,
    seed: int,
    directory: Path,
    device: torch.device,
) -> Fit:
    """Train all weights of ``model`` in place, resuming from ``directory`` if it was killed."""
    return fit(
        model,
        recipe,
        train=labelled_inputs(problem, train),
        selection=labelled_inputs(problem, selection),
        encode=partial(encode_formulas, problem),
        answer_logits=answer_logits,
        seed=seed,
        directory=directory,
        device=device,
    )


def finish_network(
    model: Transformer,
    problem: Problem,
    recipe: Recipe,
    *,
    train: Split,
    selection: Split,
    seed: int,
    directory: Path,
    device: torch.device,
) -> Fit:
    """Train the last MLP and the unembedding alone, on the residual stream they read. Everything
    below them is frozen, so that stream is computed once per formula and a step costs a small part
    of a full one: decay gets the steps it needs to empty the neurons that the loss does not
    need."""
    trained = {id(weight) for weight in [*model.block(1).mlp.parameters(), model.W_U]}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in trained)
    return fit(
        model,
        recipe,
        train=_answer_residuals(model, problem, train, device),
        selection=_answer_residuals(
            model, problem, selection.first(recipe.evaluation_examples), device
        ),
        encode=_as_they_are,
        answer_logits=partial(_logits_from_residual, problem),
        seed=seed,
        directory=directory,
        device=device,
    )


def estimate_training(
    model: Transformer, problem: Problem, recipe: Recipe, train: Split, device: torch.device
) -> float:
    """Seconds that :func:`train_network` would take here."""
    return estimate_seconds(
        model,
        recipe,
        train=labelled_inputs(problem, train),
        encode=partial(encode_formulas, problem),
        answer_logits=answer_logits,
        device=device,
    )


def estimate_finishing(
    model: Transformer, problem: Problem, recipe: Recipe, train: Split, device: torch.device
) -> float:
    """Seconds that :func:`finish_network` would take here, the residual streams included."""
    sample = train.first(recipe.batch_size)
    started = time.perf_counter()
    residuals = _answer_residuals(model, problem, sample, device)
    per_formula = (time.perf_counter() - started) / len(sample)
    steps = estimate_seconds(
        model,
        recipe,
        train=residuals,
        encode=_as_they_are,
        answer_logits=partial(_logits_from_residual, problem),
        device=device,
    )
    return steps + per_formula * len(train)


@torch.no_grad()
def _answer_residuals(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> LabelledInputs:
    components = Components(model.to(device), problem)
    streams = torch.empty(len(split), model.architecture.d_model)
    first = 0
    for tokens, _ in token_batches(problem, split, device, "residual stream at ':'"):
        resid = components.parse(tokens)
        streams[first : first + len(tokens)] = components.evaluate(resid).resid_mid
        first += len(tokens)
    return replace(labelled_inputs(problem, split), inputs=streams)


def _as_they_are(inputs: Tensor) -> Tensor:
    return inputs


def _logits_from_residual(
    problem: Problem,
    model: Transformer,
    resid_mid: Float[Tensor, "batch d_model"],
    dtype: torch.dtype,
) -> Float[Tensor, "batch d_vocab"]:
    """The rest of the network; small enough that float32 costs nothing, whatever ``dtype``."""
    state = AnswerState(model.block(1).mlp.hidden(resid_mid), resid_mid)
    return Components(model, problem).answer_logits(state)
