"""The whole 2-SAT study as one function, in the order of the paper's section 4.

The stages of the pipeline do the same step by step, with files between them.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from mechval.axioms import AxiomReport
from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing.certificate import ParsingCertificate
from mechval.two_sat.certify.parsing.prover import certify_parsing
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.claim import assess
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.generation import generate_corpora
from mechval.two_sat.network import training
from mechval.two_sat.network.components import Components

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Reproduction:
    """What the study comes to: a trained network, what is read off it on the fitting formulas, the
    axioms on held-out ones (a report per interpretation), and the proof, case by case, that its
    clauses are parsed in every formula.
    """

    network: Transformer
    circuit: Circuit
    reports: list[AxiomReport]
    parsing: ParsingCertificate


def reproduce(
    settings: TwoSatSettings, seed: int, scratch: Path, device: torch.device = CPU
) -> Reproduction:
    """Draw formulas, train, extract the circuit, validate the interpretation, prove its parsing.

    Args:
        settings: all of the study; ``conf/settings/two_sat`` has the paper's.
        seed: everything random follows from it.
        scratch: folder for checkpoints; an interrupted training resumes there.

    Raises MechvalError if the sizes admit no such corpora, or the rules find no circuit.

    >>> import tempfile
    >>> from omegaconf import OmegaConf
    >>> recipe = {"examples": 128, "batch_size": 32, "warmup_steps": 2, "n_snapshots": 2}
    >>> few = {"evaluation_examples": 20}
    >>> changes = {
    ...     "problem": {"n_variables": 3, "n_clauses": 6},
    ...     "data": {"training_formulas": 800, "analysis_formulas": 400},
    ...     "architecture": {"d_model": 16, "d_mlp": 8, "n_heads": [1, 4]},
    ...     "training": {**recipe, **few, "evaluate_every_steps": 4},
    ...     "finishing": None,
    ...     "circuit": {"readings": ["calibrated"]},
    ...     "axioms": {"versions": ["trees"]},
    ...     **{stage: {"formulas": 100} for stage in ("progress", "partial", "improved")},
    ...     "nulls": {"formulas": 100, "shuffled_formulas": 100, "training": few},
    ...     "certify": {"drift_formulas": 100},
    ... }
    >>> base = OmegaConf.load("conf/settings/two_sat/base.yaml")
    >>> values = OmegaConf.to_container(OmegaConf.merge(base, changes))
    >>> settings = TwoSatSettings.model_validate(values)
    >>> found = reproduce(settings, seed=0, scratch=Path(tempfile.mkdtemp()))
    >>> {cell.n for report in found.reports for cell in report.cells}
    {160}
    """
    problem = settings.problem
    corpora = generate_corpora(problem, settings.data, seed)
    split = corpora.splits

    network = training.untrained_network(problem, settings.architecture, seed)
    seen = (split["training.train"], split["training.selection"])
    run = training.TrainingRun(network, problem, settings.training, *seen, seed, scratch, device)
    training.train_phases(run, settings.phases)

    components = Components(network.to(device), problem)
    fit, test = split["analysis.fit"], split["analysis.test"]
    circuit = extract_circuit(components, fit, config=settings.circuit, seed=seed)
    share = corpora.provenance.natural_share
    question = assess.Question(settings.circuit, settings.axioms, share)
    reports = assess.validate(components, circuit, test, question)
    parsing = certify_parsing(network.cpu(), problem, settings.certify.parsing, circuit.prototypes)
    return Reproduction(network, circuit, reports, parsing)
