"""Exact errors of the published network after γ_1 lie in freshly sampled intervals.

The exact values are those of the enumeration of all 40^10 formulas with the committed circuit.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from mechval.two_sat.circuit_files import load_circuit
from mechval.two_sat.components import Components
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.problem import clause_literals
from mechval.two_sat.truth_tables import is_satisfiable, truth_tables
from tests.conftest import ROOT
from tests.networks import PUBLISHED_PROBLEM, published_network

pytestmark = pytest.mark.slow

N_SAMPLED = 6_000
SATISFIABLE, UNSATISFIABLE = 7_745_679_806_657_200, 2_740_080_193_342_800
ERRORS = {True: 605_958_645_458_640, False: 7_303_805_011_260}


def test_exact_errors_lie_in_the_sampled_intervals(published_checkpoint: Path) -> None:
    circuit = load_circuit(ROOT / "results/two_sat/published/circuit", PUBLISHED_PROBLEM)
    components = Components(published_network(published_checkpoint), PUBLISHED_PROBLEM)
    parser = ClauseParser(PUBLISHED_PROBLEM, circuit.prototypes, circuit.mean_resid_post)
    formulas = np.random.default_rng(0).integers(0, 40, size=(N_SAMPLED, 10))
    first, second = torch.as_tensor(clause_literals(PUBLISHED_PROBLEM)).T
    pairs = (first * PUBLISHED_PROBLEM.n_literals + second)[torch.as_tensor(formulas)]
    with torch.inference_mode():
        batches = pairs.split(1000)
        states = [components.evaluate(parser.gamma(batch)) for batch in batches]
        labels = torch.cat([components.output(state) for state in states]).bool().numpy()
    satisfiable = is_satisfiable(truth_tables(PUBLISHED_PROBLEM, formulas))
    for of_class, total in ((True, SATISFIABLE), (False, UNSATISFIABLE)):
        wrong = labels[satisfiable == of_class] != of_class
        interval = binomtest(int(wrong.sum()), len(wrong)).proportion_ci(0.999)
        assert interval.low <= ERRORS[of_class] / total <= interval.high
