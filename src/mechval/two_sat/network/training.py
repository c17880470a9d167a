"""The 2-SAT network: made, trained, finished, loaded, and how often it is right."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.axioms import clopper_pearson_upper
from mechval.training.module import LabelledInputs, Task
from mechval.training.recipe import Recipe
from mechval.training.resumable_fit import Fit, estimate_seconds, fit
from mechval.transformer import Architecture, Transformer, answer_logits, load_weights
from mechval.transformer.weights import WEIGHTS as WEIGHTS
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.answer import answers, right_answers
from mechval.two_sat.network.components import AnswerState, Components, make_network
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class LearningCurveRow:
    """One evaluation; losses in nats. ``phase``: training or
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


def untrained_network(problem: Problem, architecture: Architecture, seed: int) -> Transformer:
    """The network that a training with this seed starts from."""
    model = make_network(problem, architecture)
    model.initialise(torch.Generator().manual_seed(seed))
    return model


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


@dataclass(frozen=True)
class TrainingRun:
    """One training of ``model`` in place; killed, it resumes from ``directory``."""

    model: Transformer
    problem: Problem
    recipe: Recipe
    train: Split
    selection: Split
    seed: int
    directory: Path
    device: torch.device

    def fit(self, task: Task, train: LabelledInputs, selection: LabelledInputs) -> Fit:
        """Fit the weights that are not frozen to a task on inputs of this run's formulas."""
        return fit(
            self.model,
            self.recipe,
            task,
            train=train,
            selection=selection,
            seed=self.seed,
            directory=self.directory,
            device=self.device,
        )


def train_network(run: TrainingRun) -> Fit:
    train, selection = (labelled_inputs(run.problem, part) for part in (run.train, run.selection))
    return run.fit(_whole_network(run.problem), train, selection)


def finish_network(run: TrainingRun) -> Fit:
    """Train the last MLP and the unembedding alone, on the residual stream they read. Everything
    below them is frozen, so that stream is computed once per formula and a step costs a small part
    of a full one: decay gets the steps it needs to empty the neurons that the loss does not
    need."""
    model = run.model
    trained = {id(weight) for weight in [*model.block(1).mlp.parameters(), model.W_U]}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in trained)
    components = Components(model.to(run.device), run.problem)
    train, selection = (
        _answer_residuals(components, part)
        for part in (run.train, run.selection.first(run.recipe.evaluation_examples))
    )
    return run.fit(_last_layers(run.problem), train, selection)


def train_phases(run: TrainingRun, phases: Mapping[str, Recipe]) -> list[LearningCurveRow]:
    """Train by the recipes ``training`` and ``finishing``, those that there are, each in a folder
    of its name in the run's directory."""
    curve: list[LearningCurveRow] = []
    for phase, recipe in phases.items():
        train = {"training": train_network, "finishing": finish_network}[phase]
        fitted = train(replace(run, recipe=recipe, directory=run.directory / phase))
        curve += [LearningCurveRow(phase, **asdict(point)) for point in fitted.curve]
    return curve


def estimate_training(
    model: Transformer, problem: Problem, recipe: Recipe, train: Split, device: torch.device
) -> float:
    """Seconds that :func:`train_network` would take here."""
    inputs = labelled_inputs(problem, train)
    return estimate_seconds(model, recipe, _whole_network(problem), inputs, device)


def estimate_finishing(
    model: Transformer, problem: Problem, recipe: Recipe, train: Split, device: torch.device
) -> float:
    """Seconds that :func:`finish_network` would take here, the residual streams included."""
    sample = train.first(recipe.batch_size)
    started = time.perf_counter()
    residuals = _answer_residuals(Components(model.to(device), problem), sample)
    per_formula = (time.perf_counter() - started) / len(sample)
    steps = estimate_seconds(model, recipe, _last_layers(problem), residuals, device)
    return steps + per_formula * len(train)


def shuffled_labels(split: Split, n_formulas: int, seed: int) -> Split:
    """The first formulas of ``split`` with their labels permuted among them: a network that learns
    these has nothing to generalise, and every claim about it is false."""
    chosen = split.first(n_formulas)
    order = np.random.default_rng(seed).permutation(len(chosen))
    return Split(chosen.clause_ids, chosen.satisfiable[order])


def _whole_network(problem: Problem) -> Task:
    return Task(answer_logits, partial(encode_formulas, problem))


def _last_layers(problem: Problem) -> Task:
    return Task(partial(_logits_from_residual, problem))


@torch.no_grad()
def _answer_residuals(components: Components, split: Split) -> LabelledInputs:
    streams = torch.empty(len(split), components.model.architecture.d_model)
    first = 0
    for tokens, _ in components.batches(split, "residual stream at ':'"):
        resid = components.parse(tokens)
        streams[first : first + len(tokens)] = components.evaluate(resid).resid_mid
        first += len(tokens)
    return replace(labelled_inputs(components.problem, split), inputs=streams)


def _logits_from_residual(
    problem: Problem,
    model: Transformer,
    resid_mid: Float[Tensor, "batch d_model"],
    dtype: torch.dtype,
) -> Float[Tensor, "batch d_vocab"]:
    """The rest of the network; small enough that float32 costs nothing, whatever ``dtype``."""
    state = AnswerState(model.block(1).mlp.hidden(resid_mid), resid_mid)
    return Components(model, problem).answer_logits(state)


CONFIDENCE = 0.95


@dataclass(frozen=True)
class ClassCount:
    """Formulas of one class, and how many get another answer."""

    n: int = tables.told("N")
    wrong_count: int = tables.count("wrong")


@dataclass(frozen=True)
class Accuracy:
    """Accuracy over all classes, with a one-sided bound (Clopper-Pearson)."""

    n: int = tables.told("N")
    wrong_count: int = tables.count("wrong")
    accuracy: float = tables.rate()
    accuracy_lower: float = tables.rate("lower bound")
    confidence: float = tables.told(unit="%")
    classes: Mapping[str, ClassCount] = tables.told()


ACCURACY = tables.Record("train/metrics.json", Accuracy)


@torch.inference_mode()
def measure_accuracy(components: Components, split: Split) -> Accuracy:
    """Count wrong answers."""
    wrong = []
    for tokens, satisfiable in components.batches(split, "accuracy"):
        logits = components.answer_logits(components.evaluate(components.parse(tokens)))
        expected = right_answers(components.vocabulary, satisfiable)
        wrong.append((answers(logits) != expected).cpu().numpy())
    is_wrong, n = np.concatenate(wrong), len(split)
    n_wrong = int(is_wrong.sum())
    masks = {"satisfiable": split.satisfiable, "unsatisfiable": ~split.satisfiable}
    return Accuracy(
        n=n,
        wrong_count=n_wrong,
        accuracy=1 - n_wrong / n,
        accuracy_lower=1 - clopper_pearson_upper(n_wrong, n, CONFIDENCE),
        confidence=CONFIDENCE,
        classes={
            name: ClassCount(int(mask.sum()), int(is_wrong[mask].sum()))
            for name, mask in masks.items()
        },
    )
