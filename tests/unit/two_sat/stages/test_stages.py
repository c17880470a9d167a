"""All stages of the study, run by the library on a tiny problem with every annotation checked."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.axioms import (
    INTERCHANGES,
    PARTIALS,
    EvidenceKind,
    PartialCell,
    load_disagreements,
)
from mechval.errors import MechvalError
from mechval.pipeline import RunOptions, Workspace, run_stages, verify_stages
from mechval.training.recipe import Recipe
from mechval.two_sat.circuit.evidence.ablations import ABLATIONS
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.sizes import FRONT, SIZES
from mechval.two_sat.configs import ModelSource, TwoSatSettings
from mechval.two_sat.network.training import load_network
from mechval.two_sat.stages import axioms, circuit, data, improve, nulls, partial, progress, train
from mechval.two_sat.study import STUDY
from tests.networks import SMALL_ARCHITECTURE, SMALL_PROBLEM
from tests.settings import PLAIN_RECIPE, STAGES, TWO_SAT, changed
from tests.unit.transformer.test_foreign_checkpoint import foreign_weights

PARTS = ("parse", "evaluate", "output")
RUN = RunOptions("tiny", 0)
VARIANTS = changed(
    TWO_SAT.variants,
    tolerances=(0, 1),
    leaves=(2, None),
    surface_cuts=(0.5, 1.0),
    surface_highs=(0.5, 2.0),
    surface_multiples=(0.5, 1.0),
)


def recipe(n_steps: int) -> Recipe:
    return changed(
        PLAIN_RECIPE,
        examples=16 * n_steps,
        batch_size=16,
        evaluate_every_steps=4,
        evaluation_examples=20,
        precision="float32",
        n_snapshots=3,
    )


def settings(model: ModelSource | None = None, **changes: Any) -> TwoSatSettings:
    made = TwoSatSettings(
        problem=SMALL_PROBLEM,
        data=changed(TWO_SAT.data, training_formulas=400, analysis_formulas=400),
        architecture=SMALL_ARCHITECTURE,
        training=recipe(12),
        finishing=recipe(8),
        circuit=changed(TWO_SAT.circuit, readings=("calibrated",)),
        axioms=TWO_SAT.axioms,
        partial=changed(TWO_SAT.partial, formulas=100),
        variants=VARIANTS,
        improved=changed(TWO_SAT.improved, widths=(4,), formulas=60, steps=10),
        nulls=changed(TWO_SAT.nulls, formulas=200, shuffled_formulas=40, training=recipe(8)),
        progress=changed(TWO_SAT.progress, formulas=200),
        certify=changed(
            TWO_SAT.certify,
            parsing=changed(TWO_SAT.certify.parsing, max_branches=5),
            drift_formulas=4,
            counterexamples=1,
        ),
        model=model or ModelSource(),
    )
    return made.model_copy(update=changes)


@pytest.fixture(scope="module")
def workspace(tiny_run: Workspace) -> Workspace:
    return tiny_run


def place(workspace: Workspace, stage: str) -> Path:
    return workspace.stage("two_sat", "tiny", stage).directory


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def metrics(workspace: Workspace, stage: str) -> dict[str, Any]:
    return json.loads((place(workspace, stage) / "metrics.json").read_text(encoding="utf-8"))


def test_every_stage_leaves_a_manifest(workspace: Workspace) -> None:
    assert all((place(workspace, stage) / "manifest.json").is_file() for stage in STAGES)


def test_the_trained_weights_are_loadable(workspace: Workspace) -> None:
    path = place(workspace, "train") / "weights.safetensors"
    assert load_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, path).d_vocab == 12


def test_the_learning_curve_has_both_phases(workspace: Workspace) -> None:
    points = rows(place(workspace, "train") / "learning_curve.csv")
    found = [(point["phase"], point["step"]) for point in points]
    training = [("training", step) for step in ("4", "8", "12")]
    assert found == [*training, ("finishing", "4"), ("finishing", "8")]


def test_snapshots_of_both_phases_are_in_order(workspace: Workspace) -> None:
    found = [
        (row["phase"], int(row["step"]))
        for row in rows(place(workspace, "train") / "snapshots.csv")
    ]
    assert found == [
        *[("training", step) for step in (0, 1, 12)],
        *[("finishing", step) for step in (0, 1, 8)],
    ]


def test_accuracy_is_counted_on_the_test_split(workspace: Workspace) -> None:
    found = metrics(workspace, "train")
    assert found["n"] == sum(part["n"] for part in found["classes"].values()) == 140
    assert found["accuracy"] == pytest.approx(1 - found["wrong_count"] / 140)
    assert found["accuracy_lower"] < found["accuracy"]


def test_the_circuit_is_loadable_and_its_facts_agree(workspace: Workspace) -> None:
    circuit = load_circuit(place(workspace, "circuit"), SMALL_PROBLEM)
    facts = metrics(workspace, "circuit")
    assert facts["carrying_neurons"] == len(circuit.effects.carrying())


def test_the_neuron_table_has_the_carrying_neurons_largest_effect_first(
    workspace: Workspace,
) -> None:
    effects = [float(row["effect"]) for row in rows(place(workspace, "circuit") / "neurons.csv")]
    assert effects == sorted(effects, reverse=True)
    assert len(effects) >= metrics(workspace, "circuit")["carrying_neurons"]


def test_the_axiom_table_has_12_cells_per_interpretation(workspace: Workspace) -> None:
    names = [row["interpretation"] for row in rows(place(workspace, "axioms") / "axioms.csv")]
    assert {name: names.count(name) for name in names} == {
        f"{version}/calibrated/{residual}": 12
        for version in ("trees", "disjunction")
        for residual in ("resid_mid", "attn_out")
    }


def test_axioms_are_counted_on_the_held_out_formulas(workspace: Workspace) -> None:
    table = rows(place(workspace, "axioms") / "axioms.csv")
    assert {row["n"] for row in table} == {"160"}
    assert {row["strata.SAT.n"] for row in table} == {"80"}


def test_the_disagreements_of_every_formula_add_up_to_the_table(workspace: Workspace) -> None:
    table = rows(place(workspace, "axioms") / "axioms.csv")
    audit = load_disagreements(place(workspace, "axioms"))
    assert {row["interpretation"] for row in table} == audit.keys()
    for row in table:
        disagrees = audit[row["interpretation"]][f"{row['axiom']}/{row['component']}"]
        assert int(disagrees.sum()) == int(row["disagreements"])


def test_partial_cells_of_the_main_claim_are_counted_on_pairs(workspace: Workspace) -> None:
    cells = {row.cell: row for row in PARTIALS.read(place(workspace, "partial"))}
    assert {row.interpretation for row in cells.values()} == {"disjunction/calibrated/resid_mid"}
    assert cells.pop(PartialCell.ALL).kind is EvidenceKind.EXACT
    cells.pop(PartialCell.REACHED, None)
    assert {row.n for row in cells.values()} == {50}
    single = INTERCHANGES.read(place(workspace, "partial"))
    assert {row.n_pairs for row in single if row.variable != "all"} == {50}
    assert all(row.epsilon == 1 for row in single if not row.n)


def test_every_family_of_variants_is_in_the_table(workspace: Workspace) -> None:
    table = rows(place(workspace, "axioms") / "variants.csv")
    assert {row["tags.family"] for row in table} == {
        "high",
        "wrong neurons",
        "ordered clauses",
        "noise",
        "leaves",
        "rival",
        "improved",
    }


def test_variants_do_not_repeat_the_axiom_table(workspace: Workspace) -> None:
    directory = place(workspace, "axioms")
    mains = {row["interpretation"] for row in rows(directory / "axioms.csv")}
    assert mains.isdisjoint(row["interpretation"] for row in rows(directory / "variants.csv"))


@pytest.mark.parametrize(
    "name",
    ["tolerance", "paired", "surface", "front", "parts", "composition", "derivability", "sizes"],
)
def test_every_table_beside_the_axioms_has_rows(workspace: Workspace, name: str) -> None:
    assert rows(place(workspace, "axioms") / f"{name}.csv")


def test_sizes_name_the_programs_of_the_front_as_the_front_does(workspace: Workspace) -> None:
    directory = place(workspace, "axioms")
    held = ("disjunction", "trees", "lookup table")
    front = FRONT.read(directory)
    longer = {(row.program, row.setting) for row in front if row.program not in held}
    assert longer
    assert longer <= {(row.what, row.setting) for row in SIZES.read(directory)}


def test_the_circuit_comes_with_its_evidence(workspace: Workspace) -> None:
    assert {row.n for row in ABLATIONS.read(place(workspace, "circuit"))} == {160}


@pytest.mark.parametrize(
    "stage",
    [data, nulls, train, circuit, improve, axioms, partial, progress],
    ids=STAGES[:8],
)
def test_every_table_of_a_stage_is_declared_and_can_be_read(
    workspace: Workspace, stage: Any
) -> None:
    (name,) = {table.stage for table in stage.TABLES}
    folder = place(workspace, name)
    for table in stage.TABLES:
        assert table.read(folder)
    written = {path for kind in ("csv", "json") for path in folder.rglob(f"*.{kind}")}
    declared = {table.path(folder) for table in stage.TABLES}
    assert {path for path in written if path.name not in ("manifest.json", "run.json")} == declared


def test_the_report_shows_every_figure_and_compares_with_no_paper(workspace: Workspace) -> None:
    directory = place(workspace, "report")
    page = (directory / "README.md").read_text(encoding="utf-8")
    drawn = {path.name for path in (directory / "figures").glob("*.svg")}
    assert {name for name in drawn if f"(figures/{name})" not in page} == set()
    assert not (directory / "paper.csv").exists()


def test_no_program_breaks_the_inclusion(workspace: Workspace) -> None:
    table = rows(place(workspace, "axioms") / "interpretations.csv")
    assert {row[f"inclusion_violations.{part}"] for row in table for part in PARTS} == {"0"}


def test_a_finished_run_verifies(workspace: Workspace) -> None:
    report = verify_stages(
        STUDY, settings(), ["circuit", "improve", "axioms", "partial"], workspace, RUN
    )
    assert report.failures == ()


def slices(made: TwoSatSettings) -> dict[str, Any]:
    return {stage.name: stage.config_slice(made) for stage in STUDY.stages(made)}


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        (
            {"axioms": changed(TWO_SAT.axioms, confidence=0.99)},
            {"axioms", "nulls", "partial", "progress", "certify"},
        ),
        (
            {"circuit": changed(TWO_SAT.circuit, max_leaves=2)},
            {"circuit", "improve", "axioms", "nulls", "progress"},
        ),
        ({"training": recipe(20)}, {"train", "report"}),
        ({"finishing": None}, {"train", "report"}),
        ({"data": changed(TWO_SAT.data, training_formulas=800)}, {"data"}),
        ({"variants": changed(TWO_SAT.variants, tolerances=(3,))}, {"axioms"}),
        ({"improved": changed(TWO_SAT.improved, steps=20)}, {"improve"}),
        ({"nulls": changed(TWO_SAT.nulls, formulas=100)}, {"nulls"}),
        ({"partial": changed(TWO_SAT.partial, formulas=60)}, {"partial"}),
        ({"progress": changed(TWO_SAT.progress, formulas=100)}, {"progress"}),
        ({"certify": changed(TWO_SAT.certify, counterexamples=2)}, {"certify"}),
    ],
    ids=[
        "axioms",
        "circuit",
        "training",
        "finishing",
        "data",
        "variants",
        "improved",
        "nulls",
        "partial",
        "progress",
        "certify",
    ],
)
def test_a_setting_concerns_only_the_stage_that_reads_it(
    changes: dict[str, Any], stages: set[str]
) -> None:
    before, after = slices(settings()), slices(settings(**changes))
    assert {name for name in before if before[name] != after[name]} == stages


def test_stages_come_in_pipeline_order() -> None:
    assert [stage.name for stage in STUDY.stages(settings())] == [*STAGES]


def published(directory: Path) -> TwoSatSettings:
    path = directory / "published.pth"
    torch.save({"model": foreign_weights()}, path)
    return settings(ModelSource(kind="published", path=str(path)))


@pytest.fixture
def foreign(tmp_path: Path) -> TwoSatSettings:
    return published(tmp_path)


def test_a_published_model_is_known_by_its_bytes_not_its_place(
    foreign: TwoSatSettings, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert slices(foreign) == slices(published(tmp_path / "elsewhere"))


def test_a_published_model_is_imported_and_its_weights_stay_untracked(
    foreign: TwoSatSettings, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    for stage in ("data", "train"):
        run_stages(STUDY, foreign, [stage], workspace, RUN)
    places = workspace.stage("two_sat", "tiny", "train")
    assert {path.name for path in places.directory.iterdir()} == {
        "manifest.json",
        "metrics.json",
        "run.json",
    }
    imported = load_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, places.bulk / "weights.safetensors")
    assert imported.W_U.equal(foreign_weights()["unembed.W_U"])


def test_a_published_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    made = settings(ModelSource(kind="published", path=str(tmp_path / "nowhere.pth")))
    with pytest.raises(MechvalError, match=r"nowhere\.pth does not exist; allowed: the published"):
        run_stages(STUDY, made, ["data", "train"], Workspace(tmp_path), RUN)


def test_a_network_whose_label_never_changes_gets_no_verdict(tmp_path: Path) -> None:
    untrained = recipe(4).model_copy(update={"learning_rate": 1e-9})
    made = settings(training=untrained, finishing=None)
    workspace = Workspace(tmp_path)
    run_stages(STUDY, made, ["data", "train", "circuit", "improve", "axioms"], workspace, RUN)
    verdicts = {row["verdict"] for row in rows(place(workspace, "axioms") / "axioms.csv")}
    assert verdicts == {"", "none: t is constant"}


def test_the_axioms_need_no_better_programs_and_say_the_same_without(
    workspace: Workspace, tmp_path: Path
) -> None:
    alone = Workspace(tmp_path / "alone")
    shutil.copytree(workspace.root, alone.root)
    shutil.rmtree(place(alone, "improve"))
    run_stages(STUDY, settings(), ["axioms"], alone, RUN)
    for name in ("axioms.csv", "interpretations.csv", "disagreements.safetensors"):
        with_all, without = ((place(each, "axioms") / name) for each in (workspace, alone))
        assert with_all.read_bytes() == without.read_bytes()
    assert {row["part"] for row in rows(place(alone, "axioms") / "choices.csv")} == {"γ_1", "γ_2"}


def test_another_confidence_judges_the_counts_of_a_run_as_counting_again_does(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="mechval.pipeline")
    own = Workspace(tmp_path / "own")
    shutil.copytree(workspace.root, own.root)
    stricter = settings(axioms=changed(TWO_SAT.axioms, confidence=0.999))
    for run, force in (("judged", ()), ("counted", ("axioms",))):
        options = RunOptions(run, 0, source="tiny", force=force)
        run_stages(STUDY, stricter, ["axioms"], own, options)
    told = [line for line in caplog.messages if "counts taken from run tiny" in line]
    assert len(told) == 1
    judged, counted, before = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.json"}
        for folder in (
            own.stage("two_sat", run, "axioms").directory for run in ("judged", "counted", "tiny")
        )
    )
    assert judged == counted
    assert {name for name, bytes in judged.items() if bytes == before[name]} == {
        *("choices.csv", "disagreements.safetensors", "metrics.json", "parts.csv", "sizes.csv")
    }
