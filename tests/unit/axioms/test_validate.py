"""One call from a claim to a table, a verdict and files."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from experiments.bring_your_own import INPUTS, Reverser, interpret, label
from mechval import axioms as mv
from mechval.axioms.statistics import clopper_pearson_upper
from mechval.errors import MechvalError
from tests.unit.axioms import toy

NUMBERS = torch.arange(toy.N)


@pytest.fixture(scope="module")
def reversal() -> mv.Interpretation:
    return interpret(Reverser())


@pytest.fixture(scope="module")
def rivals(reversal: mv.Interpretation) -> mv.ValidationResult:
    wrong = replace(reversal, name="copy", abstract=(mv.identity, mv.identity, label))
    return mv.validate([reversal, wrong], INPUTS, domain_size=81)


def test_it_counts_what_the_suite_counts() -> None:
    result = mv.validate(toy.make_toy(), NUMBERS, batch_size=30)
    assert toy.counts(result.reports[0]) == toy.EXPECTED
    assert result.reports[0].confidence == 0.95


def test_a_true_claim_holds_and_a_false_one_fails(rivals: mv.ValidationResult) -> None:
    assert rivals.status("reversal") is mv.Status.HOLDS
    assert rivals.status("copy") is mv.Status.FAILS
    told = rivals.verdict
    assert told.startswith("reversal holds in all 8 cells (largest ε 0 at ")
    assert "copy fails in 5 of 8 cells (largest ε 0.889 at " in told
    assert "Cuts: verified on 81 samples." in told
    assert "Rule: a cell holds if its exact ε is at most 0.05" in told


def test_claims_are_compared_pairwise(rivals: mv.ValidationResult) -> None:
    rows = {row.cell: row for row in rivals.comparisons}
    row = rows["component equivalence/attend"]
    assert (row.first, row.second, row.only_first, row.only_second) == ("reversal", "copy", 0, 72)
    assert rows["prefix equivalence/embed"].p_value == 1


def test_what_the_cuts_let_pass_is_refused() -> None:
    class Skipping(Reverser):
        def forward(self, tokens: Tensor) -> Tensor:
            return super().forward(tokens) + self.W_E[tokens] @ self.W_U

    network = mv.CutNetwork(
        Skipping(), ["hook_attn_out"], example=INPUTS[:1], read_label=lambda x: x[:, 0].argmax(-1)
    )
    claim = mv.Interpretation(
        name="leaky",
        components=("first", "second"),
        concrete=network.components,
        abstract=(mv.identity, label),
        alphas=(mv.identity,) * 3,
        gammas=(mv.identity,) * 3,
        equivalences=(mv.exact_labels,) * 3,
    )
    with pytest.raises(MechvalError, match="cut hook_attn_out does not carry everything"):
        mv.validate(claim, INPUTS)


def test_components_of_ones_own_are_told_to_be_unverified() -> None:
    assert "Cuts: not verified" in mv.validate(toy.make_toy(), NUMBERS).verdict


def test_a_cell_that_cannot_fail_leaves_the_claim_without_verdict(
    reversal: mv.Interpretation,
) -> None:
    nothing = mv.Equivalence("nothing", lambda first, second: torch.zeros(len(first)))
    vacuous = replace(
        reversal, equivalences=(*reversal.equivalences[:1], nothing, *reversal.equivalences[2:])
    )
    result = mv.validate(vacuous, INPUTS, domain_size=81)
    assert result.status("reversal") is mv.Status.NO_VERDICT
    assert result.verdict.startswith("reversal has no verdict in 1 of 8 cells")


def test_batches_may_come_from_an_iterator_that_is_read_once() -> None:
    def drawn() -> Iterator[Tensor]:
        yield from NUMBERS.split(60)

    found = mv.validate(toy.make_toy(), drawn())
    assert found.reports[0].cells == mv.validate(toy.make_toy(), NUMBERS).reports[0].cells


def test_strata_by_name_are_bounded_each() -> None:
    strata = ["low" if number < 100 else "high" for number in range(toy.N)]
    (report,) = mv.validate(toy.make_toy(), NUMBERS, strata=strata).reports
    assert {name: each.n for name, each in report.cells[0].strata.items()} == {
        "low": 100,
        "high": 100,
    }
    with pytest.raises(MechvalError, match="strata holds 2 names for 200 of inputs"):
        mv.validate(toy.make_toy(), NUMBERS, strata=["low", "high"])


def test_the_size_of_the_domain_is_held_against_the_inputs() -> None:
    with pytest.raises(MechvalError, match="200 of domain_size=201 inputs"):
        mv.validate(toy.make_toy(), NUMBERS, domain_size=201)
    with pytest.raises(
        MechvalError, match="domain_size is given with inputs of type list_iterator"
    ):
        mv.validate(toy.make_toy(), iter([NUMBERS]), domain_size=200)


def test_the_result_tells_where_a_claim_fails(rivals: mv.ValidationResult, tmp_path: Path) -> None:
    holds, fails = rivals.failures
    assert not any(cell.disagreements for cell in holds.cells)
    assert [part.part for part in fails["component equivalence/attend"].parts] == [
        *("[0]", "[1]", "[2]", "[3]")
    ]
    assert "## component equivalence/attend: 72 of 81" in rivals.to_markdown()
    rivals.save(tmp_path)
    for without in (mv.load_result(tmp_path), mv.validate(toy.make_toy(), iter([NUMBERS]))):
        assert "fails\n" not in without.to_markdown()
        with pytest.raises(MechvalError, match="holds no inputs to run again"):
            _ = without.failures


def test_the_strata_are_a_factor_of_the_failures() -> None:
    strata = ["first" if number in toy.A else "rest" for number in range(toy.N)]
    (found,) = mv.validate(toy.make_toy(), NUMBERS, strata=strata).failures
    (stratum,) = found["prefix equivalence/parse"].strata
    assert (stratum.factor, stratum.stratum, stratum.n) == ("stratum", "first", toy.a)


def test_it_prints_as_a_table(rivals: mv.ValidationResult) -> None:
    lines = str(rivals).splitlines()
    assert lines[0].split()[-5:] == ["of", "all", "shuffled", "constant", "no-op"]
    assert re.fullmatch(r"copy +component equivalence +attend +72 +81 +0\.889 .* fails", lines[13])
    assert lines[-1] == rivals.verdict


def test_markdown_and_latex_hold_every_distinct_cell(rivals: mv.ValidationResult) -> None:
    assert rivals.to_markdown().count("| copy | ") >= 8
    assert rivals.to_latex().count("copy &") == 8
    assert r"$\varepsilon$" in rivals.to_latex()


def test_a_frame_needs_pandas_and_says_so(
    rivals: mv.ValidationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MechvalError, match="pandas is not installed"):
        rivals.to_frame()
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    frame = rivals.to_frame()
    assert len(frame) == 16
    assert frame[0]["epsilon"] == 0


def test_a_figure_needs_matplotlib_and_says_so(
    rivals: mv.ValidationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mechval.axioms.drawing", None)
    with pytest.raises(MechvalError, match="matplotlib is not installed"):
        rivals.figure()


def test_the_figure_has_a_panel_for_each_claim(rivals: mv.ValidationResult) -> None:
    panels = rivals.figure().axes
    assert [panel.get_title() for panel in panels] == ["reversal", "copy"]
    assert [len(panel.texts) for panel in panels] == [8, 8]


def test_a_result_is_read_back_as_it_was_saved(rivals: mv.ValidationResult, tmp_path: Path) -> None:
    rivals.save(str(tmp_path / "a"))
    again = mv.load_result(tmp_path / "a")
    assert str(again) == str(rivals)
    again.save(tmp_path / "b")
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", ["axioms.csv", "shuffled.csv", "disagreements.safetensors"])
def test_a_result_with_another_file_in_it_is_refused(
    rivals: mv.ValidationResult, tmp_path: Path, name: str
) -> None:
    rivals.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
    with pytest.raises(MechvalError, match=f"holds other files than .*{re.escape(name)}"):
        mv.load_result(tmp_path)


@pytest.mark.parametrize(("epsilon", "disagreements"), [(0.05, 0), (0.01, 3), (0.5, 20)])
def test_the_sample_size_is_the_smallest_that_suffices(epsilon: float, disagreements: int) -> None:
    n = mv.samples_for_epsilon(epsilon, 0.95, disagreements)
    assert clopper_pearson_upper(disagreements, n, 0.95) <= epsilon
    assert clopper_pearson_upper(disagreements, n - 1, 0.95) > epsilon


def test_a_batch_takes_four_forward_passes_for_three_components() -> None:
    """Its own, and one for each state that a γ writes; component by component they were seven."""
    n_passes = 0

    class Counted(Reverser):
        def forward(self, tokens: Tensor) -> Tensor:
            nonlocal n_passes
            n_passes += len(tokens) == len(INPUTS)
            return super().forward(tokens)

    claim = interpret(Counted())
    n_passes = 0
    mv.measure_axioms([claim], [mv.Batch(INPUTS, torch.zeros(len(INPUTS), dtype=torch.long))])
    assert n_passes == 4


def test_from_import_to_table_in_25_lines(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "BRING_YOUR_OWN.md").read_text(encoding="utf-8")
    block = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)[0]
    exec(compile(block, "BRING_YOUR_OWN.md", "exec"), {})
    assert "reversal holds in all 8 cells" in capsys.readouterr().out
    assert len([line for line in block.splitlines() if line.strip()]) <= 25


class Halves(nn.Module):
    """Two numbers to four logits; a network without labels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Identity(), nn.Identity()

    def forward(self, numbers: Tensor) -> Tensor:
        return self.second(torch.cat([self.first(numbers), -numbers], dim=1))


def test_logits_are_held_against_constants_per_position() -> None:
    network = mv.CutNetwork(Halves(), [], example=torch.zeros(1, 2), read_label=mv.identity)
    claim = mv.Interpretation(
        name="both signs",
        components=("all",),
        concrete=network.components,
        abstract=(lambda numbers: torch.cat([numbers, -numbers], dim=1),),
        alphas=(mv.identity,) * 2,
        gammas=(mv.identity,) * 2,
        equivalences=(mv.numbers_within(0.1),) * 2,
    )
    inputs = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    result = mv.validate(claim, inputs)
    assert [each.baseline for each in result.baselines] == [
        "best constant",
        "best per-position constant",
    ]
    assert min(each.lower for each in result.baselines) > 0.5
    assert result.status("both signs") is mv.Status.HOLDS
