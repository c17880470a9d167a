"""The gallery's claims hold where they should and fail where they should."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from experiments import validate
from experiments.gallery import addition, brackets, compiled, induction, maximum
from experiments.gallery.published import Published
from mechval import axioms as mv
from mechval.axioms.base import State
from mechval.axioms.paired import PairedRow, compare_pairs
from mechval.axioms.states import n_samples, pick
from mechval.errors import MechvalError

GALLERY = Path(addition.__file__).parent


def published(path: Path) -> Published:
    if not path.exists():
        pytest.skip(f"the published checkpoint {path.name} is not here")
    return Published(path)


def n_failing(report: mv.AxiomReport) -> dict[str, int]:
    return {cell.name: cell.disagreements for cell in report.cells if cell.disagreements}


@pytest.mark.parametrize("path", sorted(GALLERY.glob("*.py")), ids=lambda path: path.stem)
def test_an_exhibit_has_at_most_70_lines_of_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 70


def test_a_checkpoint_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"net\.pth does not exist; allowed: a published"):
        Published(tmp_path / "net.pth")


QUESTIONS = {
    "experiments.gallery.compiled:reverse": "reverse",
    "experiments.gallery.compiled:sort": "sort",
    "experiments.gallery.maximum:question": "maximum",
    "experiments.gallery.brackets:question": "count-and-horizon",
    "experiments.gallery.induction:question": "first-chunk",
    "experiments.gallery.addition:question": "one-digit",
    "experiments.gallery.hugging_face:question": "itself",
    "experiments.gallery.hugging_face:bert_question": "itself",
    "experiments.gallery.bridge:question": "itself",
}


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where an exhibit is shown, made once."""

    @cache
    def shown(reference: str) -> Path:
        place = tmp_path_factory.mktemp("gallery")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            asked = validate.load_question(reference)
            # As few inputs as tell the same: how many in full is the exhibit's own affair.
            some = asked if asked.domain_size else replace(asked, inputs=few(asked.inputs))
            patch.setattr(validate, "load_question", lambda _: some)
            return place / validate.main(reference)

    return shown


@pytest.mark.parametrize("reference", QUESTIONS)
def test_an_exhibit_has_its_page(reference: str, folder_of: Callable[[str], Path]) -> None:
    try:
        folder = folder_of(reference)
    except MechvalError as refusal:
        # A checkpoint or a package that is not here.
        if not re.search(r"does not exist|No module named 'transformer", str(refusal)):
            raise
        pytest.skip(str(refusal))
    assert folder.name == QUESTIONS[reference]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Is the claim confirmed?" in page
    assert "What else would pass?" in page


def few(inputs: State) -> State:
    return pick(inputs, range(min(60, n_samples(inputs))))


MUTANTS = {  # by program and variable, what is wrong and stands in its place
    ("reverse", "length"): lambda of: torch.full_like(of["tokens"], compiled.LENGTH),
    ("reverse", "opp_idx"): lambda of: of["length"] - of["indices"] % 3,
    ("reverse", "opp_idx-1"): lambda of: of["indices"],
    ("reverse", "reverse"): lambda of: of["tokens"],
    ("sort", "sequence_map"): lambda of: of["tokens"] - of["indices"] / compiled.LENGTH,
    ("sort", "target_pos"): lambda of: (
        of["sequence_map"][:, None] > of["sequence_map"][:, :, None]
    ).sum(dim=2),
    ("sort", "sort"): lambda of: of["tokens"].sort(dim=1, descending=True).values,
}


class TestCompiled:
    @pytest.mark.parametrize("name", compiled.PROGRAMS)
    def test_a_compiled_program_is_exactly_right(self, name: str) -> None:
        claim = compiled.interpret(name, compiled.PROGRAMS[name])
        assert not n_failing(mv.enumerate_axioms(claim, compiled.INPUTS, domain_size=120))

    @pytest.mark.parametrize(("name", "variable"), MUTANTS)
    def test_a_mutated_program_fails_from_there_on(self, name: str, variable: str) -> None:
        mutated = {**compiled.PROGRAMS[name], variable: MUTANTS[name, variable]}
        claim = compiled.interpret(name, mutated)
        failing = n_failing(mv.enumerate_axioms(claim, compiled.INPUTS, domain_size=120))
        assert f"component equivalence/{variable}" in failing
        assert f"component replaceability/{variable}" in failing
        before = list(mutated)[: list(mutated).index(variable)]
        assert not any(cell.endswith(f"/{each}") for cell in failing for each in before)


BAG = {claim.name: claim for claim in brackets.question().claims}


