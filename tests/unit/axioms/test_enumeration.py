"""On every input there is, ε is the rate."""

import pytest
import torch

from mechval.axioms import EvidenceKind, enumerate_axioms
from mechval.errors import MechvalError
from tests.unit.axioms.toy import EXPECTED, N, counts, make_toy


def test_epsilon_is_the_rate_in_every_estimate() -> None:
    report = enumerate_axioms(make_toy(), torch.arange(N), domain_size=N)
    assert counts(report) == EXPECTED
    for cell in report.cells:
        expected = cell.disagreements / N
        found = [cell.epsilon, cell.epsilon_simultaneous]
        found += [stratum.epsilon for stratum in cell.strata.values()]
        assert found == [expected] * len(found)
        assert cell.kind is EvidenceKind.EXACT


def test_the_baseline_answers_the_most_frequent_label() -> None:
    odd_and_even = torch.tensor([61, 62, 63, 64, 65])
    baseline = enumerate_axioms(make_toy(), odd_and_even, domain_size=5).constant
    assert (baseline.label, baseline.disagreements) == (0, 2)


def test_an_input_given_twice_is_refused() -> None:
    with pytest.raises(MechvalError, match="an input occurs more than once"):
        enumerate_axioms(make_toy(), torch.tensor([1, 2, 1]), domain_size=3)


@pytest.mark.parametrize("domain_size", [N + 1, N - 1])
def test_an_enumeration_of_a_part_of_the_domain_is_refused(domain_size: int) -> None:
    with pytest.raises(MechvalError, match=f"200 of domain_size={domain_size} inputs"):
        enumerate_axioms(make_toy(), torch.arange(N), domain_size=domain_size)
