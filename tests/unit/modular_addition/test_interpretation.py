import pytest
import torch

from mechval.errors import MechvalError
from mechval.modular_addition.claim.controls import half_of_the_numbers
from mechval.modular_addition.claim.fitting import fit_translations
from mechval.modular_addition.claim.program import WaveProgram
from mechval.modular_addition.claim.validation import (
    ALL,
    HELD_OUT,
    UNSEEN,
    Validation,
    validate,
    validation_rows,
)
from mechval.modular_addition.configs import AxiomsConfig
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition
from mechval.reporting.tables import Row
from tests.waves import CPU, Subject, wave_network

PROBLEM = ModularAddition(p=23)
FREQUENCIES = (2, 5, 9)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject.of(PROBLEM, wave_network(PROBLEM, FREQUENCIES), FREQUENCIES)


@pytest.fixture(scope="module")
def half() -> torch.Tensor:
    return half_of_the_numbers(PROBLEM, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def validated(subject: Subject, half: torch.Tensor) -> tuple[Validation, list[Row]]:
    translations = fit_translations(
        subject.model,
        PROBLEM,
        subject.translations.frequencies,
        subject.activations,
        subject.train,
        half=half,
    )
    found = validate(
        subject.model,
        PROBLEM,
        translations,
        AxiomsConfig(),
        train=subject.train,
        half=half,
        device=CPU,
    )
    return found, validation_rows(found, translations)


@pytest.mark.parametrize("p", [5, 23, 59])
def test_the_program_adds(p: int) -> None:
    problem = ModularAddition(p=p)
    program = WaveProgram.of(p, torch.tensor([1, 2]), decimals=3)
    tokens = problem.tokens(problem.all_pairs())
    found = program.best_residue(program.add(program.look_up(tokens)))
    assert found.equal(problem.answers(problem.all_pairs()))


def test_without_key_frequencies_there_is_nothing_to_translate_to(subject: Subject) -> None:
    with pytest.raises(MechvalError, match=r"key frequencies=\[\]"):
        fit_translations(
            subject.model,
            PROBLEM,
            torch.zeros(0, dtype=torch.long),
            subject.activations,
            subject.train,
        )


def test_there_is_one_interpretation_per_variant(subject: Subject) -> None:
    config = AxiomsConfig(embedding_decimals=2, sum_decimals=0)
    made = make_interpretations(
        Components(subject.model),
        PROBLEM,
        subject.translations,
        config,
        readings=config.readings,
        device=CPU,
    )
    names = [interpretation.name for interpretation in made]
    assert len(set(names)) == 2 * 2 * 4
    assert names[0] == "pseudo_inverse/rounded-2/downstream"
    assert "all_tokens/unrounded/rounded-0" in names


def test_every_row_says_which_inputs_and_whether_it_is_exact(
    validated: tuple[Validation, list[Row]],
) -> None:
    _, rows = validated
    kinds = {(row["inputs"], row["kind"], row["n"]) for row in rows}
    assert kinds == {(ALL, "exact", 529), (HELD_OUT, "sampled", 371), (UNSEEN, "exact", 144)}
    for row in rows:
        rate = row["rate"]
        assert isinstance(rate, float)
        if row["kind"] == "exact":
            assert row["epsilon"] == rate
        elif rate < 1:
            assert isinstance(row["epsilon"], float)
            assert row["epsilon"] > rate


def test_exact_counts_include_the_held_out_ones(validated: tuple[Validation, list[Row]]) -> None:
    _, rows = validated
    by_key = {
        (row["interpretation"], row["axiom"], row["component"], row["inputs"]): row for row in rows
    }
    for (name, axiom, component, inputs), row in by_key.items():
        if inputs == HELD_OUT:
            whole = by_key[name, axiom, component, ALL]
            assert int(str(whole["disagreements"])) >= int(str(row["disagreements"]))


def test_vacuous_readings_are_marked_from_their_sizes(
    validated: tuple[Validation, list[Row]],
) -> None:
    _, rows = validated
    marks = {(row["interpretation"].__str__().split("/")[0], row["alpha_1"]) for row in rows}
    # 23 numbers against 12 features: here the paper's reading can fail.
    assert marks == {
        ("pseudo_inverse", "23 points, 6 features"),
        ("all_tokens", "23 points, 12 features"),
        ("half_tokens", "11 points, 12 features"),
    }


def test_the_true_interpretation_holds_where_the_network_is_its_program(
    validated: tuple[Validation, list[Row]],
) -> None:
    found, _ = validated
    main = {cell.name: cell.disagreements for cell in found.on_all[0].cells}
    assert main["prefix equivalence/embed"] == 0
    assert main["prefix equivalence/answer"] == 0
    assert main["prefix replaceability/embed"] == main["prefix replaceability/add"] == 0
    assert set(found.on_all[0].inclusion_violations.values()) == {0}


def test_the_same_inputs_give_the_same_rows(
    subject: Subject, half: torch.Tensor, validated: tuple[Validation, list[Row]]
) -> None:
    translations = fit_translations(
        subject.model,
        PROBLEM,
        subject.translations.frequencies,
        subject.activations,
        subject.train,
        half=half,
    )
    again = validate(
        subject.model,
        PROBLEM,
        translations,
        AxiomsConfig(),
        train=subject.train,
        half=half,
        device=CPU,
    )
    assert validation_rows(again, translations) == validated[1]
