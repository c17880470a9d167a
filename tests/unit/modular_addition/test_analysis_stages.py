"""Stages circuit, axioms and report, on a network written by hand, without the pipeline."""

import json
import shutil
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.modular_addition.dataset import DataConfig, draw_split, save_split
from mechval.modular_addition.network import WEIGHTS
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.report_tables import load_tables
from mechval.modular_addition.settings import ModularAdditionSettings
from mechval.modular_addition.stages import axioms, circuit, report
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.tables import read_csv, write_csv, write_json
from mechval.transformer import Transformer, save_weights
from tests.unit.modular_addition.test_circuit import random_network
from tests.waves import wave_network

PROBLEM = ModularAddition(p=23)
STAGES = {"circuit": circuit.run, "axioms": axioms.run, "report": report.run}


def settings_for(model: Transformer) -> ModularAdditionSettings:
    return ModularAdditionSettings.model_validate(
        {
            "problem": {"p": PROBLEM.p},
            "data": {},
            "architecture": model.architecture.model_dump(),
            "training": {"max_steps": 2, "evaluate_every_steps": 1},
            "circuit": {},
            "axioms": {},
        }
    )


def run_stages(model: Transformer, root: Path, names: tuple[str, ...]) -> None:
    """Write what data and train would have left, then run the named stages."""
    upstream = {name: StageArtifacts(root / name, root / "bulk") for name in ("data", "train")}
    save_split(draw_split(PROBLEM, DataConfig(), 0), PROBLEM, root / "data")
    (root / "train").mkdir()
    save_weights(model, root / "train" / WEIGHTS)
    part = {"n": 2, "wrong_count": 0}
    write_json(part | {"train": part, "test": part}, root / "train" / "metrics.json")
    write_json(
        {
            "has_grokked": False,
            "grokked_at_step": None,
            "has_settled": False,
            "memorised_at_step": 1,
            "steps": 2,
        },
        root / "train" / "grokking.json",
    )
    point = {"train_loss": 1.0, "test_loss": 2.0, "train_accuracy": 1.0, "test_accuracy": 0.5}
    write_csv([{"step": 0} | point, {"step": 2} | point], root / "train" / "learning_curve.csv")
    for name in names:
        directory = root / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        STAGES[name](
            StageContext(
                settings=settings_for(model),
                seed=0,
                device="cpu",
                directory=directory,
                bulk=root / "bulk",
                scratch=root / "scratch",
                upstream=dict(upstream),
            )
        )
        upstream[name] = StageArtifacts(directory, root / "bulk")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stages")
    run_stages(wave_network(PROBLEM, (2, 5, 9)), root, tuple(STAGES))
    return root


def test_the_report_names_what_was_found(finished: Path) -> None:
    page = (finished / "report" / "README.md").read_text(encoding="utf-8")
    assert "Key frequencies: 2, 5, 9" in page
    assert "own model, not the paper's" in page
    assert "**did not grok**" in page
    assert "**The train loss had not settled**" in page
    assert "Left out: the paper reports p = 113, this run has p = 23" in page
    for line in page.splitlines():
        if line.startswith("!["):
            name = line.split("(")[1].removesuffix(")")
            assert (finished / "report" / name).is_file()


def test_there_are_no_rows_beside_the_paper_for_another_modulus(finished: Path) -> None:
    assert not (finished / "report" / "paper.csv").exists()
    metrics = json.loads((finished / "report" / "metrics.json").read_text())
    assert metrics["verdicts"] == {}


def test_every_row_of_the_axioms_says_its_kind(finished: Path) -> None:
    rows = read_csv(finished / "axioms" / "axioms.csv")
    assert {row["kind"] for row in rows} == {"exact", "sampled"}
    assert len(rows) == 12 * (2 * 16 + 8)


def test_the_same_inputs_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    run_stages(wave_network(PROBLEM, (2, 5, 9)), tmp_path, ("circuit", "axioms"))
    for name in ("circuit", "axioms"):
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert len(files) > 4
        for path in files:
            twin = finished / path.relative_to(tmp_path)
            assert path.read_bytes() == twin.read_bytes()


def test_a_network_without_key_frequencies_has_a_circuit_and_no_axioms(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"key frequencies=\[\]"):
        run_stages(random_network(), tmp_path, ("circuit", "axioms"))
    facts = json.loads((tmp_path / "circuit" / "metrics.json").read_text())
    assert facts["key_frequencies"] == []


def test_a_damaged_table_is_refused_by_the_report(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(finished, root)
    path = root / "axioms" / "decimals.csv"
    path.write_text(path.read_text().replace("exact", "nearly", 1))
    directories = {name: root / name for name in ("train", "circuit", "axioms")}
    with pytest.raises(MechvalError, match=r"decimals\.csv is not the table"):
        load_tables(PROBLEM, "own", 0, directories)
