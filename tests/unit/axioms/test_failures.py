"""A planted error is found: in its part, on its samples, in its stratum."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from experiments.bring_your_own import INPUTS, Reverser, interpret, reverse
from mechval import axioms as mv
from mechval.axioms import failures as failing
from mechval.axioms.failures import PartFailure
from mechval.errors import MechvalError

ATTEND = "component equivalence/attend"


def blundering(symbols: Tensor) -> Tensor:
    """The last place is wrong wherever the first symbol is 2."""
    reversed_symbols = reverse(symbols).clone()
    reversed_symbols[:, 3] = torch.where(symbols[:, 0] == 2, 0, reversed_symbols[:, 3])
    return reversed_symbols


@pytest.fixture(scope="module")
def claim() -> mv.Interpretation:
    return interpret(Reverser())


@pytest.fixture(scope="module")
def failures(claim: mv.Interpretation) -> mv.Failures:
    wrong = replace(claim, abstract=(claim.abstract[0], blundering, claim.abstract[2]))
    parity = INPUTS.sum(dim=1) % 2
    return mv.locate_failures(
        wrong,
        INPUTS,
        strata={"parity": ["odd" if each else "even" for each in parity]},
        part_names={"attend": ["first", "second", "third", "last"]},
    )


def test_the_part_in_which_the_sides_differ_is_named(failures: mv.Failures) -> None:
    assert failures[ATTEND].disagreements == 27
    assert failures[ATTEND].parts == (PartFailure("last", 81, 27, 27 / 81),)


def test_the_stratum_that_concentrates_the_errors_is_found(failures: mv.Failures) -> None:
    found = failures[ATTEND].strata
    assert [(each.factor, each.stratum, each.n, each.disagreements) for each in found] == [
        ("input [0]", "2", 27, 27)
    ]
    assert 1 / 3 < found[0].lower < 1


def test_the_worst_samples_are_shown_with_both_sides(failures: mv.Failures) -> None:
    worst = failures[ATTEND].worst
    assert len(worst) == 5
    assert all(each.inputs.startswith("[2, ") for each in worst)
    assert (worst[0].network, worst[0].program) == ("[0, 0, 0, 2]", "[0, 0, 0, 0]")


def test_a_replaceability_cell_is_judged_by_its_labels(failures: mv.Failures) -> None:
    (part,) = failures["prefix replaceability/attend"].parts
    assert (part.part, part.disagreements) == ("state", 27)


def test_a_cell_that_holds_has_nothing_to_show(failures: mv.Failures) -> None:
    held = failures["prefix equivalence/embed"]
    assert (held.disagreements, held.parts, held.strata, held.worst) == (0, (), (), ())


def test_markdown_tells_both_what_fails_and_what_holds(failures: mv.Failures) -> None:
    text = failures.to_markdown()
    assert "No disagreement on 81 samples: prefix equivalence/embed" in text
    assert f"## {ATTEND}: 27 of 81" in text
    assert "| last | 81 | 27 | 0.333 |" in text
    assert "| [2, 0, 0, 0] | [0, 0, 0, 2] | [0, 0, 0, 0] |" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| part")}
    assert widths == {5}


OUTPUTS = {  # equivalence, the network's outputs, the program's, and where how many differ
    "numbers": (
        mv.numbers_within(0.1),
        lambda x: torch.stack([x, x, x], dim=1),
        lambda x: torch.stack([x, x + 0.05, x + (x > 0.5)], dim=1),
        {"[2]": 49},
    ),
    "logits": (
        mv.logits_within(0.25),
        lambda x: torch.stack([x, -x, 0 * x], dim=1),
        # A constant for all makes no difference; the mean of what one logit gains is taken off.
        lambda x: torch.stack([x + 5, 5 - x, 5 + 0.6 * (x > 0.5)], dim=1),
        {"[2]": 49},
    ),
    "distributions": (
        mv.total_variation_within(0.2),
        lambda x: torch.stack([x, 1 - x], dim=1)[:, None].expand(-1, 2, -1),
        lambda x: torch.stack(
            [torch.stack([x, 1 - x], 1), torch.stack([x + 0.1, 0.9 - x], 1).clamp(0, 1)], 1
        ).where(x[:, None, None] < 0.9, torch.tensor([[0.5, 0.5], [0.5, 0.5]])),
        {"[0]": 10, "[1]": 10},
    ),
    "positions": (
        mv.sequences(3, tolerance=1),
        lambda x: torch.zeros(len(x), 3, dtype=torch.long),
        lambda x: torch.stack([(x > 0.5), (x > 0.7), (x > 2)], dim=1).long(),
        {"[0]": 49, "[1]": 29},
    ),
    "one's own": (
        mv.Equivalence("rounded", lambda a, b: (a.round() != b.round()).any(dim=1)),
        lambda x: torch.stack([x * 0, x * 0], dim=1),
        lambda x: torch.stack([x * 0.4, (x > 0.5) * 0.9], dim=1),
        {"[1]": 49},
    ),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_what_the_equivalence_tolerates_is_no_difference(kind: str) -> None:
    equivalence, network, program, expected = OUTPUTS[kind]
    claim = mv.Interpretation(
        name=kind,
        components=("all",),
        concrete=(network,),
        abstract=(program,),
        alphas=(mv.identity,) * 2,
        gammas=(mv.identity,) * 2,
        equivalences=(mv.exact_labels, equivalence),
    )
    inputs = torch.arange(100) / 100
    (found,) = mv.locate_failures(claim, inputs).cells
    (cell,) = (each for each in mv.validate(claim, inputs).reports[0].cells if each.is_distinct)
    assert {part.part: part.disagreements for part in found.parts} == expected
    assert found.disagreements == cell.disagreements
    assert all(each.distance > equivalence.tolerance for each in found.worst)


def test_a_distance_that_takes_no_mixed_state_names_no_part() -> None:
    def of_equal_sums(first: Tensor, second: Tensor) -> Tensor:
        if (first.sum(dim=1) != 3).any() or (second.sum(dim=1) != 3).any():
            raise ValueError("these are no shares of 3")
        return (first != second).any(dim=1)

    claim = mv.Interpretation(
        name="shares",
        components=("all",),
        concrete=(lambda x: torch.stack([x, 3 - x], dim=1),),
        abstract=(lambda x: torch.stack([3 - x, x], dim=1),),
        alphas=(mv.identity,) * 2,
        gammas=(mv.identity,) * 2,
        equivalences=(mv.exact_labels, mv.Equivalence("shares", of_equal_sums)),
    )
    (found,) = mv.locate_failures(claim, torch.arange(4)).cells
    assert (found.disagreements, found.parts) == (4, ())


def test_errors_spread_evenly_concentrate_in_no_stratum(claim: mv.Interpretation) -> None:
    def wrong_everywhere(symbols: Tensor) -> Tensor:
        return (reverse(symbols) + 1) % 3

    wrong = replace(claim, abstract=(claim.abstract[0], wrong_everywhere, claim.abstract[2]))
    assert mv.locate_failures(wrong, INPUTS)[ATTEND].strata == ()


def test_the_batches_do_not_change_what_is_found(
    claim: mv.Interpretation, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(claim, abstract=(claim.abstract[0], blundering, claim.abstract[2]))
    whole = mv.locate_failures(wrong, INPUTS)
    monkeypatch.setattr(failing, "_BATCH", 10)
    assert mv.locate_failures(wrong, INPUTS) == whole


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strata": {"parity": [0]}}, r"strata.parity holds 1 values; allowed: one .* 81 samples"),
        ({"part_names": {"atend": ["a"]}}, r"names the component 'atend'; allowed: one of embed"),
        ({"part_names": {"attend": ["a"]}}, r"gives 1 names for a state of 4 parts; allowed"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    claim: mv.Interpretation, settings: dict, message: str
) -> None:
    with pytest.raises(MechvalError, match=message):
        mv.locate_failures(claim, INPUTS, **settings)
