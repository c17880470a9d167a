"""The network and the circuit of a finished run, to be asked about single formulas."""

from dataclasses import dataclass
from pathlib import Path

from mechval.pipeline.run import FinishedRun
from mechval.transformer import Transformer
from mechval.transformer.architecture import Architecture
from mechval.transformer.foreign import load_foreign_checkpoint
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.files import PROGRAMS, TENSORS, load_circuit
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.network.training import WEIGHTS, load_network, make_network
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class Explained:
    """A network with its circuit, on the CPU."""

    problem: Problem
    model: Transformer
    circuit: Circuit

    @property
    def reading(self) -> ReadingName:
        """Calibrated if the circuit has it: the constants of the paper suit one network only."""
        return "calibrated" if "calibrated" in self.circuit.readings else "paper"


def load_explained(run: FinishedRun, checkpoint: Path | None) -> Explained:
    """The network and the circuit of a finished run.

    Args:
        run: of this study.
        checkpoint: the published file, for a run of it whose weights are not in ``data/``.

    Raises:
        MechvalError: if something is missing or altered, or the checkpoint is another one.
    """
    config = run.manifest("circuit").config
    problem = Problem.model_validate(config["problem"])
    architecture = Architecture.model_validate(config["architecture"])
    if checkpoint is not None:
        model = make_network(problem, architecture)
        load_foreign_checkpoint(model, run.checkpoint(checkpoint))
    else:
        model = load_network(problem, architecture, run.file("train", WEIGHTS))
    directory = run.file("circuit", TENSORS).parent
    run.file("circuit", PROGRAMS.file.removeprefix("circuit/"))
    return Explained(problem, model, load_circuit(directory, problem))
