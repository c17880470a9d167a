"""The published checkpoint gives the variants that the paper reports (section 4).

As in `test_published_checkpoint`, a published ε is turned back into its rate, which must lie in the
two-sided 99.9 % interval of what is measured here on fewer formulas.
"""

from pathlib import Path

import pytest
from scipy.stats import binomtest

from mechval.axioms import disagreements_from_epsilon
from mechval.axioms.judging import JudgingRule
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.claim import measure
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.claim.bench import Bench, observe
from mechval.two_sat.claim.surface import Grid, Surface, SurfaceRow
from mechval.two_sat.claim.variants.variant import make_variants
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components
from tests.networks import PUBLISHED_PROBLEM, published_network, small_corpora
from tests.settings import TWO_SAT, changed

pytestmark = pytest.mark.slow

N_TEST = 8_000
PAPER_N = 80_001
COMPONENTS = ("parse", "evaluate", "output")
CONFIG = changed(TWO_SAT.variants, tolerances=(), leaves=(), noise_kinds=("pairs",))

NOISED = {
    "prefix equivalence": (0.0955, 0.212, 0.0317),
    "component equivalence": (0.0942, 0.182, 0.00433),
    "prefix replaceability": (0.0583, 0.0312, 0.0318),
    "component replaceability": (0.0581, 0.0128, 0.00433),
}
CASES = [
    ("trees", "high/0.5", "prefix replaceability/evaluate", 0.249),
    ("disjunction", "high/0.5", "prefix replaceability/evaluate", 0.135),
    ("trees", "ordered clauses", "prefix equivalence/parse", 0.850),
    *(
        ("trees", "noise/pairs", f"{axiom}/{component}", epsilon)
        for axiom, row in NOISED.items()
        for component, epsilon in zip(COMPONENTS, row, strict=True)
    ),
]

Measured = tuple[measure.Measured, list[SurfaceRow]]


@pytest.fixture(scope="module")
def measured(published_checkpoint: Path) -> Measured:
    model, problem = published_network(published_checkpoint), PUBLISHED_PROBLEM
    splits = small_corpora(problem, 2 * N_TEST).splits
    fit, test = splits["analysis.fit"], splits["analysis.test"]
    config = changed(TWO_SAT.circuit, readings=("paper",))
    circuit = extract_circuit(Components(model, problem), fit, config=config, seed=0)
    fitting, testing = (observe(Components(model, problem), split) for split in (fit, test))
    bench = Bench(Components(model, problem), circuit, fitting, testing, 0, 0.95)
    mains = make_interpretations(
        bench.components,
        circuit,
        versions=("trees", "disjunction"),
        residuals=("attn_out", "resid_mid"),
    )
    measured = measure.measure(
        mains,
        make_variants(bench, mains, CONFIG),
        axiom_batches(bench.components, test),
        JudgingRule(("UNSAT", "SAT"), {}, 0.95, circuit.majority_label),
    )
    surface = Surface(bench, ("trees", "disjunction"), ("attn_out",), max_leaves=4)
    return measured, surface.rows(Grid("paper", "activation", (0.5,), (0.5, 2.0)))


def disagreements(measured: Measured, name: str, cell: str) -> int:
    mains = [cell for report in measured[0].mains for cell in report.cells]
    (found,) = (
        row.disagreements
        for row in (*mains, *measured[0].variants)
        if (row.interpretation, row.name) == (name, cell)
    )
    return found


@pytest.mark.parametrize(("version", "variant", "cell", "epsilon"), CASES)
def test_a_published_variant_lies_in_the_interval_measured_here(
    measured: Measured, version: str, variant: str, cell: str, epsilon: float
) -> None:
    count = disagreements(measured, f"{version}/paper/attn_out/{variant}", cell)
    interval = binomtest(count, N_TEST).proportion_ci(0.999)
    rate = disagreements_from_epsilon(epsilon, PAPER_N, 0.95) / PAPER_N
    assert interval.low <= rate <= interval.high


@pytest.mark.parametrize("version", ["trees", "disjunction"])
def test_the_corrected_residual_repairs_part_of_what_a_low_high_value_breaks(
    measured: Measured, version: str
) -> None:
    cell = "prefix replaceability/evaluate"
    published, corrected = (
        disagreements(measured, f"{version}/paper/{residual}/high/0.5", cell)
        for residual in ("attn_out", "resid_mid")
    )
    assert corrected < 0.8 * published


@pytest.mark.parametrize("high", [0.5, 2.0])
@pytest.mark.parametrize("version", ["trees", "disjunction"])
def test_the_surface_at_the_published_constants_is_the_table(
    measured: Measured, version: str, high: float
) -> None:
    cell = "prefix replaceability/evaluate"
    (found,) = (
        row.disagreements
        for row in measured[1]
        if (row.version, row.high, row.cell) == (version, high, cell)
    )
    assert found == disagreements(measured, f"{version}/paper/attn_out/high/{high:g}", cell)


@pytest.mark.parametrize("version", ["trees", "disjunction"])
def test_the_surface_has_the_evaluate_equivalence_of_the_table(
    measured: Measured, version: str
) -> None:
    cell = "prefix equivalence/evaluate"
    (found,) = (
        row.disagreements for row in measured[1] if (row.version, row.cell) == (version, cell)
    )
    assert found == disagreements(measured, f"{version}/paper/attn_out", cell)


def test_literal_counts_are_no_explanation_and_the_trees_are_better(measured: Measured) -> None:
    base = "trees/paper/attn_out"
    cells = ("prefix equivalence/evaluate", "prefix replaceability/evaluate")
    p_values = {(row.cell, row.first, row.second): row.p_value for row in measured[0].paired}
    for cell in cells:
        rival = f"{base}/rival/literal counts"
        assert disagreements(measured, base, cell) < 0.5 * disagreements(measured, rival, cell)
        assert float(p_values[cell, base, rival] or 0) < 1e-9
