import pytest
import torch

from mechval.axioms import EvidenceKind
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.claim.controls import half_of_the_numbers
from mechval.modular_addition.claim.translations import HALF_TOKENS, fit_translations
from mechval.modular_addition.claim.validation import Validation, validate
from mechval.modular_addition.interpretation import WaveProgram, make_interpretations
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition
from tests.settings import MODULAR_ADDITION, changed
from tests.waves import Subject, wave_network

PROBLEM = ModularAddition(p=23)
FREQUENCIES = (2, 5, 9)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject.of(PROBLEM, wave_network(PROBLEM, FREQUENCIES), FREQUENCIES)


@pytest.fixture(scope="module")
def half() -> torch.Tensor:
    return half_of_the_numbers(PROBLEM, torch.Generator().manual_seed(0))


def validate_again(subject: Subject, half: torch.Tensor) -> Validation:
    translations = fit_translations(
        subject.model,
        PROBLEM,
        subject.translations.selection,
        subject.activations,
        subject.split.train,
        half=half,
    )
    return validate(
        subject.model,
        PROBLEM,
        [translations],
        MODULAR_ADDITION.axioms,
        subject.split,
        half,
    )


@pytest.fixture(scope="module")
def validated(subject: Subject, half: torch.Tensor) -> Validation:
    return validate_again(subject, half)


@pytest.mark.parametrize("p", [5, 23, 59])
def test_the_program_adds(p: int) -> None:
    problem = ModularAddition(p=p)
    program = WaveProgram.of(p, Selection.of([1, 2]), decimals=3)
    tokens = problem.tokens(problem.all_pairs())
    found = program.best_residue(program.add(program.look_up(tokens)))
    assert found.equal(problem.answers(problem.all_pairs()))


def test_without_key_frequencies_there_is_nothing_to_translate_to(subject: Subject) -> None:
    with pytest.raises(MechvalError, match="The claim cannot be stated"):
        fit_translations(
            subject.model,
            PROBLEM,
            Selection.of([]),
            subject.activations,
            subject.split.train,
        )


def test_there_is_one_interpretation_per_variant(subject: Subject) -> None:
    config = changed(MODULAR_ADDITION.axioms, embedding_decimals=2, sum_decimals=0)
    made = make_interpretations(
        Components(subject.model),
        PROBLEM,
        subject.translations,
        config,
        config.readings,
    )
    names = [interpretation.name for interpretation in made]
    assert len(set(names)) == 2 * 2 * 4
    assert names[0] == "used/pseudo_inverse/rounded-2/downstream"
    assert "used/all_tokens/unrounded/rounded-0" in names
    assert dict(made[0].tags) == {
        "program": "used",
        "reading": "pseudo_inverse",
        "rounding": "rounded-2",
        "equivalence": "downstream",
    }


def test_every_estimate_says_whether_it_is_exact(validated: Validation) -> None:
    assert {(cell.kind, cell.n) for cell in validated.cells} == {
        (EvidenceKind.EXACT, 529),
        (EvidenceKind.EXACT, 144),
    }
    for cell in validated.cells:
        assert cell.epsilon == cell.rate
        for bounded in cell.strata.values():
            assert (bounded.kind, bounded.n) == (EvidenceKind.SAMPLED, 371)
            assert bounded.epsilon > bounded.rate or bounded.rate == 1


def test_cells_on_unseen_numbers_are_bounded_from_nothing(validated: Validation) -> None:
    for cell in validated.cells:
        is_half = cell.tags["reading"] == HALF_TOKENS
        assert (cell.n == 144) == is_half == (not cell.strata)


def test_exact_counts_include_the_held_out_ones(validated: Validation) -> None:
    for cell in validated.cells:
        for bounded in cell.strata.values():
            assert cell.disagreements >= bounded.disagreements


def test_the_true_interpretation_holds_where_the_network_is_its_program(
    validated: Validation,
) -> None:
    main = {cell.name: cell.disagreements for cell in validated.on_all[0].cells}
    assert main["prefix equivalence/embed"] == 0
    assert main["prefix equivalence/answer"] == 0
    assert main["prefix replaceability/embed"] == main["prefix replaceability/add"] == 0
    assert set(validated.on_all[0].inclusion_violations.values()) == {0}


def test_the_same_inputs_give_the_same_cells(
    subject: Subject, half: torch.Tensor, validated: Validation
) -> None:
    assert validate_again(subject, half).cells == validated.cells
