"""The committed theorem: the checker follows it, and no sample contradicts it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from mechval.axioms.report import CELLS
from mechval.errors import MechvalError
from mechval.two_sat.certify.theorem import theorem as theorems
from mechval.two_sat.certify.theorem.checker import check_theorem
from mechval.two_sat.consolidate.curve import OUTCOME

RUN = Path(__file__).resolve().parents[2] / "results/two_sat/proved"
FILE, WEIGHTS = RUN / "certify/theorem.json", RUN / "consolidate/weights.safetensors"


def contradicted(run: Path) -> set[str]:
    """Proved cells of which a sample of the run disagrees."""
    proved = {
        f"{cell.interpretation}/{cell.axiom}/{cell.component}"
        for cell in theorems.CELLS.read(run / "certify")
        if cell.status is theorems.LemmaStatus.PROVED
    }
    sampled = {
        f"{cell.interpretation}/{cell.axiom}/{cell.component}": cell.disagreements
        for cell in CELLS.read(run / "axioms")
    }
    assert proved <= sampled.keys()
    return {cell for cell in proved if sampled[cell]}


def test_the_checker_follows_the_theorem_from_the_weights() -> None:
    confirmed = check_theorem(FILE, WEIGHTS, RUN / "circuit")
    assert confirmed.answers_rightly
    assert "trees/calibrated/resid_mid" in confirmed.interpretations


def test_of_other_weights_it_is_refused(tmp_path: Path) -> None:
    tensors = load_file(WEIGHTS)
    tensors["blocks.1.mlp.b_in"] = tensors["blocks.1.mlp.b_in"] + 1e-3
    save_file(tensors, tmp_path / "moved.safetensors")
    with pytest.raises(MechvalError, match="other weights"):
        check_theorem(FILE, tmp_path / "moved.safetensors", RUN / "circuit")


def test_no_sample_contradicts_it() -> None:
    assert contradicted(RUN) == set()
    assert OUTCOME.read(RUN / "consolidate").accuracy.wrong_count == 0


def test_a_sample_that_contradicts_it_is_found(tmp_path: Path) -> None:
    shutil.copytree(RUN / "certify", tmp_path / "certify")
    (tmp_path / "axioms").mkdir()
    rows = [replace(row, disagreements=1) for row in CELLS.read(RUN / "axioms")]
    CELLS.write(rows, tmp_path / "axioms")
    assert contradicted(tmp_path)
