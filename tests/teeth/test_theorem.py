"""The theorem: where it is proved brute force finds nothing wrong, and faults end none of it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.axioms import Batch
from mechval.axioms.suite import measure_axioms
from mechval.errors import MechvalError
from mechval.transformer import Transformer, save_weights
from mechval.two_sat.certify.theorem.checker import check_theorem
from mechval.two_sat.certify.theorem.prover import prove_theorem
from mechval.two_sat.certify.theorem.theorem import LemmaStatus, Theorem, content_digest
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.files import save_circuit
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import FittedTrees, TreeProgram
from tests.theorem_networks import (
    CLAUSE,
    FAULTS,
    FIVE,
    FOUR,
    all_formulas,
    changed,
    circuit_of,
    is_ever_wrong,
    n_wrong_answers,
    proper_network,
    proved,
)

CPU = torch.device("cpu")
SEEDS = (0, 1, 2, 3, 4)


def failing(theorem: Theorem) -> str:
    assert theorem.status is LemmaStatus.UNKNOWN
    assert theorem.failing_lemma is not None
    return theorem.failing_lemma.partition(":")[0]


def check(folder: Path) -> Any:
    return check_theorem(folder / "theorem.json", folder / "weights.safetensors", folder)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Theorem, Circuit]:
    folder, model = tmp_path_factory.mktemp("theorem"), proper_network(FOUR, 0)
    circuit = circuit_of(model, FOUR)
    return folder, proved(model, FOUR, folder, circuit), circuit


@pytest.mark.parametrize("seed", SEEDS)
def test_a_proved_network_is_right_in_every_cell_on_all_formulas(seed: int, tmp_path: Path) -> None:
    model = proper_network(FOUR, seed)
    circuit = circuit_of(model, FOUR)
    theorem = proved(model, FOUR, tmp_path, circuit)
    assert theorem.status is LemmaStatus.PROVED
    assert n_wrong_answers(model, FOUR) == 0
    everything = torch.tensor(all_formulas(FOUR))
    batch = Batch(encode_formulas(FOUR, everything), torch.zeros(len(everything), dtype=torch.long))
    interpretations = make_interpretations(Components(model, FOUR), circuit)
    wrong = {
        (interpretation.name, str(key.axiom), interpretation.components[key.component - 1])
        for interpretation, found in zip(
            interpretations, measure_axioms(interpretations, [batch]), strict=True
        )
        for key, distance in found.distances.items()
        if bool(distance.any())
    }
    proofs = [cell for cell in theorem.cells if cell.status is LemmaStatus.PROVED]
    assert not wrong & {(cell.interpretation, cell.axiom, cell.component) for cell in proofs}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_breaks_formulas_and_ends_the_theorem(name: str, tmp_path: Path) -> None:
    model = changed(proper_network(FOUR, 0), FAULTS[name])
    theorem = proved(model, FOUR, tmp_path)
    assert is_ever_wrong(model, FOUR)
    assert failing(theorem)
    assert not check(tmp_path).is_proved


def test_five_clauses_agree_with_brute_force(tmp_path: Path) -> None:
    model = proper_network(FIVE, 5)
    assert proved(model, FIVE, tmp_path).answers is LemmaStatus.PROVED
    assert n_wrong_answers(model, FIVE) == 0


@pytest.mark.parametrize("name", FAULTS)
def test_five_clauses_with_a_fault_agree_with_brute_force(name: str, tmp_path: Path) -> None:
    model = changed(proper_network(FIVE, 5), FAULTS[name])
    assert failing(proved(model, FIVE, tmp_path))
    assert is_ever_wrong(model, FIVE)


def test_a_live_neuron_without_an_assignment_is_named(
    right: tuple[Path, Theorem, Circuit], tmp_path: Path
) -> None:
    model = proper_network(FOUR, 0)
    with torch.no_grad():
        model.block(1).mlp.b_in[9] = 1.0
    theorem = proved(model, FOUR, tmp_path, right[2])
    assert failing(theorem) == "neurons"
    told = r"neurons: the margin is -1 pre-activation \(neuron 9, assignment \d: at least 1 where "
    assert re.match(
        told + r"it should be active, at most 1 elsewhere\)$", theorem.failing_lemma or ""
    )
    assert not check(tmp_path).answers_rightly


def test_one_weight_moved_until_a_formula_breaks_ends_the_theorem(tmp_path: Path) -> None:
    model, broken = proper_network(FOUR, 0), 0
    while not broken:
        _weaken(model)
        broken = n_wrong_answers(model, FOUR)
    assert broken < 200
    assert failing(proved(model, FOUR, tmp_path)) == "neurons"


@torch.no_grad()
def _weaken(model: Transformer) -> None:
    """The first clause that neuron 0 listens to counts less."""
    weights = model.block(1).mlp.W_in[CLAUSE : CLAUSE + 12, 0]
    weights[int((weights < -1).nonzero()[0])] += 1.5


def swapped_bits(circuit: Circuit) -> Circuit:
    """The claims of two neurons exchanged."""
    return with_programs(circuit, [1, 0, *range(2, 8)])


def wrong_assignment(circuit: Circuit) -> Circuit:
    """One neuron claimed to stand for another's assignment."""
    return with_programs(circuit, [1, *range(1, 8)])


