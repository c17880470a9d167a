"""Listing the neurons: it agrees with the closed form, and proves what that cannot."""

import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.certify.counting import chunks
from mechval.two_sat.certify.theorem import listing as listings
from mechval.two_sat.certify.theorem import routes
from mechval.two_sat.certify.theorem.checker import Confirmed, check_theorem
from mechval.two_sat.certify.theorem.listing import LISTING, Listing, ListingRefusedError
from mechval.two_sat.certify.theorem.neurons import falsified_clauses
from mechval.two_sat.certify.theorem.theorem import LemmaStatus
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.components import Components
from tests.theorem_networks import (
    CLAUSE,
    FAULTS,
    FOUR,
    SECOND,
    YES,
    all_formulas,
    changed,
    circuit_of,
    n_wrong_answers,
    proper_network,
    proved,
)

HEAVIEST, CANCELLING, QUIET = 3.0, 20.0, 1e-6


def uneven_network(seed: int = 0) -> Transformer:
    """A right network whose attention is no average, and of which two heads cancel each other."""
    model = proper_network(FOUR, seed, QUIET)
    attn, mlp = model.block(1).attn, model.block(1).mlp
    weights = torch.linspace(1.0, HEAVIEST, 12).log() / 20.0
    with torch.no_grad():
        for head in range(4):
            attn.key[CLAUSE : CLAUSE + 12, head * attn.d_head] += weights
        for head, sign in ((0, 1), (1, -1)):
            attn.value[CLAUSE + 5, head * attn.d_head + 5] += 1
            attn.output[head * attn.d_head + 5, SECOND] += sign * CANCELLING
        mlp.W_in[SECOND, :8] += 1
        mlp.b_in[:8] -= 3
        mlp.W_out[:8, YES] += 2
    return model


def check(folder: Path) -> Confirmed:
    return check_theorem(folder / "theorem.json", folder / "weights.safetensors", folder)


def listed(model: Transformer, folder: Path, n_threads: int = 1) -> Listing:
    folder.mkdir(exist_ok=True)
    return routes.list_neurons(model, FOUR, scratch=folder, n_threads=n_threads)


@torch.inference_mode()
def activations(model: Transformer, formulas: np.ndarray) -> torch.Tensor:
    """Pre-activations of the neurons that evaluate, in double precision."""
    components = Components(deepcopy(model).double(), FOUR)
    resid = components.parse(encode_formulas(FOUR, torch.tensor(formulas)))
    mlp = components.model.block(1).mlp
    return ((resid[:, -1] + components.answer_attention(resid)) @ mlp.W_in + mlp.b_in)[:, :8]


@pytest.mark.parametrize("name", ["averaged", "uneven"])
def test_extremes_are_those_of_all_formulas(name: str, tmp_path: Path) -> None:
    model = proper_network(FOUR, 0, QUIET) if name == "averaged" else uneven_network()
    found, formulas = listed(model, tmp_path), all_formulas(FOUR)
    rows = routes.compare_routes(model, found).rows
    every = torch.cat([activations(model, part) for part in np.array_split(formulas, 8)])
    broken = falsified_clauses(FOUR)[:, torch.tensor(formulas)].any(2).T
    for row in rows:
        values, off = every[:, row.neuron], broken[:, row.assignment]
        truth = (float(values[~off].min()), float(values[off].max()), float(values.max()))
        assert row.interval < 0.02
        assert truth == pytest.approx((row.on, row.off, row.highest), abs=row.interval)


def test_what_the_closed_form_cannot_bound_is_listed_and_proved(tmp_path: Path) -> None:
    model = uneven_network()
    theorem = proved(model, FOUR, tmp_path)
    assert theorem.failing_lemma is not None
    assert theorem.failing_lemma.startswith("neurons: the margin is -")
    again = proved(model, FOUR, tmp_path, listing=listed(model, tmp_path))
    assert again.answers is LemmaStatus.PROVED
    assert again.interpretations
    confirmed = check(tmp_path)
    assert confirmed.is_proved
    assert n_wrong_answers(model, FOUR) == 0


def test_without_its_listing_the_checker_does_not_follow(tmp_path: Path) -> None:
    model = uneven_network()
    proved(model, FOUR, tmp_path, listing=listed(model, tmp_path))
    (tmp_path / LISTING).unlink()
    with pytest.raises(MechvalError, match="does not hold: lemma neurons"):
        check(tmp_path)


def test_where_the_closed_form_suffices_the_theorem_is_the_same(tmp_path: Path) -> None:
    model = proper_network(FOUR, 0, QUIET)
    circuit = circuit_of(model, FOUR)
    alone = proved(model, FOUR, tmp_path, circuit)
    assert proved(model, FOUR, tmp_path, circuit, listed(model, tmp_path)) == alone
    assert check(tmp_path).is_proved


