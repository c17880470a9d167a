"""One sum explained: each part is what the pieces it is made of say."""

import math

import pytest
import torch
from rich.console import Console

from mechval.errors import MechvalError
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.claim.translations import fit_translations
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.single.explain import Explained, explain_sum
from mechval.modular_addition.single.explain_view import explanation_parts
from tests.settings import MODULAR_ADDITION
from tests.unit.modular_addition.tiny import PROBLEM, tiny_network, tiny_split


@pytest.fixture(scope="module")
def explained() -> Explained:
    model = tiny_network()
    translations = fit_translations(
        model,
        PROBLEM,
        Selection.of([1, 2]),
        record_activations(model, PROBLEM),
        tiny_split().train,
    )
    return Explained(PROBLEM, model, translations, MODULAR_ADDITION.axioms)


def test_the_programs_side_is_the_sum(explained: Explained) -> None:
    found = explain_sum(explained, 3, 4)
    assert (found.right, found.program_answer, found.tokens) == (2, 2, ("3", "4", "="))
    for wave in found.waves:
        number = {"a": 3, "b": 4, "a + b": 7}[wave.number]
        angle = 2 * math.pi * wave.frequency * number / PROBLEM.p
        assert wave.program == pytest.approx((math.cos(angle), math.sin(angle)))
    assert [wave.number for wave in found.waves] == ["a", "a", "b", "b", "a + b", "a + b"]


def test_the_networks_side_is_its_own(explained: Explained) -> None:
    found = explain_sum(explained, 3, 4)
    logits = explained.model(torch.tensor([[3, 4, PROBLEM.equals_token]]))[0, -1].detach()
    assert found.answer == int(logits.argmax())
    best = found.candidates[0]
    assert best.logit == pytest.approx(float(logits[: PROBLEM.p].max()), abs=1e-5)
    assert found.margin == pytest.approx(best.logit - found.candidates[1].logit)


def test_each_label_that_differs_says_who_is_wrong(explained: Explained) -> None:
    for a in range(PROBLEM.p):
        found = explain_sum(explained, a, 1)
        labels = [cell for cell in found.cells if cell.network.isdecimal()]
        assert len(found.cells) == 8
        for cell in labels:
            sides = {"network": cell.network, "interpretation": cell.program}
            wrong = [name for name, side in sides.items() if int(side) != found.right]
            assert cell.disagrees == (cell.network != cell.program)
            expected = "" if not cell.disagrees else "both" if len(wrong) == 2 else wrong[0]
            assert cell.wrong == expected


@pytest.mark.parametrize(("a", "b"), [(5, 0), (0, -1)], ids=["too large", "negative"])
def test_a_number_outside_the_residues_is_refused(explained: Explained, a: int, b: int) -> None:
    with pytest.raises(MechvalError, match=r"=(5|-1) is not allowed; allowed: .* 0 to 4"):
        explain_sum(explained, a, b)


def test_the_view_shows_all_waves_and_cells(explained: Explained) -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(*explanation_parts(explain_sum(explained, 3, 4)), sep="\n")
    text = capture.get()
    assert text.count("prefix equivalence") == 3
    assert "Network and interpretation" in text
