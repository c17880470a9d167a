"""Free-form α on states whose content is known: in one direction, in none, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mechval.axioms import Estimate
from mechval.errors import MechvalError
from mechval.instruments import free_alphas
from mechval.instruments.free_alphas import (
    ALPHAS,
    LINEAR,
    OWN,
    AlphaRow,
    Read,
    alphas_table,
    draw_alphas,
    fit_probe,
    probe_rows,
    selectivities,
)
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.shown import markdown_of

RESULTS = Path(__file__).resolve().parents[3] / "results" / "instruments"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_alphas, "STEPS", 150)
    monkeypatch.setattr(free_alphas, "RATE", 0.03)
    monkeypatch.setattr(free_alphas, "WIDTHS", (0, 16))


def signs(n: int = 600, seed: int = 0) -> Tensor:
    """Pairs of independent signs."""
    generator = torch.Generator().manual_seed(seed)
    return 2.0 * torch.randint(2, (n, 2), generator=generator) - 1


def misread(held: Tensor, width: int) -> float:
    probe, _ = fit_probe(signs(), held, width)
    return (probe(signs()) != held).float().mean().item()


def test_what_is_a_direction_of_the_state_is_found_by_a_linear_probe() -> None:
    assert misread((signs()[:, :1] > 0).long(), 0) == 0


def test_what_is_no_direction_takes_a_hidden_layer() -> None:
    parity = (signs().prod(dim=1, keepdim=True) > 0).long()
    assert misread(parity, 0) > 0.2
    assert misread(parity, 16) == 0


def test_what_is_not_there_is_not_found() -> None:
    absent = (signs(seed=1)[:, :1] > 0).long()
    read = Read(signs()[:, None], absent[:, None])
    fresh = Read(signs(seed=2)[:, None], (signs(seed=3)[:, :1] > 0).long()[:, None])
    assert all(row.rate > 0.35 for row in probe_rows("toy", read, fresh, ""))


def test_a_formula_is_read_wrongly_if_one_of_its_places_is() -> None:
    """One probe for two places, of which the second holds the opposite of what it did: half of
    the variables are wrong, and every formula."""
    held = (signs()[:, :1] > 0).long()
    fit = Read(signs()[:, None], held[:, None])
    test = Read(signs()[:, None].repeat(1, 2, 1), torch.stack([held, 1 - held], dim=1))
    linear, *_ = probe_rows("toy", fit, test, "")
    assert (linear.alpha, linear.rate, linear.wrong) == (LINEAR, 1, 0.5)


def test_its_numbers_are_its_size() -> None:
    held = (signs()[:, :1] > 0).long()
    assert fit_probe(signs(), held, 0)[1] == 2 * 2 + 2
    assert fit_probe(signs(), held, 16)[1] == (2 * 16 + 16) + (16 * 2 + 2)


def test_fewer_samples_than_a_batch_are_refused() -> None:
    with pytest.raises(MechvalError, match="20 samples to fit α on; allowed: at least 256"):
        fit_probe(signs(20), (signs(20)[:, :1] > 0).long(), 0)


def row(count: int, alpha: str, network: str, bits: int = 64) -> AlphaRow:
    estimate = Estimate.of(count, 100, 0.95)
    return AlphaRow(
        **vars(estimate), component="toy", alpha=alpha, bits=bits, network=network, wrong=None
    )


ROWS = [
    *(row(10, LINEAR, ""), row(50, LINEAR, "a"), row(70, LINEAR, "b")),
    *(row(0, OWN, "", 32), row(100, OWN, "a", 32)),
    row(5, "MLP, 8 hidden", "", 640),
]


def test_selectivity_is_untrained_less_the_run_s() -> None:
    found = {each.own.alpha: each.value for each in selectivities(ROWS)}
    # nothing is known of an α without an untrained network
    assert found == {LINEAR: pytest.approx(0.5), OWN: 1.0}
    assert "| toy | linear | 64 |" in markdown_of(alphas_table(ROWS))


def test_the_figure_marks_the_claim_s_own(tmp_path: Path) -> None:
    with figure_style():
        save_figure(draw_alphas(ROWS), tmp_path, "alphas")
        save_figure(draw_alphas([replace(row, rate=1.0) for row in ROWS]), tmp_path, "other")
    drawn = (tmp_path / "alphas.svg").read_text(encoding="utf-8")
    assert OWN in drawn
    assert "selectivity" in drawn
    assert drawn != (tmp_path / "other.svg").read_text(encoding="utf-8")


def test_the_committed_table_has_every_size_on_every_network() -> None:
    rows = ALPHAS.read(RESULTS / "reference")
    networks = {row.network for row in rows}
    assert len(networks) == 1 + free_alphas.N_UNTRAINED
    assert len({(row.component, row.alpha, row.network) for row in rows}) == len(rows)
    assert len(rows) == 2 * (5 + 1) * len(networks)
