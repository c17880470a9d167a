"""The committed theorem: the checker follows it, and no sample contradicts it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from mechval.axioms.report import CELLS
from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.certify.ledger import refuse_disagreement
from mechval.two_sat.certify.theorem import theorem as theorems
from mechval.two_sat.certify.theorem.checker import check_theorem
from mechval.two_sat.certify.theorem.composition import NETWORK
from mechval.two_sat.certify.theorem.prover import prove_theorem
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.consolidate.curve import CURVE, OUTCOME
from mechval.two_sat.consolidate.formulas import balanced_formulas
from mechval.two_sat.consolidate.phases import read_logits
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.answer import right_answers
from mechval.two_sat.network.training import load_network
from tests.networks import PUBLISHED_PROBLEM
from tests.settings import TWO_SAT

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "results/two_sat/proved"
FILE, WEIGHTS = RUN / "certify/theorem.json", RUN / "consolidate/weights.safetensors"


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


@pytest.mark.parametrize("phase", ["sharpen", "mechanism"])
def test_the_phases_before_the_last_end_in_no_theorem(phase: str) -> None:
    weights = ROOT / f"data/two_sat/proved/consolidate/phases/{phase}.safetensors"
    if not weights.exists():
        pytest.skip(f"{weights} is untracked; runs after +stage=consolidate preset=proved")
    model = load_network(PUBLISHED_PROBLEM, TWO_SAT.architecture, weights)
    circuit = load_circuit(RUN / "circuit", PUBLISHED_PROBLEM)
    theorem = prove_theorem(model, PUBLISHED_PROBLEM, circuit, "")
    assert theorem.answers is theorems.LemmaStatus.UNKNOWN
    assert not theorem.interpretations
    assert (theorem.failing_lemma or "").startswith("neurons: the margin is -")


def test_only_the_last_phase_puts_every_bound_on_its_side() -> None:
    last = {row.phase: row for row in CURVE.read(RUN / "consolidate")}
    right = {
        phase: (row.lower_bound or 0) > 0 > (row.upper_bound or 0) for phase, row in last.items()
    }
    assert right == {"sharpen": False, "mechanism": False, "average": True}


def hardest_formula(model: Transformer) -> tuple[Tensor, int, int]:
    """Of many formulas the one whose answer leads by least, with the answer and its rival."""
    generator, vocabulary = torch.Generator().manual_seed(0), Vocabulary(PUBLISHED_PROBLEM)
    formulas, satisfiable = balanced_formulas(PUBLISHED_PROBLEM, 2048, generator)
    answers = right_answers(vocabulary, satisfiable)
    with torch.inference_mode():
        logits = read_logits(model, PUBLISHED_PROBLEM, formulas)
    leads = logits.gather(1, answers[:, None]) - logits
    leads[torch.arange(len(formulas)), answers] = torch.inf
    formula, rival = divmod(int(leads.argmin()), leads.shape[1])
    assert float(leads.min()) > 0
    return formulas[[formula]], int(answers[formula]), rival


def move_one_weight(model: Transformer, formula: Tensor, answer: int, rival: int) -> float:
    """Move the weight that the answer's lead hangs on most until it is lost; by how much."""

    def lead() -> Tensor:
        logits = model(encode_formulas(PUBLISHED_PROBLEM, formula))[0, -1]
        return logits[answer] - logits[rival]

    first = lead()
    first.backward()
    slopes = [(weight, weight.grad) for weight in model.parameters() if weight.grad is not None]
    most, slopes_of = max(slopes, key=lambda pair: float(pair[1].abs().max()))
    before, place = float(first.detach()), int(slopes_of.abs().argmax())
    start, slope = float(most.detach().flatten()[place]), float(slopes_of.flatten()[place])
    for step in range(1, 40):
        moved = -step / 4 * before / slope
        with torch.no_grad():
            most.view(-1)[place] = start + moved
            if float(lead()) < 0:
                return moved
    raise AssertionError


def test_one_weight_moved_until_one_formula_breaks_ends_it() -> None:
    model = load_network(PUBLISHED_PROBLEM, TWO_SAT.architecture, WEIGHTS)
    assert abs(move_one_weight(model, *hardest_formula(model))) < 1
    circuit = load_circuit(RUN / "circuit", PUBLISHED_PROBLEM)
    theorem = prove_theorem(model, PUBLISHED_PROBLEM, circuit, "")
    assert theorem.answers is theorems.LemmaStatus.UNKNOWN
    assert not theorem.interpretations
    assert theorem.failing_lemma is not None
    assert theorem.failing_lemma.partition(":")[0] in NETWORK


def test_no_sample_contradicts_it() -> None:
    refuse_disagreement(theorems.THEOREM.read(RUN / "certify"), CELLS.read(RUN / "axioms"))
    assert OUTCOME.read(RUN / "consolidate").accuracy.wrong_count == 0


def test_a_sample_that_contradicts_it_is_refused() -> None:
    edited = [replace(row, disagreements=1) for row in CELLS.read(RUN / "axioms")]
    with pytest.raises(MechvalError, match="1 of 80,000 sampled formulas disagree in trees/"):
        refuse_disagreement(theorems.THEOREM.read(RUN / "certify"), edited)


def test_margins_are_ten_times_what_can_move_them_and_the_files_are_small() -> None:
    neurons = theorems.NEURONS.read(RUN / "certify")
    margins = [min(row.on or 0, -(row.off or 0)) for row in neurons]
    assert min(margins) >= 10 * max(row.interval or torch.inf for row in neurons)
    assert sum(path.stat().st_size for path in (RUN / "certify").rglob("*")) < 4e6
