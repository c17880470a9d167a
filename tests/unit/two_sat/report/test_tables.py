import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem
from tests.unit.two_sat.report.toy_results import read_results, write_results

PROBLEM = Problem(n_variables=3, n_clauses=4)
OPTIONAL = ("train/learning_curve.csv", "train/snapshots.csv")
TABLES = (
    "data/metrics.json",
    "train/metrics.json",
    "circuit/metrics.json",
    "circuit/neurons.csv",
    "circuit/mean_activations.csv",
    "circuit/evidence/coverage.csv",
    "circuit/attention.csv",
    "axioms/axioms.csv",
    "axioms/interpretations.csv",
)

Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("results") / "run"
    write_results(root, PROBLEM)
    return root


@pytest.fixture
def results(intact, tmp_path) -> Path:
    return shutil.copytree(intact, tmp_path / "run")


@pytest.mark.parametrize("name", [*TABLES, *OPTIONAL])
def test_a_missing_table_is_named(results, name):
    (results / name).unlink()
    with pytest.raises(MechvalError, match=rf"{name} is missing"):
        read_results(results, PROBLEM)


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_imported_network_needs_no_table_of_its_training(results, name):
    (results / name).unlink()
    assert read_results(results, PROBLEM, "published").curve == ()


DAMAGES: dict[str, Damage] = {
    "emptied": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "not text": lambda content: b"\xff\xfe" + content,
    "without numbers": lambda content: bytes(
        ord("x") if chr(byte).isdigit() else byte for byte in content
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("name", [*TABLES, *OPTIONAL])
def test_a_damaged_table_is_named(results, name, damage):
    path = results / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MechvalError, match=rf"{name} is not the table"):
        read_results(results, PROBLEM)


def test_a_missing_column_is_named(results):
    path = results / "axioms" / "axioms.csv"
    path.write_text(path.read_text("utf-8").replace("epsilon_simultaneous", "other"), "utf-8")
    with pytest.raises(MechvalError, match=r"epsilon_simultaneous: Field required"):
        read_results(results, PROBLEM)


@pytest.mark.parametrize("name", ["circuit/mean_activations.csv", "axioms/axioms.csv"])
def test_a_table_that_lacks_a_row_is_named(results, name):
    path = results / name
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    with pytest.raises(MechvalError, match=rf"{name} is not the table .* rows instead of"):
        read_results(results, PROBLEM)


def test_an_undefined_epsilon_is_refused(results):
    path = results / "axioms" / "axioms.csv"
    lines = path.read_text("utf-8").splitlines()
    column = lines[0].split(",").index("epsilon")
    cells = lines[1].split(",")
    cells[column] = "nan"
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", "utf-8")
    with pytest.raises(MechvalError, match=r"axioms.csv is not the table .*epsilon"):
        read_results(results, PROBLEM)


def test_a_diverged_loss_is_not_refused(results):
    path = results / "train" / "learning_curve.csv"
    path.write_text(path.read_text("utf-8").replace("0.2,", "nan,"), "utf-8")
    assert (
        read_results(results, PROBLEM).curve[0].train_loss
        != read_results(results, PROBLEM).curve[0].train_loss
    )


def test_a_column_that_is_not_declared_is_refused(results):
    path = results / "circuit" / "attention.csv"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(f"{line},more" for line in lines) + "\n", "utf-8")
    with pytest.raises(MechvalError, match=r"attention.csv is not the table .*unknown column"):
        read_results(results, PROBLEM)
