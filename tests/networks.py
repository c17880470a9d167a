"""Small networks, formulas and a circuit written by hand, for every test that needs one."""

from pathlib import Path

import torch

from mechval.transformer import Architecture, Transformer
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import Levels, NeuronEffects
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.dataset import Corpora
from mechval.two_sat.formulas.generation import generate_corpora
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.training import make_network
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import FittedTrees, TreeProgram
from mechval.two_sat.programs.trees import Branch, Leaf
from tests.settings import TWO_SAT, changed

CPU = torch.device("cpu")
SMALL_PROBLEM = Problem(n_variables=3, n_clauses=6)
SMALL_ARCHITECTURE = Architecture(d_model=16, d_mlp=24, n_heads=(1, 2))
PUBLISHED_PROBLEM = Problem(n_variables=5, n_clauses=10)
HIGH = 2.0


def random_network(
    problem: Problem, seed: int = 0, architecture: Architecture = SMALL_ARCHITECTURE
) -> Transformer:
    model = make_network(problem, architecture)
    model.initialise(torch.Generator().manual_seed(seed))
    return model


def published_network(path: Path) -> Transformer:
    model = make_network(PUBLISHED_PROBLEM, TWO_SAT.architecture)
    load_foreign_checkpoint(model, path)
    return model


def small_corpora(problem: Problem, analysis_formulas: int, *, training: int = 40) -> Corpora:
    """Corpora whose analysis formulas are split in halves."""
    config = changed(
        TWO_SAT.data,
        training_formulas=training,
        analysis_formulas=analysis_formulas,
        fit_fraction=0.5,
    )
    return generate_corpora(problem, config, seed=0)


def hand_made_circuit(problem: Problem, d_model: int = 16) -> Circuit:
    """A circuit with one neuron per assignment, which is on where the assignment satisfies."""
    generator = torch.Generator().manual_seed(0)
    n_neurons = problem.n_assignments
    layout = FormulaLayout(problem)
    name: ReadingName = "calibrated"
    return Circuit(
        prototypes=torch.randn(problem.n_literals**2, d_model, generator=generator),
        mean_resid_post=torch.randn(layout.n_ctx, d_model, generator=generator),
        mean_resid_mid=torch.randn(d_model, generator=generator),
        mean_attn_out=torch.randn(d_model, generator=generator),
        mean_hidden=torch.rand(n_neurons, generator=generator),
        own_clause_attention=torch.ones(1, problem.n_clauses),
        effects=NeuronEffects(torch.ones(n_neurons), torch.full((n_neurons,), HIGH)),
        majority_label=1,
        readings={name: one_neuron_per_assignment(n_neurons)},
    )


def one_neuron_per_assignment(n_assignments: int) -> Reading:
    trees = tuple(Branch(index, Leaf(False), Leaf(True)) for index in range(n_assignments))
    program = TreeProgram(trees)
    return Reading(
        neurons=torch.arange(n_assignments),
        constant_neurons=torch.zeros(0, dtype=torch.long),
        levels=Levels(torch.full((n_assignments,), HIGH / 2), torch.full((n_assignments,), HIGH)),
        on_rate=torch.full((n_assignments,), 0.5),
        mean_activation=HIGH * torch.eye(n_assignments),
        fitted={
            made.version: made
            for made in (
                FittedTrees(unpruned=program, program=program),
                DisjunctionProgram(torch.eye(n_assignments, dtype=torch.bool)),
            )
        },
    )