class TestBrackets:
    @pytest.mark.parametrize(
        ("name", "n_wrong"),
        [("count and horizon", 0), ("count", 56), ("horizon", 56), ("first and last", 50)],
    )
    def test_only_the_right_claim_of_the_bag_stands(self, name: str, n_wrong: int) -> None:
        failing = n_failing(mv.enumerate_axioms(BAG[name], brackets.INPUTS, domain_size=256))
        assert failing.get("prefix equivalence/tell", 0) == n_wrong
        assert failing.get("component replaceability/check", 0) == n_wrong
        assert ("component equivalence/check" in failing) == bool(n_wrong)

    def test_the_table_says_which_one_stands(self, folder_of: Callable[[str], Path]) -> None:
        result = mv.load_result(folder_of("experiments.gallery.brackets:question"))
        holding = [name for name in BAG if result.status(name) is mv.Status.HOLDS]
        assert holding == ["count and horizon"]

    def test_where_the_count_alone_fails_is_after_a_closing_bracket(self) -> None:
        failures = mv.locate_failures(
            BAG["count"], brackets.INPUTS, part_names={"check": ["dips", "ends"]}
        )
        found = failures["component equivalence/check"]
        assert [part.part for part in found.parts] == ["dips"]
        assert "input [0]" in {stratum.factor for stratum in found.strata}


@pytest.fixture(scope="module")
def heads() -> dict[str, mv.Failures]:
    model, inputs = published(induction.PATH), induction.draw(400, seed=1)
    return {
        name: mv.locate_failures(induction.interpret(model, name), inputs)
        for name in induction.CLAIMS
    }


class TestInduction:
    def test_previous_token_everywhere_is_refuted(self, heads: dict[str, mv.Failures]) -> None:
        everywhere = heads["everywhere"]
        assert everywhere["prefix equivalence/see previous"].disagreements == 400
        assert everywhere["prefix equivalence/match"].disagreements == 400

    def test_the_positions_that_fail_are_those_behind_the_first_chunk(
        self, heads: dict[str, mv.Failures]
    ) -> None:
        parts = heads["everywhere"]["prefix equivalence/see previous"].parts
        assert {f"1[{place}]" for place in range(26)}.isdisjoint(part.part for part in parts)

    def test_the_claim_about_the_first_chunk_stands(self, heads: dict[str, mv.Failures]) -> None:
        first = heads["first chunk"]
        assert first["prefix equivalence/see previous"].disagreements == 0
        for cell in ("prefix equivalence/match", "prefix replaceability/see previous"):
            assert 0.1 < mv.clopper_pearson_upper(first[cell].disagreements, 400, 0.95) < 0.15


@pytest.fixture(scope="module")
def carries() -> Sequence[mv.AxiomReport]:
    claims = addition.interpret(published(addition.PATH), addition.draw(4000, seed=0))
    inputs = addition.draw(4000, seed=1)
    return mv.evaluate_axioms(
        claims,
        [mv.Batch(inputs, torch.zeros(len(inputs), dtype=torch.long))],
        strata_names=("all",),
        mixtures={},
        confidence=0.95,
        constant_label=0,
    )


class TestAddition:
    cell = "prefix equivalence/carry"

    def test_the_answer_is_predicted_to_2_percent(self, carries: Sequence[mv.AxiomReport]) -> None:
        exact = {cell.name: cell for cell in carries[-1].cells}[self.cell]
        assert exact.epsilon < 0.02

    def test_a_carry_of_one_digit_is_worse_on_the_same_inputs(
        self, carries: Sequence[mv.AxiomReport]
    ) -> None:
        pairs = {(row.first, row.second): row for row in compare_pairs(carries, self.cell, 0.95)}
        assert pairs["one digit", "exact"].low > 0.03

    def test_a_carry_of_two_digits_is_not_told_from_the_exact_one(
        self, carries: Sequence[mv.AxiomReport]
    ) -> None:
        row: PairedRow = compare_pairs(carries[1:], self.cell, 0.95)[0]
        assert row.p_value > 0.05
        assert row.high - row.low < 0.01

    def test_attention_does_not_know_the_sum_yet(self, carries: Sequence[mv.AxiomReport]) -> None:
        for report in carries:
            cells = {cell.name: cell for cell in report.cells}
            assert cells["prefix equivalence/attend"].rate > 0.5
            assert cells["prefix replaceability/attend"].rate > 0.3


@pytest.fixture(scope="module")
def maximal() -> mv.ValidationResult:
    asked = maximum.question(n=20_000)
    return mv.validate(asked.claim, asked.inputs)


class TestMaximum:
    def test_the_whole_explanation_holds(self, maximal: mv.ValidationResult) -> None:
        assert maximal.status("maximum") is mv.Status.HOLDS
        assert max(cell.epsilon for cell in maximal.reports[0].cells) < 1e-3

    def test_published_bounds_stand_beside(self, maximal: mv.ValidationResult) -> None:
        assert re.fullmatch(
            r"Accuracy at least 0\.999\d here; .*brute force 0\.9992, cubic 0\.9845, .*0\.832\.",
            maximum.beside(maximal),
        )

    def test_attention_on_the_smallest_number_is_refuted(self) -> None:
        asked = maximum.question(n=1000)
        (claim,) = asked.claims
        smallest = replace(claim, abstract=(lambda x: (x, x.argmin(dim=1)), *claim.abstract[1:]))
        found = n_failing(mv.validate(smallest, asked.inputs).reports[0])
        assert found["component equivalence/look"] > 900