@pytest.mark.parametrize("name", ["a neuron forgets a clause", "a neuron is never on"])
def test_a_fault_stops_the_listing_with_the_number(name: str, tmp_path: Path) -> None:
    model = changed(uneven_network(), FAULTS[name])
    with pytest.raises(ListingRefusedError, match=r"neuron \d is \S+ on the wrong side of 0"):
        listed(model, tmp_path)


def test_a_fault_that_the_sample_misses_ends_in_no_theorem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "_refuse_hopeless", lambda *_: None)
    model = changed(uneven_network(), FAULTS["a neuron forgets a clause"])
    found = listed(model, tmp_path)
    assert min(row.margin for row in routes.compare_routes(model, found).rows) < 0
    theorem = proved(model, FOUR, tmp_path, listing=found)
    assert theorem.failing_lemma is not None
    assert theorem.failing_lemma.startswith("neurons")
    assert not check(tmp_path).answers_rightly


def test_an_interrupted_listing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = proper_network(FOUR, 0, QUIET)
    whole, done = listed(model, tmp_path / "whole"), []
    list_prefix = listings.list_prefix

    def stop_after_ten(*arguments: Any) -> Any:
        if len(done) == 10:
            raise KeyboardInterrupt
        done.append(arguments[2])
        return list_prefix(*arguments)

    def go_on(*arguments: Any) -> Any:
        assert arguments[2] not in done
        return list_prefix(*arguments)

    monkeypatch.setattr(listings, "list_prefix", stop_after_ten)
    with pytest.raises(KeyboardInterrupt):
        listed(model, tmp_path)
    monkeypatch.setattr(listings, "list_prefix", go_on)
    again = listed(model, tmp_path, n_threads=2)
    assert np.array_equal(again.extremes, whole.extremes)


def test_too_many_multisets_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_MULTISETS", 1364)
    with pytest.raises(ListingRefusedError, match=r"has 1,365 multisets of clauses, about 0 hours"):
        listed(proper_network(FOUR, 0, QUIET), tmp_path)


def test_they_are_listed_all_the_same_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MAX_MULTISETS", 1364)
    model, how = proper_network(FOUR, 0, QUIET), {"scratch": tmp_path, "n_threads": 1}
    found = routes.list_neurons(model, FOUR, **how, at_any_size=True)
    assert len(found.prefixes) == len(chunks.chunk_prefixes(FOUR))


TAMPERINGS: dict[str, Callable[[dict[str, np.ndarray]], object]] = {
    "a least value raised": lambda a: a["extremes"][40, 0].__iadd__(0.5),
    "a largest value lowered": lambda a: a["extremes"][3, 1].__isub__(0.5),
    "highest lowered": lambda a: a["extremes"][77, 2].__isub__(0.5),
    "weights of the tables": lambda a: a["tables.weights"].__imul__(1.5),
    "another neuron": lambda a: a["neurons"].__iadd__(1),
    "a chunk dropped": lambda a: a.update(
        prefixes=a["prefixes"][1:].copy(), extremes=a["extremes"][1:].copy()
    ),
    "chunks exchanged": lambda a: a.update(prefixes=a["prefixes"][::-1].copy()),
    "no numbers": lambda a: a["extremes"].fill(np.nan),
}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, model = tmp_path_factory.mktemp("uneven"), uneven_network()
    proved(model, FOUR, folder, listing=listed(model, folder))
    return folder


def test_the_mode_of_its_file_follows_the_umask(uneven: Path) -> None:
    os.umask(mask := os.umask(0))
    assert (uneven / LISTING).stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("change", [lambda content: content[:-9], lambda content: b""])
def test_a_damaged_listing_is_not_read(
    uneven: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    (tmp_path / LISTING).write_bytes(change((uneven / LISTING).read_bytes()))
    with pytest.raises(MechvalError, match=f"{LISTING} cannot be read"):
        listings.load_listing(tmp_path, FOUR)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_checker_rejects_a_tampered_listing(name: str, uneven: Path, tmp_path: Path) -> None:
    shutil.copytree(uneven, tmp_path / "copy")
    path = tmp_path / "copy" / LISTING
    arrays = load_file(path)
    TAMPERINGS[name](arrays)
    save_file(arrays, path)
    with pytest.raises(MechvalError, match="is refused"):
        check_theorem(
            tmp_path / "copy/theorem.json",
            tmp_path / "copy/weights.safetensors",
            tmp_path / "copy",
            everything=True,
        )


def test_routes_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    model = proper_network(FOUR, 0, QUIET)
    found = listed(model, tmp_path)
    found.extremes[0, 0] -= 3
    with pytest.raises(MechvalError, match="two routes about one network that agree"):
        routes.compare_routes(model, found)
