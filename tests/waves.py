"""A network that adds modulo p by waves, written by hand: what is claimed of it is true.

Its embedding is the waves of each number. Attention is uniform and adds the waves of a and b up:
cos(w a - φ) + cos(w b - φ) = 2 cos(w(a - b)/2) cos(w(a + b)/2 - φ). A neuron per phase φ rectifies
that; summed with weights cos(2φ) and sin(2φ), only the second harmonic of the rectified cosine is
left: |2 cos(w(a - b)/2)| times the waves of a + b. For an odd p that factor is never 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from mechval.axioms import AxiomReport, Interpretation
from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.claim.translations import Translations, fit_translations
from mechval.modular_addition.claim.validation import evaluate_on
from mechval.modular_addition.interpretation import WaveProgram, make_interpretations
from mechval.modular_addition.network.components import Activations, Components, record_activations
from mechval.modular_addition.network.dataset import Split, draw_split
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer
from tests.settings import MODULAR_ADDITION, changed

CPU = torch.device("cpu")
N_PHASES = 16


def wave_network(
    problem: ModularAddition, frequencies: Sequence[int], *, noise: float = 0.0
) -> Transformer:
    """The network; ``noise`` is the deviation of numbers added to its embedding."""
    n_waves = 2 * len(frequencies)
    table = waves(problem.p, torch.tensor(frequencies)).flatten(1).float()
    architecture = Architecture(
        d_model=2 * n_waves, d_mlp=N_PHASES * len(frequencies), n_heads=(1,)
    )
    model = Transformer(architecture, d_vocab=problem.d_vocab, n_ctx=problem.n_ctx)
    block = model.block(0)
    phases = torch.arange(N_PHASES) * (2 * math.pi / N_PHASES)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model.W_E[: problem.p, :n_waves] = table
        model.W_E.add_(noise * torch.randn(model.W_E.shape, generator=generator))
        block.attn.value[:n_waves, :n_waves] = torch.eye(n_waves)
        # Attention is the mean of the three positions.
        block.attn.output[:n_waves, :n_waves] = problem.n_ctx * torch.eye(n_waves)
        for index in range(len(frequencies)):
            neurons = slice(index * N_PHASES, (index + 1) * N_PHASES)
            read, written = 2 * index, n_waves + 2 * index
            block.mlp.W_in[read, neurons] = phases.cos()
            block.mlp.W_in[read + 1, neurons] = phases.sin()
            block.mlp.W_out[neurons, written] = (2 * phases).cos()
            block.mlp.W_out[neurons, written + 1] = (2 * phases).sin()
        model.W_U[n_waves:, : problem.p] = table.T
    return model


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with everything fitted for the right program."""

    problem: ModularAddition
    model: Transformer
    activations: Activations
    split: Split
    translations: Translations

    @classmethod
    def of(
        cls,
        problem: ModularAddition,
        model: Transformer,
        frequencies: Sequence[int] | Selection,
    ) -> "Subject":
        """Fitted on 30 % of the inputs (seed 0)."""
        activations = record_activations(model, problem)
        split = draw_split(problem, MODULAR_ADDITION.data, 0)
        selection = frequencies if isinstance(frequencies, Selection) else Selection.of(frequencies)
        translations = fit_translations(model, problem, selection, activations, split.train)
        return cls(problem, model, activations, split, translations)

    def interpretation(
        self,
        translations: Translations | None = None,
        *,
        reading: str = "pseudo_inverse",
        equivalence: str = "downstream",
    ) -> Interpretation:
        """One interpretation with states rounded at cut 1."""
        config = changed(MODULAR_ADDITION.axioms, equivalences=(equivalence,))
        return make_interpretations(
            Components(self.model),
            self.problem,
            translations or self.translations,
            config,
            [reading],
        )[0]

    def judge(self, interpretation: Interpretation) -> AxiomReport:
        """All cells on all inputs."""
        (report,) = evaluate_on(
            {"train": self.split.train, "held_out": self.split.test},
            [interpretation],
            self.problem,
            0.95,
            self.translations.constant_label,
        )
        return report


def with_program(interpretation: Interpretation, table: torch.Tensor) -> Interpretation:
    """The same α and γ, with a program that believes in another table of waves."""
    equal = torch.ones(table.shape[1], dtype=torch.float64)
    wrong = WaveProgram(table, equal, decimals=3)
    add = interpretation.abstract[1]
    return replace(interpretation, abstract=(wrong.look_up, add, wrong.best_residue))


def broken(report: AxiomReport) -> dict[str, int]:
    """The cells with a disagreement, and how many there are."""
    return {cell.name: cell.disagreements for cell in report.cells if cell.disagreements}
