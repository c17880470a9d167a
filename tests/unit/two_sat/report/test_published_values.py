import pytest

from mechval.axioms import clopper_pearson_upper
from mechval.reporting.markdown import significant
from mechval.reporting.paper import EPSILON_CONFIDENCE
from mechval.two_sat.report.published_values import AXIOM_TABLE, TEST_FORMULAS

VERSIONS = ("trees", "disjunction")


@pytest.mark.parametrize("key", AXIOM_TABLE, ids="/".join)
def test_the_published_count_gives_the_published_epsilon(key):
    published = AXIOM_TABLE[key]
    bound = clopper_pearson_upper(published.disagreements, TEST_FORMULAS, EPSILON_CONFIDENCE)
    assert significant(bound) == significant(published.epsilon)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["equivalence", "replaceability"])
def test_prefix_and_component_are_one_at_the_first_component(version, kind):
    prefix = AXIOM_TABLE[version, f"prefix {kind}", "parse"]
    assert prefix == AXIOM_TABLE[version, f"component {kind}", "parse"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reach", ["prefix", "component"])
def test_equivalence_and_replaceability_are_one_at_the_last_component(version, reach):
    equivalence = AXIOM_TABLE[version, f"{reach} equivalence", "output"]
    assert equivalence == AXIOM_TABLE[version, f"{reach} replaceability", "output"]
