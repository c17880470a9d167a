"""Stages circuit, axioms, progress, certify and report, on a network written by hand."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mechval import axioms
from mechval.axioms import Cell, EvidenceKind, clopper_pearson_lower, clopper_pearson_upper
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.extract import FACTS
from mechval.modular_addition.circuit.losses import FOLLOWED, LOSS_POINTS, LOSSES
from mechval.modular_addition.claim.validation import FAILING
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network import training
from mechval.modular_addition.network.dataset import draw_split, save_split
from mechval.modular_addition.network.model import WEIGHTS
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.report import content
from mechval.modular_addition.report import figures as report_figures
from mechval.modular_addition.report.page import PAGE
from mechval.modular_addition.stages import axioms as axioms_stage
from mechval.modular_addition.stages import certify, circuit, partial, progress, report
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.report import RunFiles, make_sections, with_figures
from mechval.transformer import Transformer, save_weights
from tests.settings import MODULAR_ADDITION, changed
from tests.unit.modular_addition.circuit.test_extract import random_network
from tests.waves import wave_network

PROBLEM = ModularAddition(p=23)
STAGES = {
    "circuit": circuit.run,
    "axioms": axioms_stage.run,
    "partial": partial.run,
    "progress": progress.run,
    "certify": certify.run,
    "report": report.run,
}


def settings_for(model: Transformer) -> ModularAdditionSettings:
    recipe = changed(MODULAR_ADDITION.training, max_steps=2, evaluate_every_steps=1, warmup_steps=1)
    return changed(
        MODULAR_ADDITION, problem=PROBLEM, architecture=model.architecture, training=recipe
    )


def run_stages(model: Transformer, root: Path, names: tuple[str, ...]) -> None:
    """Write what data and train would have left, then run the named stages."""
    upstream = {name: StageArtifacts(root / name, root / "bulk") for name in ("data", "train")}
    save_split(draw_split(PROBLEM, MODULAR_ADDITION.data, 0), PROBLEM, root / "data")
    (root / "train").mkdir()
    save_weights(model, root / "train" / WEIGHTS)
    part = training.PartAnswers(n=2, wrong_count=0, loss=0.5)
    training.ANSWERS.write(training.Answers(2, 0, 1.0, part, part), root / "train")
    training.GROKKING.write(
        training.Grokking(
            has_grokked=False,
            grokked_at_step=None,
            has_settled=False,
            memorised_at_step=1,
            steps=2,
        ),
        root / "train",
    )
    points = (training.CurvePoint(step, 1.0, 2.0, 1.0, 0.5) for step in (0, 2))
    training.CURVE.write(points, root / "train")
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
            name = line.rpartition("(")[2].removesuffix(")")
            assert (finished / "report" / name).is_file()


def test_every_wave_has_partial_cells_on_pairs_of_all_inputs(finished: Path) -> None:
    single = axioms.INTERCHANGES.read(finished / "partial")
    native = {row.variable: row for row in single if row.cell is axioms.InterchangeCell.NATIVE}
    assert {"wave 2 of a", "wave 5 of b", "wave 9 of a + b"} <= native.keys()
    n = PROBLEM.n_pairs // 2
    assert {row.n_pairs for name, row in native.items() if name != "all"} == {n}
    page = (finished / "report" / "README.md").read_text(encoding="utf-8")
    assert "### Partial cells of `used/pseudo_inverse/" in page
    assert "A wave is carried along the two directions" in page


def run_files(root: Path) -> RunFiles:
    directories = {name: root / name for name in ("train", *STAGES)}
    return RunFiles(settings_for(wave_network(PROBLEM, (2, 5, 9))), 0, directories)


def test_every_figure_is_linked_from_a_sentence(finished: Path) -> None:
    page = (finished / "report" / "README.md").read_text(encoding="utf-8")
    drawn = {path.name for path in (finished / "report" / "figures").iterdir()}
    linked = set(re.findall(r"(?<!!)\[[^\]]+\]\(figures/([\w.-]+)\)", page))
    assert drawn == linked


def test_the_last_losses_of_the_training_are_those_of_the_circuit(finished: Path) -> None:
    last = LOSS_POINTS.read(finished / "progress")[-1]
    of_circuit = {
        (row.logits, row.inputs): (row.loss, row.n) for row in LOSSES.read(finished / "circuit")
    }
    for name, where in FOLLOWED.items():
        assert (last.loss[name], last.n[name]) == of_circuit[where]


def test_losses_over_the_training_are_shown_only_if_there_are_snapshots(
    finished: Path, tmp_path: Path
) -> None:
    assert content.progress(run_files(finished)) is None
    root = tmp_path / "with-snapshots"
    shutil.copytree(finished, root)
    final = LOSS_POINTS.read(root / "progress")[0]
    early = replace(final, phase="training", step=0, examples=0)
    LOSS_POINTS.write([early, final], root / "progress")
    (maker,) = with_figures([content.progress], report_figures)
    section = maker(run_files(root))
    assert section
    assert "losses-over-training" in [figure.name for figure in section.figures]


def test_there_are_no_rows_beside_the_paper_for_another_modulus(finished: Path) -> None:
    metrics = json.loads((finished / "report" / "metrics.json").read_text())
    assert metrics["verdicts"] == {}


def test_every_estimate_of_the_axioms_says_its_kind(finished: Path) -> None:
    rows = axioms.CELLS.read(finished / "axioms")
    assert {row.kind for row in rows} == {EvidenceKind.EXACT}
    assert len(rows) == 12 * (3 * 16 + 8)
    bounded = [estimate for row in rows for estimate in row.strata.values()]
    assert {estimate.kind for estimate in bounded} == {EvidenceKind.SAMPLED}
    assert len(bounded) == 12 * 3 * 16
    assert all(estimate.n < PROBLEM.n_pairs for estimate in bounded)


def test_every_exact_rate_lies_in_the_interval_that_the_held_out_inputs_give(
    finished: Path,
) -> None:
    for row in axioms.CELLS.read(finished / "axioms"):
        for bounded in row.strata.values():
            lower = clopper_pearson_lower(bounded.disagreements, bounded.n, 0.9995)
            upper = clopper_pearson_upper(bounded.disagreements, bounded.n, 0.9995)
            # The held-out inputs are judged by translations fitted on the others.
            assert lower <= row.rate <= upper


def test_failing_pairs_are_the_first_ones_of_the_main_interpretation(finished: Path) -> None:
    table = FAILING.read(finished / "certify")
    audit = axioms.load_disagreements(finished / "axioms")
    assert table
    for row in table:
        disagrees = audit[row.interpretation][row.name]
        index = row.a * PROBLEM.p + row.b
        earlier = int(disagrees[:index].sum())
        assert bool(disagrees[index])
        assert earlier < 5
        assert row.disagreements == int(disagrees.sum())


def test_each_distinct_cell_that_fails_has_pairs(finished: Path) -> None:
    rows: list[Cell] = [*axioms.CELLS.read(finished / "axioms")]
    main = [row for row in rows if row.interpretation == rows[0].interpretation]
    failing = {row.name for row in main if row.is_distinct and row.disagreements}
    assert {row.name for row in FAILING.read(finished / "certify")} == failing


def test_the_same_inputs_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    run_stages(wave_network(PROBLEM, (2, 5, 9)), tmp_path, ("circuit", "axioms"))
    for name in ("circuit", "axioms"):
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert len(files) > 4
        for path in files:
            twin = finished / path.relative_to(tmp_path)
            assert path.read_bytes() == twin.read_bytes()


def test_without_key_frequencies_every_stage_finishes_and_says_so(tmp_path: Path) -> None:
    run_stages(random_network(), tmp_path, tuple(STAGES))
    page = (tmp_path / "report" / "README.md").read_text(encoding="utf-8")
    assert "The claim cannot be stated: there are no key frequencies" in page
    assert FACTS.read(tmp_path / "circuit").key_frequencies == ()
    assert axioms.CELLS.read(tmp_path / "axioms") == ()
    assert FAILING.read(tmp_path / "certify") == ()
    files = replace(run_files(tmp_path), settings=settings_for(random_network()))
    assert PAGE.neurons(files).verdict == "None: the claim cannot be stated"
    with pytest.raises(MechvalError, match="The claim cannot be stated"):
        PAGE.cells(files)


def test_the_programs_stand_side_by_side(finished: Path) -> None:
    page = (finished / "report" / "README.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `used` |"))
    assert row.startswith("| `used` | 2, 4, 5, 9, 10 | 2, 5, 9 |")
    assert "| `embedding` | 2, 5, 9 | 2, 5, 9 |" in page


def test_a_damaged_table_is_refused_by_the_report(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(finished, root)
    path = root / "axioms" / "decimals.csv"
    path.write_text(path.read_text().replace("exact", "nearly", 1))
    with pytest.raises(MechvalError, match=r"decimals\.csv is not the table"):
        make_sections(content.MAKERS, run_files(root))
