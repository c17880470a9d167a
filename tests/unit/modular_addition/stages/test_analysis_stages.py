"""Stages circuit, axioms and report, on a network written by hand, without the pipeline."""

import json
import shutil
from pathlib import Path

import pytest

from mechval.axioms import (
    EvidenceKind,
    clopper_pearson_lower,
    clopper_pearson_upper,
    load_disagreements,
)
from mechval.errors import MechvalError
from mechval.modular_addition.configs import DataConfig, ModularAdditionSettings
from mechval.modular_addition.network.dataset import draw_split, save_split
from mechval.modular_addition.network.training import WEIGHTS
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.report.report import render_report
from mechval.modular_addition.report.report_tables import load_tables
from mechval.modular_addition.stages import axioms, certify, circuit, progress, report
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.ledger import load_ledger
from mechval.reporting.tables import read_csv, write_csv, write_json
from mechval.transformer import Transformer, save_weights
from tests.unit.modular_addition.circuit.test_extract import random_network
from tests.waves import wave_network

PROBLEM = ModularAddition(p=23)
STAGES = {
    "circuit": circuit.run,
    "axioms": axioms.run,
    "progress": progress.run,
    "certify": certify.run,
    "report": report.run,
}


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


def test_the_last_losses_of_the_training_are_those_of_the_circuit(finished: Path) -> None:
    last = read_csv(finished / "progress" / "losses.csv")[-1]
    circuit = {
        (row["logits"], row["inputs"]): (row["loss"], row["n"])
        for row in read_csv(finished / "circuit" / "losses.csv")
    }
    for name, where in {
        "train": ("full", "train"),
        "test": ("full", "held-out"),
        "restricted": ("restricted", "all"),
        "excluded": ("excluded", "train"),
    }.items():
        assert (last[f"{name}_loss"], last[f"{name}_n"]) == circuit[where]


def test_losses_over_the_training_are_shown_only_if_there_are_snapshots(
    finished: Path, tmp_path: Path
) -> None:
    assert "losses-over-training" not in (finished / "report" / "README.md").read_text()
    root = tmp_path / "with-snapshots"
    shutil.copytree(finished, root)
    table = root / "progress" / "losses.csv"
    final = read_csv(table)[0]
    early = final | {"phase": "training", "step": "0", "examples": "0"}
    write_csv([early, final], table)
    directories = {name: root / name for name in ("train", *STAGES)}
    page = render_report(load_tables(PROBLEM, "own", 0, directories))
    assert "(../progress/figures/losses-over-training.svg)" in page


def test_there_are_no_rows_beside_the_paper_for_another_modulus(finished: Path) -> None:
    assert not (finished / "report" / "paper.csv").exists()
    metrics = json.loads((finished / "report" / "metrics.json").read_text())
    assert metrics["verdicts"] == {}


def test_every_row_of_the_axioms_says_its_kind(finished: Path) -> None:
    rows = read_csv(finished / "axioms" / "axioms.csv")
    assert {row["kind"] for row in rows} == {"exact", "sampled"}
    assert len(rows) == 12 * (2 * 16 + 8)


def test_the_ledger_counts_every_distinct_cell_on_all_inputs(finished: Path) -> None:
    statements = load_ledger(finished / "certify")
    table = [
        row for row in read_csv(finished / "axioms" / "axioms.csv") if row["is_distinct"] == "True"
    ]
    everywhere = [row for row in table if row["inputs"] == "all inputs"]
    exact = [s for s in statements if s.kind is EvidenceKind.EXACT and s.domain == "all inputs"]
    assert len(statements) == len(table)
    assert {s.total for s in exact} == {PROBLEM.n_pairs}
    assert [(s.interpretation, s.axiom, s.component, s.count_lower) for s in exact] == [
        (row["interpretation"], row["axiom_name"], row["component"], int(row["disagreements"]))
        for row in everywhere
    ]


def test_what_the_held_out_inputs_bound_is_called_sampled(finished: Path) -> None:
    sampled = [s for s in load_ledger(finished / "certify") if s.kind is EvidenceKind.SAMPLED]
    assert sampled
    assert all(s.total is None and s.n and s.n < PROBLEM.n_pairs for s in sampled)


def test_every_exact_rate_lies_in_the_interval_that_the_held_out_inputs_give(
    finished: Path,
) -> None:
    statements = load_ledger(finished / "certify")
    exact = {
        (s.interpretation, s.axiom, s.component): s
        for s in statements
        if s.kind is EvidenceKind.EXACT and s.domain == "all inputs"
    }
    sampled = [s for s in statements if s.kind is EvidenceKind.SAMPLED]
    for statement in sampled:
        counted = exact[statement.interpretation, statement.axiom, statement.component]
        assert counted.value_lower is not None
        assert statement.count_lower is not None
        assert statement.n is not None
        lower = clopper_pearson_lower(statement.count_lower, statement.n, 0.9995)
        upper = clopper_pearson_upper(statement.count_lower, statement.n, 0.9995)
        # The held-out inputs are judged by translations fitted on the others.
        assert lower <= counted.value_lower <= upper


def test_failing_pairs_are_the_first_ones_of_the_main_interpretation(finished: Path) -> None:
    table = read_csv(finished / "certify" / "counterexamples.csv")
    audit = load_disagreements(finished / "axioms" / "disagreements.safetensors")
    for row in table:
        disagrees = audit.disagreements[audit.cells.index(row["cell"])]
        index = int(row["a"]) * PROBLEM.p + int(row["b"])
        earlier = int(disagrees[:index].sum())
        assert bool(disagrees[index])
        assert earlier < 5
        assert int(row["disagreements"]) == int(disagrees.sum())


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
    directories = {name: root / name for name in ("train", *STAGES)}
    with pytest.raises(MechvalError, match=r"decimals\.csv is not the table"):
        load_tables(PROBLEM, "own", 0, directories)
