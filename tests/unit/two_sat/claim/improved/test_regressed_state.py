import torch

from mechval.two_sat.claim.improved.regressed_state import fit_regression
from mechval.two_sat.network.components import AnswerState


def test_a_state_that_the_bits_determine_is_given_back() -> None:
    generator = torch.Generator().manual_seed(0)
    bits = torch.rand(200, 3, generator=generator) < 0.4
    hidden = bits.float() @ torch.rand(3, 5, generator=generator) + 0.5
    resid = bits.float() @ torch.randn(3, 4, generator=generator) - 1
    found = fit_regression(bits, AnswerState(hidden, resid)).gamma(bits)
    torch.testing.assert_close(found.hidden, hidden)
    torch.testing.assert_close(found.resid_mid, resid)


def test_no_activation_is_below_zero() -> None:
    bits = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    hidden = torch.tensor([[0.0], [0.0], [0.0], [3.0]])
    found = fit_regression(bits, AnswerState(hidden, torch.zeros(4, 2)))
    assert found.gamma(bits).hidden.min() == 0


def test_a_bit_that_never_changes_adds_nothing_that_the_mean_does_not() -> None:
    bits = torch.tensor([[True, True], [True, False]]).repeat(10, 1)
    resid = bits[:, 1:].float()
    found = fit_regression(bits, AnswerState(resid, resid)).gamma(bits)
    torch.testing.assert_close(found.resid_mid, resid)
