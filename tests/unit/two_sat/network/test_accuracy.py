"""How often the network is right, counted class by class."""

import numpy as np
import pytest
import torch

from mechval.axioms import clopper_pearson_upper
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import ClassCount, measure_accuracy
from tests.networks import SMALL_PROBLEM, random_network, small_corpora


@torch.no_grad()
def test_accuracy_counts_the_wrong_answers_of_each_class() -> None:
    split = small_corpora(SMALL_PROBLEM, 600).splits["analysis.fit"]
    tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids))
    model, vocabulary = random_network(SMALL_PROBLEM), Vocabulary(SMALL_PROBLEM)
    # Raise both answers so that each is given now and then.
    answers = [vocabulary.satisfiable, vocabulary.unsatisfiable]
    model.W_U[:, answers] *= 20
    given = model(tokens)[:, -1].argmax(dim=-1).numpy()
    is_wrong = given != np.where(split.satisfiable, *answers)
    found = measure_accuracy(Components(model, SMALL_PROBLEM), split)
    assert found.classes == {
        "satisfiable": ClassCount(150, int(is_wrong[split.satisfiable].sum())),
        "unsatisfiable": ClassCount(150, int(is_wrong[~split.satisfiable].sum())),
    }
    assert found.n == 300
    assert 0 < found.wrong_count == is_wrong.sum() < 300
    assert found.accuracy == pytest.approx(1 - is_wrong.mean())
    upper = clopper_pearson_upper(found.wrong_count, 300, found.confidence)
    assert found.accuracy_lower == pytest.approx(1 - upper)
