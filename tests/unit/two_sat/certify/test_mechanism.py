"""What a proved network does, in numbers: held against every formula."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mechval.reporting import report
from mechval.two_sat.certify.theorem import mechanism
from mechval.two_sat.certify.theorem.lemmas import write_theorem
from mechval.two_sat.certify.theorem.neurons import falsified_clauses
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables
from mechval.two_sat.network.components import Components
from mechval.two_sat.report import content, ledger_sections
from tests.settings import TWO_SAT
from tests.theorem_networks import FOUR, all_formulas, proper_network, proved

QUIET = 1e-6
FORMULAS = all_formulas(FOUR)[::7]
"""Part of all formulas; the first ones are satisfiable by most assignments."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, model = tmp_path_factory.mktemp("mechanism"), proper_network(FOUR, 0, QUIET)
    write_theorem(proved(model, FOUR, folder), folder)
    clause_ids = FORMULAS[::-1].astype(np.uint8)
    split = Split(clause_ids, is_satisfiable(truth_tables(FOUR, FORMULAS[::-1])))
    mechanism.write_mechanism(model, FOUR, split, folder)
    return folder


@torch.inference_mode()
def test_no_formula_gives_a_clause_another_share(folder: Path) -> None:
    model = deepcopy(proper_network(FOUR, 0, QUIET)).double()
    components = Components(model, FOUR)
    resid = components.parse(encode_formulas(FOUR, torch.tensor(FORMULAS)))
    read = [*components.layout.second_literal_positions, components.layout.answer_position]
    weights = components.attend_from_answer(resid).pattern[:, :, 0, read]
    shares = (weights / weights.sum(-1, keepdim=True))[:, :, :-1]
    for row, own in zip(mechanism.HEADS.read(folder), shares.unbind(1), strict=True):
        assert row.least - 1e-6 <= float(own.min())
        assert float(own.max()) <= row.most + 1e-6
        assert row.most - row.least < 1e-3


@torch.inference_mode()
def test_a_neuron_falls_with_every_clause_that_it_falsifies(folder: Path) -> None:
    model = deepcopy(proper_network(FOUR, 0, QUIET)).double()
    components, mlp = Components(model, FOUR), model.block(1).mlp
    resid = components.parse(encode_formulas(FOUR, torch.tensor(FORMULAS)))
    found = (resid[:, -1] + components.answer_attention(resid)) @ mlp.W_in + mlp.b_in
    n_falsified = falsified_clauses(FOUR)[:, torch.tensor(FORMULAS)].sum(2)
    for row in mechanism.NEURONS.read(folder):
        values, count = found[:, row.neuron], n_falsified[row.assignment]
        means = torch.stack([values[count == n].mean() for n in range(4)])
        falls = means[:-1] - means[1:]
        assert (falls >= row.drop_least - 1e-3).all()
        assert (falls <= row.drop_most + 1e-3).all()


def test_the_example_is_satisfiable_and_every_neuron_right_about_it(folder: Path) -> None:
    rows = mechanism.NEURONS.read(folder)
    assert any(row.n_falsified == 0 for row in rows)
    assert all((row.pre_activation > 0) is (row.n_falsified == 0) for row in rows)


def test_the_report_says_how_it_decides(folder: Path) -> None:
    files = report.RunFiles(TWO_SAT, 0, {"certify": folder})
    (maker,) = report.with_figures([ledger_sections.theorem], *content.FIGURES)
    section = report.make_section(maker, files)
    assert section is not None
    assert [figure.name for figure in section.figures] == ["neuron-bounds", "mechanism"]
    drawn = section.figures[1].draw()
    assert "8 neurons" in drawn.axes[2].get_title()
    page = report.render_markdown("", [section], content.PACKAGE)
    assert "each of 4 heads gives every clause between" in page
    assert "docs/RESULTS.md" not in page
    without = replace(files, directories={"certify": folder.parent})
    assert report.make_section(ledger_sections.theorem, without) is None
