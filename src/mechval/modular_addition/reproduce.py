"""The whole modular-addition study as one function, in the order of the paper's section 5.

The stages of the pipeline do the same step by step, with files between them.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from mechval.axioms import AxiomReport
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.extract import Circuit, extract_circuit
from mechval.modular_addition.circuit.program_waves import select_waves
from mechval.modular_addition.claim.translations import NO_CLAIM, fit_translations
from mechval.modular_addition.claim.validation import FailingPair, evaluate_on, find_failing_pairs
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import Components, record_activations
from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.network.model import make_network
from mechval.modular_addition.network.training import Grokking, train_network
from mechval.transformer import Transformer

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Reproduction:
    """What the study comes to.

    ``reports`` are the axioms on all p² inputs, one per interpretation of the first program;
    ``failing`` the smallest
    pairs on which the first interpretation fails, cell by cell.
    """

    network: Transformer
    grokking: Grokking
    circuit: Circuit
    reports: list[AxiomReport]
    failing: list[FailingPair]


def reproduce(
    settings: ModularAdditionSettings, seed: int, scratch: Path, device: torch.device = CPU
) -> Reproduction:
    """Split the inputs, train, read the circuit, state the interpretation, validate it on all.

    ``conf/settings/modular_addition`` has the paper's settings; everything random follows from the
    seed; checkpoints lie in ``scratch``, where an interrupted training resumes. Raises MechvalError
    if the network has no key frequencies, so that there is nothing to claim.

    >>> import tempfile
    >>> from omegaconf import OmegaConf
    >>> changes = {
    ...     "problem": {"p": 11},
    ...     "data": {"train_fraction": 0.8},
    ...     "architecture": {"d_model": 32, "d_mlp": 64, "n_heads": [4]},
    ...     "training": {
    ...         "max_steps": 400, "learning_rate": 1e-2, "evaluate_every_steps": 20
    ...     },
    ...     "circuit": {"smallest_gap": 1.01},
    ...     "axioms": {"equivalences": ["downstream"]},
    ... }
    >>> base = OmegaConf.load("conf/settings/modular_addition/base.yaml")
    >>> values = OmegaConf.to_container(OmegaConf.merge(base, changes))
    >>> settings = ModularAdditionSettings.model_validate(values)
    >>> found = reproduce(settings, seed=0, scratch=Path(tempfile.mkdtemp()))
    >>> {cell.n for report in found.reports for cell in report.cells}
    {121}
    """
    problem = settings.problem
    split = draw_split(problem, settings.data, seed)

    network = make_network(problem, settings.architecture)
    network.initialise(torch.Generator().manual_seed(seed))
    recipe = settings.training
    grokking, _ = train_network(
        network, problem, recipe, split=split, seed=seed, directory=scratch, device=device
    )

    activations = record_activations(network.to(device), problem)
    circuit = extract_circuit(network, problem, activations, settings.circuit)
    selections = select_waves(problem.p, circuit.frequencies)
    if not selections:
        raise MechvalError(NO_CLAIM)
    fitted = fit_translations(network, problem, selections[0], activations, split.train)
    interpretations = make_interpretations(
        Components(network), problem, fitted, settings.axioms, settings.axioms.readings
    )

    everything = {"train": split.train, "held_out": split.test}
    judged_by = (settings.axioms.confidence, fitted.constant_label)
    reports = evaluate_on(everything, interpretations, problem, *judged_by)
    main, limit = reports[0], settings.certify.counterexamples
    failing = find_failing_pairs(main.cells, main.disagreements, network, problem, limit)
    return Reproduction(network, grokking, circuit, reports, list(failing))
