"""Null networks of a run of modular addition: waves found, translations fitted, cells counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from mechval.axioms.nulls import NullCell
from mechval.config import Config
from mechval.instruments.null_networks import (
    Budget,
    Measured,
    axiom_cells,
    networks_name,
    shortened,
)
from mechval.modular_addition.circuit.program_waves import MAIN
from mechval.modular_addition.claim.assess import EQUIVALENCE, READING, assess_network
from mechval.modular_addition.configs import AxiomsConfig, CircuitConfig, GrokkingRecipe
from mechval.modular_addition.interpretation import rounding
from mechval.modular_addition.network.dataset import FILE_NAME, Split, load_split
from mechval.modular_addition.network.model import logits_at_equals, make_network
from mechval.modular_addition.network.training import labelled_inputs, precise_cross_entropy
from mechval.modular_addition.problem import ModularAddition
from mechval.pipeline import FinishedRun
from mechval.training.module import LabelledInputs, Task
from mechval.training.recipe import Recipe
from mechval.training.resumable_fit import fit
from mechval.transformer import Transformer
from mechval.transformer.finished import load_finished

STEPS = 60


@dataclass(frozen=True, eq=False)
class ModularNulls:
    """The networks of a run's shape, on the run's own split of the inputs.

    Attributes:
        model: the network of the run.
        recipe: the run's own, shortened to `STEPS`.
    """

    model: Transformer
    problem: ModularAddition
    split: Split
    circuit: CircuitConfig
    axioms: AxiomsConfig
    recipe: Recipe

    @classmethod
    def of(cls, run: FinishedRun, checkpoint: Path | None) -> "ModularNulls":
        """Those of a finished run; raises MechvalError as `load_finished`."""
        settings = run.config["settings"]
        problem = ModularAddition.model_validate(settings["problem"])
        split = load_split(run.file("data", FILE_NAME).parent, problem)
        recipe = GrokkingRecipe.model_validate(settings["training"])
        return cls(
            load_finished(run, partial(make_network, problem), checkpoint),
            problem,
            split,
            CircuitConfig.model_validate(settings["circuit"]),
            AxiomsConfig.model_validate(settings["axioms"]),
            shortened(recipe.full_batch(len(split.train)), STEPS),
        )

    @property
    def settings(self) -> Mapping[str, Config]:
        return {
            "problem": self.problem,
            "architecture": self.model.architecture,
            "circuit": self.circuit,
            "axioms": self.axioms,
        }

    @property
    def budget(self) -> Budget:
        shape = (*self.settings.values(), self.recipe)
        names = (MAIN, READING, rounding(self.axioms.embedding_decimals), EQUIVALENCE)
        return Budget(
            study="modular_addition",
            networks=networks_name("modular_addition", shape, self.split.train.tolist()),
            main="/".join(names),
            fit=len(self.split.train),
            test=len(self.split.test),
            partial=0,
            shuffled=len(self.split.train),
            steps=self.recipe.n_steps,
        )

    def untrained(self, seed: int) -> Transformer:
        model = make_network(self.problem, self.model.architecture)
        model.initialise(torch.Generator().manual_seed(seed))
        return model

    def train_shuffled(self, model: Transformer, seed: int, scratch: Path) -> None:
        true = labelled_inputs(self.problem, self.split.train)
        order = torch.randperm(len(self.split.train), generator=torch.Generator().manual_seed(seed))
        shuffled = LabelledInputs(true.inputs, true.answers[order])
        fit(
            model,
            self.recipe,
            Task(
                lambda network, pairs, _: logits_at_equals(self.problem, network, pairs),
                loss=precise_cross_entropy,
            ),
            train=shuffled,
            selection=shuffled,
            seed=seed,
            directory=scratch / "shuffled",
            device=torch.device("cpu"),
        )

    def measure(self, model: Transformer) -> Measured:
        found = assess_network(model, self.problem, self.split, self.circuit, self.axioms)
        cells = axiom_cells(cell for report in found.reports for cell in report.cells)
        return cells, next(iter(found.refusals.values()), "")

    def mutants(self) -> Iterator[list[NullCell]]:
        """There are no operators on a program of waves yet."""
        return iter(())
