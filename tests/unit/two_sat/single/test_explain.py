"""One formula subject: each part is what the pieces it is made of say."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.formulas.text import WrittenFormula, read_formula
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.components import Components
from mechval.two_sat.single.explain import Explanation, explain_formula
from mechval.two_sat.single.explain_view import explanation_parts
from mechval.two_sat.single.subject import Subject, make_subject
from tests.networks import SMALL_PROBLEM, Architecture, hand_made_circuit, random_network

SAT = "(x0 | ~x1) & (x2 | x1)"
UNSAT = "(x0 | x1) & (x0 | ~x1) & (~x0 | x1) & (~x0 | ~x1) & (x1 | x2)"


@pytest.fixture(scope="module")
def subject() -> Subject:
    architecture = Architecture(d_model=16, d_mlp=8, n_heads=(1, 4))
    model = random_network(SMALL_PROBLEM, architecture=architecture)
    circuit = replace(
        hand_made_circuit(SMALL_PROBLEM), prototypes=clause_prototypes(model, SMALL_PROBLEM)
    )
    return make_subject(Components(model, SMALL_PROBLEM), circuit)


def explain(subject: Subject, text: str) -> Explanation:
    return explain_formula(subject, read_formula(SMALL_PROBLEM, text))


def rendered(explanation: Explanation) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(*explanation_parts(explanation), sep="\n")
    return capture.get()


def test_the_last_clause_is_repeated_and_the_turned_one_is_told(subject: Subject) -> None:
    found = explain(subject, SAT)
    assert (found.n_written, found.n_swapped, len(found.clauses)) == (2, 1, 6)
    assert {clause.written for clause in found.clauses[1:]} == {"(x1 ∨ x2)"}
    text = rendered(found)
    assert "OUTSIDE THE CLAIM'S DOMAIN: 2 of 6 clauses were written" in text
    assert "1 clauses were turned round" in text


def test_a_satisfiable_formula_has_all_its_assignments_and_a_model_among_them(
    subject: Subject,
) -> None:
    found = explain(subject, SAT)
    assert found.assignments == (
        "x0=1 x1=1 x2=0",
        "x0=0 x1=0 x2=1",
        "x0=1 x1=0 x2=1",
        "x0=1 x1=1 x2=1",
    )
    assert found.satisfiable
    assert found.witness.removeprefix("model ") in found.assignments


def test_an_unsatisfiable_formula_has_a_core(subject: Subject) -> None:
    found = explain(subject, UNSAT)
    assert found.assignments == ()
    assert not found.satisfiable
    core = re.findall(r"\(.*?\)", found.witness.removeprefix("core "))
    assert set(core) == {clause.written for clause in found.clauses[:4]}
    assert "satisfying assignments: none" in rendered(found)


def test_neurons_are_held_against_the_truth_table(subject: Subject) -> None:
    """The hand-made circuit has one neuron per assignment, in the assignments' order."""
    found = explain(subject, SAT)
    expected = {3, 4, 5, 7}
    for version in ("trees", "disjunction"):
        assert {n.neuron for n in found.neurons if n.expected[version]} == expected
    assert all(n.fires == (n.activation >= n.cut) for n in found.neurons)


def test_the_answer_is_the_networks_own(subject: Subject) -> None:
    found = explain(subject, SAT)
    components = subject.components
    ids = torch.tensor([read_formula(SMALL_PROBLEM, SAT).clause_ids])
    tokens = encode_formulas(SMALL_PROBLEM, torch.cat([ids, ids[:, 1:].expand(1, 4)], dim=1))
    logits = subject.components.model(tokens)[0, -1].detach()
    vocabulary = components.vocabulary
    expected = float(logits[vocabulary.satisfiable] - logits[vocabulary.unsatisfiable])
    assert found.margin == pytest.approx(expected, abs=1e-5)
    assert found.token == vocabulary.symbols[int(logits.argmax())]


