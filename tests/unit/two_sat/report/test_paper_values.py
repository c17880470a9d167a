import pytest

from mechval.axioms import Axiom, clopper_pearson_upper
from mechval.reporting.paper_comparison import EPSILON_CONFIDENCE, PrintedValue, printed_count
from mechval.reporting.shown import significant
from mechval.two_sat.report.paper_values import BY_KEY, TEST_FORMULAS

VERSIONS = ("trees", "disjunction")
CELLS = {
    (version, axiom, component): BY_KEY[
        f"{'trees' if component == 'parse' else version}/{axiom}/{component}"
    ]
    for version in VERSIONS
    for axiom in Axiom
    for component in ("parse", "evaluate", "output")
}


def number(version: str, axiom: str, component: str) -> tuple[object, ...]:
    cell = CELLS[version, Axiom(axiom), component]
    return cell.printed, cell.n, cell.count


@pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: cell.key)
def test_the_published_count_gives_the_published_epsilon(cell: PrintedValue) -> None:
    bound = clopper_pearson_upper(printed_count(cell), TEST_FORMULAS, EPSILON_CONFIDENCE)
    assert significant(bound) == significant(float(cell.printed))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["equivalence", "replaceability"])
def test_prefix_and_component_are_one_at_the_first_component(version: str, kind: str) -> None:
    first = number(version, f"prefix {kind}", "parse")
    assert first == number(version, f"component {kind}", "parse")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reach", ["prefix", "component"])
def test_equivalence_and_replaceability_are_one_at_the_last_component(
    version: str, reach: str
) -> None:
    last = number(version, f"{reach} equivalence", "output")
    assert last == number(version, f"{reach} replaceability", "output")
