"""Null networks of a 2-SAT run: its circuit extracted, its claims fitted and its cells counted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mechval.axioms import Estimate, Interpretation, Variable, equations
from mechval.axioms.base import CellKey
from mechval.axioms.interchange import POOLED, interchange_variables
from mechval.axioms.nulls import NullCell
from mechval.axioms.partial import replace_partially
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.instruments.mutants import make_mutants
from mechval.instruments.null_networks import (
    Budget,
    Measured,
    axiom_cells,
    networks_name,
    null_cell,
    shortened,
)
from mechval.instruments.two_sat import draw_formulas
from mechval.pipeline import FinishedRun
from mechval.training.recipe import Recipe
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.claim import assess
from mechval.two_sat.configs import AxiomsConfig, CircuitConfig, NullsConfig
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import EVALUATE, formula_evaluator, reading_of
from mechval.two_sat.network import training
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.subject import load_subject, make_subject

N_FIT, N_TEST, N_PARTIAL, N_SHUFFLED, STEPS = 2000, 1000, 600, 256, 60
SEED = 18
_CPU = torch.device("cpu")
NO_READING = "its rules select no neuron whose bit changes, or the cell is refused"


@dataclass(frozen=True, eq=False)
class TwoSatNulls:
    """The networks of a run's shape.

    Attributes:
        model: the network of the run.
        question: which circuit is extracted, and which claims are made.
        recipe: the study's for shuffled labels, shortened to `STEPS`.
        main: name of the interpretation whose partial cells are measured.
    """

    model: Transformer
    problem: Problem
    question: assess.Question
    recipe: Recipe
    main: str

    @classmethod
    def of(cls, run: FinishedRun, checkpoint: Path | None, main: str) -> "TwoSatNulls":
        """Those of a finished run; raises MechvalError as `load_subject`."""
        subject = load_subject(run, checkpoint)
        settings = run.manifest("nulls").config
        recipe = NullsConfig.model_validate(settings["nulls"]).training
        return cls(
            subject.components.model,
            subject.problem,
            assess.Question(
                CircuitConfig.model_validate(settings["circuit"]),
                AxiomsConfig.model_validate(settings["axioms"]),
                # Only reweights, which nothing here is.
                natural_share=0.5,
            ),
            shortened(recipe, STEPS),
            main,
        )

    @property
    def settings(self) -> Mapping[str, Config]:
        return {
            "problem": self.problem,
            "architecture": self.model.architecture,
            "circuit": self.question.circuit,
            "axioms": self.question.axioms,
        }

    @property
    def budget(self) -> Budget:
        shape = (*self.settings.values(), self.recipe)
        sizes = (self.main, N_FIT, N_TEST, N_PARTIAL, N_SHUFFLED, SEED)
        return Budget(
            study="two_sat",
            networks=networks_name("two_sat", shape, sizes),
            main=self.main,
            fit=N_FIT,
            test=N_TEST,
            partial=N_PARTIAL,
            shuffled=N_SHUFFLED,
            steps=self.recipe.n_steps,
        )

    def untrained(self, seed: int) -> Transformer:
        return training.untrained_network(self.problem, self.model.architecture, seed)

    def train_shuffled(self, model: Transformer, seed: int, scratch: Path) -> None:
        shuffled = training.shuffled_labels(self._formulas.last(N_SHUFFLED), N_SHUFFLED, seed)
        training.train_network(
            training.TrainingRun(
                model,
                self.problem,
                self.recipe,
                train=shuffled,
                selection=shuffled,
                seed=seed,
                directory=scratch / "shuffled",
                device=_CPU,
            )
        )

    def measure(self, model: Transformer) -> Measured:
        try:
            circuit = self._circuit(model)
        except MechvalError as refusal:
            return [], str(refusal)
        components = Components(model, self.problem)
        reports = assess.validate(components, circuit, self._test, self.question)
        cells = axiom_cells(cell for report in reports for cell in report.cells)
        if self.main in {report.interpretation for report in reports}:
            claim = self._claim(model, circuit)
            variables = claim.variables
            for partial_cells in (self._replaced, self._interchanged):
                with suppress(MechvalError):
                    cells += partial_cells(claim, variables)
        return cells, NO_READING

    def mutants(self) -> Iterator[list[NullCell]]:
        """α and γ do not depend on the program, so that the fit gives each mutant the run's own;
        mutants that are equivalent are no null and left out."""
        circuit = self._circuit(self.model)
        claim, inputs = self._claim(self.model, circuit), self._tokens(N_TEST)
        program = circuit.readings[reading_of(claim.tags)].disjunctions
        concrete = equations.run_network(claim, inputs)
        for mutant in make_mutants(self.problem, program):
            if not mutant.bits:
                continue
            evaluate = formula_evaluator(self.problem, mutant.program, _CPU)
            changed = replace(claim, abstract=(claim.abstract[0], evaluate, claim.abstract[2]))
            trajectory = equations.make_trajectory(changed, concrete)
            yield [
                self._counted(changed, key, equations.sides(changed, trajectory, key).disagrees)
                for key in equations.distinct_cells(changed)
                if _bears_on(changed, key)
            ]

    @cached_property
    def _formulas(self) -> Split:
        return draw_formulas(self.problem, N_FIT + N_TEST + N_SHUFFLED, SEED)

    @property
    def _test(self) -> Split:
        return self._formulas.first(N_TEST)

    def _tokens(self, n_formulas: int) -> Int[Tensor, "formula pos"]:
        chosen = self._formulas.first(n_formulas)
        return encode_formulas(self.problem, torch.from_numpy(chosen.clause_ids))

    def _circuit(self, model: Transformer) -> Circuit:
        fit = self._formulas.first(N_TEST + N_FIT).last(N_FIT)
        components = Components(model, self.problem)
        return extract_circuit(components, fit, config=self.question.circuit, seed=SEED)

    def _claim(self, model: Transformer, circuit: Circuit) -> Interpretation:
        return make_subject(Components(model, self.problem), circuit).interpretations[self.main]

    def _replaced(self, claim: Interpretation, variables: Sequence[Variable]) -> Iterator[NullCell]:
        for row in replace_partially(claim, variables, self._tokens(N_PARTIAL)):
            yield null_cell(row, claim.name, row.component, str(row.cell))

    def _interchanged(
        self, claim: Interpretation, variables: Sequence[Variable]
    ) -> Iterator[NullCell]:
        """All variables of a component together, but those that no pair tells anything of."""
        inputs = self._tokens(N_PARTIAL)
        told = [each for each in variables if _is_informative(claim, each, inputs)]
        for row in interchange_variables(claim, told, inputs).rows:
            if row.variable == POOLED:
                yield null_cell(row, claim.name, row.component, str(row.cell))

    def _counted(self, claim: Interpretation, key: CellKey, disagrees: Tensor) -> NullCell:
        confidence = self.question.axioms.confidence
        counted = Estimate.of(int(disagrees.sum()), len(disagrees), confidence)
        component = claim.components[key.component - 1]
        return null_cell(counted, claim.name, component, str(key.axiom))


def _bears_on(claim: Interpretation, key: CellKey) -> bool:
    """Whether the program of evaluate plays a part in a cell."""
    place = claim.components.index(EVALUATE) + 1
    return key.component >= place if key.axiom.is_prefix else key.component == place


@torch.inference_mode()
def _is_informative(
    claim: Interpretation, variable: Variable, inputs: Int[Tensor, "formula pos"]
) -> bool:
    """Whether the program's answer changes with a variable in a pair of both halves."""
    i, half = claim.components.index(variable.component) + 1, len(inputs) // 2
    base, source = (
        equations.run_components(claim.abstract[:i], some)[-1]
        for some in (inputs[:half], inputs[half : 2 * half])
    )
    changed = variable.value.write(base, variable.value.read(source))
    own, other = (
        equations.run_components(claim.abstract[i:], state)[-1] for state in (base, changed)
    )
    return bool((own != other).any())