def test_the_terms_add_up_to_the_margin(subject: Subject) -> None:
    found = explain(subject, SAT)
    effects = sum(neuron.effect for neuron in found.neurons)
    assert found.direct + found.others + effects == pytest.approx(found.margin, abs=1e-5)
    model, vocabulary = subject.components.model, subject.components.vocabulary
    unit = model.block(1).mlp.W_out @ (
        model.W_U[:, vocabulary.satisfiable] - model.W_U[:, vocabulary.unsatisfiable]
    )
    expected = [n.activation * unit[n.neuron].item() for n in found.neurons]
    assert [n.effect for n in found.neurons] == pytest.approx(expected, abs=1e-6)
    last = [line.split()[-1] for line in rendered(found).splitlines() if " s - u " in line]
    assert f"{found.margin:+.2f}" in last


def test_each_neuron_has_the_assignments_of_its_disjunction(subject: Subject) -> None:
    found = explain(subject, SAT)
    assert [neuron.assignments for neuron in found.neurons] == [(a,) for a in range(8)]


def test_attention_is_that_of_the_two_blocks(subject: Subject) -> None:
    found, components = explain(subject, SAT), subject.components
    ids = torch.tensor([[*read_formula(SMALL_PROBLEM, SAT).clause_ids, *[2] * 4]])
    ids[0, 2:] = ids[0, 1]
    tokens = encode_formulas(SMALL_PROBLEM, ids)
    first = components.model.block(0).attn.pattern(components.model.embed(tokens))[0]
    second = components.model.block(1).attn.pattern(components.parse(tokens))[0, :, -1]
    for place, clause in enumerate(found.clauses):
        at = 4 * place + 2
        own = first[:, at, at - 1 : at + 1].sum(dim=1).tolist()
        assert clause.own_attention == pytest.approx(own, abs=1e-6)
        assert clause.answer_attention == pytest.approx(second[:, at].tolist(), abs=1e-6)


def test_a_clause_read_wrongly_is_told_with_both_sides(subject: Subject) -> None:
    """With the prototypes of two clauses exchanged, every parse of the one is the other."""
    prototypes = subject.circuit.prototypes.clone()
    n = SMALL_PROBLEM.n_literals
    for first, second in (((0, 4), (1, 2)), ((4, 0), (2, 1))):
        a, b = first[0] * n + first[1], second[0] * n + second[1]
        prototypes[[a, b]] = prototypes[[b, a]]
    wrong = replace(subject, circuit=replace(subject.circuit, prototypes=prototypes))
    before, after = explain(subject, SAT), explain(wrong, SAT)
    changed = [
        clause.written
        for clause, other in zip(before.clauses, after.clauses, strict=True)
        if clause.read != other.read
    ]
    assert changed
    cell = after.cells[0]
    assert (cell.axiom, cell.component, cell.disagrees) == ("prefix equivalence", "parse", True)
    assert cell.wrong == "network"
    assert cell.network != cell.program
    assert "network wrong" in rendered(after)


def test_the_margin_is_to_another_clause_not_to_the_same_in_other_order(
    subject: Subject,
) -> None:
    prototypes = subject.circuit.prototypes.reshape(6, 6, -1)
    same_both_ways = (prototypes + prototypes.transpose(0, 1)).reshape(36, -1)
    circuit = replace(subject.circuit, prototypes=same_both_ways)
    found = explain(replace(subject, circuit=circuit), SAT)
    assert all(clause.margin > 1e-4 for clause in found.clauses)


def test_every_distinct_cell_of_both_programs_is_there(subject: Subject) -> None:
    cells = explain(subject, SAT).cells
    assert len(cells) == 16
    assert len({(c.version, c.axiom, c.component) for c in cells}) == 16
    labels = [c for c in cells if c.network in ("satisfiable", "unsatisfiable")]
    assert all(c.disagrees == (c.network != c.program) for c in labels)
    assert all((c.wrong != "") == c.disagrees for c in labels)


def test_long_lists_of_assignments_are_cut_and_counted(subject: Subject) -> None:
    found = replace(explain(subject, SAT), assignments=tuple(map(str, range(20))))
    assert "satisfying assignments, 20: 0; 1; 2; 3; 4; 5; 6; 7; … and 12 more" in rendered(found)


def test_the_same_formula_gives_the_same_explanation(subject: Subject) -> None:
    written = WrittenFormula(tuple(np.arange(6).tolist()), 0)
    assert explain_formula(subject, written) == explain_formula(subject, written)
