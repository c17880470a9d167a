"""The constant program is judged by the very equivalence that judges the cells."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mechval.axioms import (
    AxiomReport,
    Equivalence,
    Interpretation,
    Verdict,
    best_constant,
    enumerate_axioms,
    exact_labels,
    identity,
)
from mechval.errors import MechvalError


def absolute(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).abs()


WITHIN_2 = Equivalence("within 2", absolute, tolerance=2)


def answer_2(number: Tensor) -> Tensor:
    return torch.full_like(number, 2)


CLAIM = Interpretation(
    name="one number",
    components=("all",),
    concrete=(identity,),
    abstract=(answer_2,),
    alphas=(identity, identity),
    gammas=(identity, identity),
    equivalences=(exact_labels, WITHIN_2),
)


def validate(claim: Interpretation) -> AxiomReport:
    return enumerate_axioms(claim, torch.arange(5), domain_size=5)


def test_a_program_that_is_constant_is_not_better_than_the_constant_one() -> None:
    report = validate(CLAIM)
    assert report.constant.disagreements == report.cells[0].disagreements == 0
    assert report.cells[0].verdict is Verdict.NOT_BETTER


def test_the_constant_is_the_best_under_the_claims_equivalence() -> None:
    """Each number occurs once: counted exactly, 0 would do as well as 2."""
    assert validate(CLAIM).constant.label == 2
    exact = replace(CLAIM, equivalences=(exact_labels, exact_labels))
    assert validate(exact).constant.label == 0


def test_the_best_constant_under_exact_labels_is_the_most_frequent_label() -> None:
    assert best_constant(torch.tensor([3, 1, 1, 5]), exact_labels) == 1


def test_no_label_has_no_best_constant() -> None:
    with pytest.raises(MechvalError, match="labels is empty"):
        best_constant(torch.arange(0), exact_labels)
