"""The third network: every ε is 0 by construction, and what is made wrong shows where it must."""

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.bring_your_own import (
    INPUTS,
    Reverser,
    interpret,
    label,
    read,
    reverse,
    write_attended,
    write_embedded,
)
from mechval.axioms import (
    AxiomReport,
    Interpretation,
    enumerate_axioms,
    identity,
    load_interpretation,
    save_interpretation,
)
from mechval.errors import MechvalError

ROOT = Path(__file__).resolve().parents[2]
PARTS = (read, write_attended, write_embedded, reverse, label)
N_INPUTS, N_PALINDROMES = 3**4, 3**2


@pytest.fixture(scope="module")
def claim() -> Interpretation:
    return interpret(Reverser())


def enumerate_all(claim: Interpretation) -> AxiomReport:
    return enumerate_axioms(claim, INPUTS, domain_size=N_INPUTS)


def failing(report: AxiomReport) -> dict[str, int]:
    return {cell.name: cell.disagreements for cell in report.cells if cell.disagreements}


def test_every_epsilon_is_exactly_0_on_all_81_inputs(claim: Interpretation) -> None:
    report = enumerate_all(claim)
    assert [(cell.n, cell.epsilon) for cell in report.cells] == [(N_INPUTS, 0.0)] * 12


def test_the_network_reverses(claim: Interpretation) -> None:
    state = INPUTS
    for component in claim.concrete:
        state = component(state)
    assert torch.equal(state, label(INPUTS.flip(1)))


def test_a_program_that_does_not_reverse_fails_on_all_but_palindromes(
    claim: Interpretation,
) -> None:
    wrong = replace(claim, abstract=(identity, identity, label))
    n_wrong = N_INPUTS - N_PALINDROMES
    assert failing(enumerate_all(wrong)) == {
        "prefix equivalence/attend": n_wrong,
        "prefix equivalence/unembed": n_wrong,
        "component equivalence/attend": n_wrong,
        "prefix replaceability/attend": n_wrong,
        "prefix replaceability/unembed": n_wrong,
        "component replaceability/attend": n_wrong,
    }


@pytest.mark.parametrize(
    ("index", "component", "gamma"),
    [
        (1, "embed", lambda symbols: write_embedded(reverse(symbols))),
        (2, "attend", lambda symbols: write_attended(reverse(symbols))),
    ],
    ids=["first", "second"],
)
def test_a_wrong_gamma_fails_in_the_two_replaceabilities_of_its_component(
    claim: Interpretation, index: int, component: str, gamma: Callable[..., torch.Tensor]
) -> None:
    gammas = (*claim.gammas[:index], gamma, *claim.gammas[index + 1 :])
    n_wrong = N_INPUTS - N_PALINDROMES
    assert failing(enumerate_all(replace(claim, gammas=gammas))) == {
        f"prefix replaceability/{component}": n_wrong,
        f"component replaceability/{component}": n_wrong,
    }


def test_a_wrong_alpha_fails_where_it_is_read(claim: Interpretation) -> None:
    wrong = replace(claim, alphas=(identity, lambda state: reverse(read(state)), read, identity))
    assert failing(enumerate_all(wrong)).keys() == {
        "prefix equivalence/embed",
        "component equivalence/embed",
        "component equivalence/attend",
        "component replaceability/attend",
    }


def test_a_network_with_another_head_fails_from_that_head_on() -> None:
    model = Reverser()
    model.W_QK.data.zero_()
    found = failing(enumerate_all(interpret(model)))
    assert "component equivalence/attend" in found
    assert not any("embed" in name.split("/")[1:] for name in found if "equivalence" in name)


def test_a_skip_beside_the_attention_makes_its_output_no_cut() -> None:
    class Skipping(Reverser):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return super().forward(tokens) + self.W_E[tokens] @ self.W_U

    with pytest.raises(MechvalError, match="cut hook_resid_pre does not carry everything"):
        interpret(Skipping())


def test_the_claim_survives_a_round_trip_through_its_spec(
    claim: Interpretation, tmp_path: Path
) -> None:
    save_interpretation(claim, tmp_path)
    found = enumerate_all(load_interpretation(tmp_path, claim.concrete, PARTS))
    expected = enumerate_all(claim)
    assert found.cells == expected.cells
    for cell, disagrees in expected.disagreements.items():
        assert torch.equal(found.disagreements[cell], disagrees)


def test_the_command_prints_the_axiom_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(RuntimeWarning, match="found in sys.modules"):
        runpy.run_module("experiments.bring_your_own", run_name="__main__")
    assert capsys.readouterr().out.count("0 of 81 (ε 0)") == 12


def test_the_example_has_at_most_60_lines_of_code() -> None:
    text = (ROOT / "experiments" / "bring_your_own.py").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 60


def test_the_tutorial_runs_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "BRING_YOUR_OWN.md").read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "tutorial"}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, "BRING_YOUR_OWN.md", "exec"), names)
    out = capsys.readouterr().out
    assert "\ncut hook_attn_out does not carry everything" in out
    assert out.count("0 of 81, ε = 0.0") == 12
