"""Stages ``nulls`` and ``progress``: tables of many networks, verifiable in a fresh clone."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.pipeline import (
    StageArtifacts,
    StageContext,
    Workspace,
    run_stages,
    verify_stages,
)
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.improved.fitted import FittedPrograms, improved_reading, save_programs
from mechval.two_sat.configs import ModelSource
from mechval.two_sat.network.training import load_network
from mechval.two_sat.stages import improve, nulls
from mechval.two_sat.study import STUDY
from tests.networks import SMALL_ARCHITECTURE, SMALL_PROBLEM
from tests.unit.transformer.test_foreign_checkpoint import foreign_weights
from tests.unit.two_sat.programs.test_voting import random_program
from tests.unit.two_sat.stages.test_stages import RUN, place, rows, settings

STEPS = [("training", step) for step in ("0", "1", "12")]
STEPS += [("finishing", step) for step in ("0", "1", "8")]
STEPS += [("final", "")]
Edit = Callable[[list[dict[str, str]]], None]


@pytest.fixture(scope="module")
def finished(tiny_run: Workspace) -> Workspace:
    return tiny_run


@pytest.fixture
def fresh_clone(finished: Workspace, tmp_path: Path) -> Workspace:
    """The finished run without the snapshots, which are untracked."""
    shutil.copytree(finished.root, tmp_path / "clone")
    clone = Workspace(tmp_path / "clone")
    shutil.rmtree(clone.stage("two_sat", "tiny", "train").bulk)
    return clone


def edit(path: Path, change: Edit) -> None:
    table = rows(path)
    change(table)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def failures(workspace: Workspace, stage: str) -> list[str]:
    return [
        item.path for item in verify_stages(STUDY, settings(), [stage], workspace, RUN).failures
    ]


def test_both_null_networks_have_the_whole_axiom_table(finished: Workspace) -> None:
    table = rows(place(finished, "nulls") / "nulls.csv")
    facts = nulls.METRICS.read(place(finished, "nulls"))
    for network, told in (("untrained", facts.untrained), ("shuffled", facts.shuffled)):
        names = [row["interpretation"] for row in table if row["network"] == network]
        assert set(map(names.count, names)) == {12}
        assert len({*names, *told.refusals}) == 4


def test_a_null_network_never_beats_the_constant_program(finished: Workspace) -> None:
    verdicts = {row["verdict"] for row in rows(place(finished, "nulls") / "nulls.csv")}
    assert "better than constant" not in verdicts


def test_the_shuffled_network_is_kept_and_its_accuracies_are_counted(finished: Workspace) -> None:
    directory = place(finished, "nulls")
    load_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, directory / "shuffled.safetensors")
    metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["shuffled"]["shuffled_labels"]["n"] == 40
    assert metrics["shuffled"]["n"] == 80


def test_progress_has_every_snapshot_in_order_and_the_final_network(finished: Workspace) -> None:
    directory = place(finished, "progress")
    table = rows(directory / "progress.csv")
    assert list(dict.fromkeys((row["phase"], row["step"]) for row in table)) == STEPS
    assert [(row["phase"], row["step"]) for row in rows(directory / "snapshots.csv")] == STEPS


def test_the_final_network_is_the_last_snapshot(finished: Workspace) -> None:
    table = rows(place(finished, "progress") / "progress.csv")

    def counted(phase: str, step: str) -> list[tuple[str, ...]]:
        return [
            (row["interpretation"], row["axiom"], row["component"], row["disagreements"])
            for row in table
            if (row["phase"], row["step"]) == (phase, step)
        ]

    assert counted("final", "") == counted("finishing", "8")


@pytest.mark.parametrize("stage", ["nulls", "progress"])
def test_a_finished_table_verifies(finished: Workspace, stage: str) -> None:
    assert failures(finished, stage) == []


@pytest.mark.parametrize("stage", ["nulls", "progress"])
def test_a_fresh_clone_verifies(fresh_clone: Workspace, stage: str) -> None:
    assert failures(fresh_clone, stage) == []


def wrong_count(index: int) -> Edit:
    def change(table: list[dict[str, str]]) -> None:
        table[index]["accuracy" if "accuracy" in table[index] else "disagreements"] = "77"

    return change


@pytest.mark.parametrize(
    ("stage", "name"),
    [("nulls", "nulls.csv"), ("progress", "progress.csv"), ("progress", "snapshots.csv")],
)
def test_a_wrong_number_is_found(fresh_clone: Workspace, stage: str, name: str) -> None:
    edit(place(fresh_clone, stage) / name, wrong_count(-1))
    assert name in failures(fresh_clone, stage)


def test_a_wrong_number_of_an_early_snapshot_is_found_while_the_snapshot_is_there(
    finished: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(finished.root, tmp_path / "copy")
    copy = Workspace(tmp_path / "copy")
    edit(place(copy, "progress") / "progress.csv", wrong_count(0))
    assert "progress.csv" in failures(copy, "progress")


def test_a_published_model_has_the_final_network_only(tmp_path: Path) -> None:
    path = tmp_path / "published.pth"
    torch.save({"model": foreign_weights()}, path)
    made: Any = settings(ModelSource(kind="published", path=str(path)))
    workspace = Workspace(tmp_path)
    run_stages(STUDY, made, ["data", "train", "progress"], workspace, RUN)
    directory = place(workspace, "progress")
    assert {row["phase"] for row in rows(directory / "progress.csv")} == {"final"}
    assert not (directory / "figures").exists()


def errors_of_programs(workspace: Workspace, directory: Path, *, upside_down: bool) -> Any:
    """What stage ``improve`` measures of one kept program, or of the opposite of it."""
    circuit = load_circuit(place(workspace, "circuit"), SMALL_PROBLEM)
    n = len(circuit.readings[improved_reading(circuit)].neurons)
    sign = -1 if upside_down else 1
    program = replace(
        random_program(),
        votes=torch.zeros(n, 2, 3, dtype=torch.long),
        balance_votes=torch.zeros(n, SMALL_PROBLEM.n_variables, dtype=torch.long),
        bias=torch.full((n,), sign),
    )
    directory.mkdir()
    save_programs(FittedPrograms({"kept": program}), directory)
    upstream = {
        name: workspace.stage("two_sat", "tiny", name) for name in ("data", "train", "circuit")
    }
    context = StageContext(
        settings=settings(),
        seed=0,
        device="cpu",
        directory=directory,
        bulk=directory,
        scratch=directory,
        upstream=upstream,
    )
    improve.reverify(context, StageArtifacts(directory, directory))
    return json.loads((directory / "metrics.json").read_text(encoding="utf-8"))["programs"]["kept"]


def test_kept_programs_are_measured_again_and_another_one_is_told(
    finished: Workspace, tmp_path: Path
) -> None:
    always = errors_of_programs(finished, tmp_path / "always", upside_down=False)
    never = errors_of_programs(finished, tmp_path / "never", upside_down=True)
    again = errors_of_programs(finished, tmp_path / "again", upside_down=False)
    assert always == again
    assert always["n"] == never["n"] > 0
    assert always["wrong_count"] != never["wrong_count"]