def with_programs(circuit: Circuit, order: list[int]) -> Circuit:
    readings = {
        name: reading.claiming(
            FittedTrees(
                reading.trees.unpruned,
                TreeProgram(tuple(reading.trees.program.trees[k] for k in order)),
            ),
            DisjunctionProgram(reading.disjunctions.assignments[order]),
        )
        for name, reading in circuit.readings.items()
    }
    return replace(circuit, readings=readings)


@pytest.mark.parametrize("change", [swapped_bits, wrong_assignment])
def test_a_wrong_claim_ends_in_no_theorem(
    change: Callable[[Circuit], Circuit], right: tuple[Path, Theorem, Circuit], tmp_path: Path
) -> None:
    theorem = proved(proper_network(FOUR, 0), FOUR, tmp_path, change(right[2]))
    assert failing(theorem).startswith("program")
    assert theorem.answers is LemmaStatus.PROVED
    assert not theorem.interpretations


def test_random_weights_end_in_no_theorem(
    right: tuple[Path, Theorem, Circuit], tmp_path: Path
) -> None:
    model = proper_network(FOUR, 0)
    model.initialise(torch.Generator().manual_seed(0))
    assert failing(proved(model, FOUR, tmp_path, right[2])) == "own clause"
    assert not check(tmp_path).answers_rightly


def test_the_checker_confirms_a_theorem(right: tuple[Path, Theorem, Circuit]) -> None:
    confirmed = check(right[0])
    assert confirmed.is_proved
    assert confirmed.interpretations == right[1].interpretations


def lemma(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in content["lemmas"] if found["name"] == name)


def prove_the_open(content: dict[str, Any]) -> None:
    for part in (*content["lemmas"], *content["cells"]):
        part.update(status="proved", stopped_by=None)


TAMPERINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a margin raised": lambda c: lemma(c, "neurons").update(margin=9.0),
    "a margin lowered": lambda c: lemma(c, "neurons").update(margin=0.5),
    "no margin": lambda c: lemma(c, "satisfiable").update(margin=None),
    "higher log-odds": lambda c: lemma(c, "own clause").update(margin=80.0),
    "attention elsewhere": lambda c: lemma(c, "read positions").update(margin=1.0),
    "constants": lambda c: lemma(c, "constants").update(margin=40.0),
    "the parser's margin": lambda c: lemma(c, "parsed clauses").update(margin=5.0),
    "margin after the first replacement": lambda c: lemma(c, "neurons after γ_1").update(margin=8),
    "margin of the cuts": lambda c: lemma(c, "bits calibrated").update(margin=8.0),
    "margin of what is written": lambda c: lemma(c, "written bits paper/resid_mid").update(
        margin=9
    ),
    "no contamination": lambda c: lemma(c, "neurons").update(moved=0.0),
    "no rounding": lambda c: lemma(c, "neurons").update(rounding=0.0),
    "much contamination": lambda c: lemma(c, "satisfiable").update(moved=3.0),
    "a lemma dropped": lambda c: c["lemmas"].pop(2),
    "a lemma twice": lambda c: c["lemmas"].append(c["lemmas"][0]),
    "a lemma renamed": lambda c: c["lemmas"][4].update(name="all neurons"),
    "a lemma withdrawn": lambda c: lemma(c, "cover").update(status="unknown", stopped_by="?"),
    "a proved lemma that is stopped": lambda c: lemma(c, "cover").update(stopped_by="?"),
    "another status": lambda c: lemma(c, "cover").update(status="certain"),
    "a neuron dropped": lambda c: c["neurons"].pop(),
    "another assignment": lambda c: c["neurons"][0].update(assignment=1),
    "no such assignment": lambda c: c["neurons"][0].update(assignment=8),
    "a neuron's least value": lambda c: c["neurons"][1].update(on=7.0),
    "a neuron's largest value": lambda c: c["neurons"][1].update(off=-70.0),
    "a neuron's interval": lambda c: c["neurons"][1].update(interval=0.0),
    "a cell dropped": lambda c: c["cells"].pop(),
    "a cell from fewer lemmas": lambda c: c["cells"][2].update(lemmas="own clause"),
    "a cell withdrawn": lambda c: c["cells"][0].update(status="unknown", stopped_by="?"),
    "another cell": lambda c: c["cells"][0].update(component="evaluate"),
    "an interpretation less": lambda c: c["interpretations"].pop(),
    "no verdict": lambda c: c.update(status="unknown"),
    "more formulas": lambda c: c.update(formulas="20737"),
    "fewer terms": lambda c: c.update(terms=1),
    "other weights": lambda c: c.update(weights_sha256="0" * 64),
    "another circuit": lambda c: c.update(circuit_sha256="0" * 64),
    "another size": lambda c: c.update(n_clauses=5),
    "an unknown field": lambda c: c.update(note="all is well"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_checker_rejects_a_tampered_theorem(
    name: str, right: tuple[Path, Theorem, Circuit], tmp_path: Path
) -> None:
    content = json.loads((right[0] / "theorem.json").read_text(encoding="utf-8"))
    TAMPERINGS[name](content)
    content["content_sha256"] = content_digest(content)
    edited = tmp_path / "theorem.json"
    edited.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(MechvalError, match="theorem is refused"):
        check_theorem(edited, right[0] / "weights.safetensors", right[0])


def test_the_checker_rejects_a_false_theorem(tmp_path: Path) -> None:
    model = changed(proper_network(FOUR, 0), FAULTS["a neuron forgets a clause"])
    proved(model, FOUR, tmp_path)
    path = tmp_path / "theorem.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    prove_the_open(content)
    content.update(status="proved", answers="proved", failing_lemma=None)
    content["content_sha256"] = content_digest(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(MechvalError, match="does not hold: lemma neurons"):
        check(tmp_path)


def test_the_checker_rejects_an_edit_that_leaves_the_hash(
    right: tuple[Path, Theorem, Circuit], tmp_path: Path
) -> None:
    edited = tmp_path / "theorem.json"
    text = (right[0] / "theorem.json").read_text(encoding="utf-8")
    edited.write_text(text.replace('"terms": 768', '"terms": 769'), encoding="utf-8")
    with pytest.raises(MechvalError, match="another hash"):
        check_theorem(edited, right[0] / "weights.safetensors", right[0])


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{"], ids=["deep", "list", "cut off"])
def test_the_checker_rejects_what_is_no_theorem(
    right: tuple[Path, Theorem, Circuit], tmp_path: Path, text: str
) -> None:
    (tmp_path / "theorem.json").write_text(text, encoding="utf-8")
    with pytest.raises(MechvalError, match=r"theorem\.json cannot be read"):
        check_theorem(tmp_path / "theorem.json", right[0] / "weights.safetensors", right[0])


def test_the_checker_rejects_a_theorem_of_other_weights_or_another_circuit(
    right: tuple[Path, Theorem, Circuit], tmp_path: Path
) -> None:
    save_weights(proper_network(FOUR, 1), tmp_path / "weights.safetensors")
    with pytest.raises(MechvalError, match="of other weights"):
        check_theorem(right[0] / "theorem.json", tmp_path / "weights.safetensors", right[0])
    save_circuit(wrong_assignment(right[2]), tmp_path)
    with pytest.raises(MechvalError, match="of another circuit"):
        check_theorem(right[0] / "theorem.json", right[0] / "weights.safetensors", tmp_path)


def test_a_network_outside_the_family_or_of_another_size_is_refused(tmp_path: Path) -> None:
    model = proper_network(FOUR, 0)
    circuit = circuit_of(model, FOUR)
    with pytest.raises(MechvalError, match="vocabulary 12 and context 17"):
        proved(model, Problem(n_variables=3, n_clauses=6), tmp_path, circuit)
    model.block(1).mlp.add_module("hook_post", torch.nn.GELU())
    with pytest.raises(MechvalError, match="outside the family"):
        prove_theorem(model, FOUR, circuit, "")
