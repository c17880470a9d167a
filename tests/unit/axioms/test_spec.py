"""An interpretation as files: what comes back is what was saved, and nothing else is accepted."""

import json
import sys
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments import bring_your_own
from mechval.axioms import (
    Interpretation,
    identity,
    load_interpretation,
    save_interpretation,
    validate,
)
from mechval.axioms.spec import SPEC, TENSORS
from mechval.errors import MechvalError
from tests.unit.axioms.toy import (
    counts,
    evaluate_toy,
    make_toy,
    negate,
    parity,
    read_bit,
    replaced_at,
    write_bit,
)


@dataclass(frozen=True, eq=False)
class BitTable:
    """Reads and writes the toy's bit through tensors, as fitted translations do."""

    levels: Tensor
    column: int
    unused: tuple[str | float | None, ...] = ()

    def read(self, state: Tensor) -> Tensor:
        return (state[:, self.column] >= self.levels[0]).long()

    def __call__(self, bit: Tensor) -> Tensor:
        return write_bit((bit >= self.levels[0]).long())


@dataclass(frozen=True)
class Loose:
    entries: Any

    def __call__(self, state: Tensor) -> Tensor:
        return state


@dataclass(frozen=True)
class Inheriting(Loose):
    """Has no method of its own."""


@dataclass
class Counting:
    n_calls: int = field(default=0, init=False)

    def __call__(self, state: Tensor) -> Tensor:
        return state


@dataclass
class Started:
    level: InitVar[int]

    def __call__(self, state: Tensor) -> Tensor:
        return state


def of_a_script(state: Tensor) -> Tensor:
    return state


of_a_script.__module__ = "__main__"

PARTS = (parity, negate, read_bit, write_bit, BitTable)


def fitted_toy(table: BitTable | None = None) -> Interpretation:
    table = table or BitTable(torch.tensor([0.5, 1.0]), 1, ("a", 0.1, None))
    toy = make_toy()
    return replace(
        toy,
        alphas=replaced_at(toy.alphas, 1, table.read),
        gammas=replaced_at(toy.gammas, 1, table),
    )


def saved(directory: Path) -> Interpretation:
    interpretation = fitted_toy()
    save_interpretation(interpretation, directory)
    return interpretation


def reload(directory: Path) -> Interpretation:
    return load_interpretation(directory, make_toy().concrete, PARTS)


def edit(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = directory / SPEC
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_a_reloaded_interpretation_gives_the_very_same_report(tmp_path: Path) -> None:
    before, after = (evaluate_toy(known) for known in (saved(tmp_path), reload(tmp_path)))
    assert after.cells == before.cells
    for cell, disagrees in before.disagreements.items():
        assert torch.equal(after.disagreements[cell], disagrees)
    assert counts(after) != [[0] * 3] * 4


def test_tags_come_back_in_their_order(tmp_path: Path) -> None:
    tags = {"version": "trees", "reading": "paper"}
    save_interpretation(replace(make_toy(), name="trees/paper", tags=tags), tmp_path)
    again = load_interpretation(tmp_path, make_toy().concrete, PARTS)
    assert list(again.tags.items()) == list(tags.items())


def test_identity_comes_back_as_the_same_object(tmp_path: Path) -> None:
    saved(tmp_path)
    found = reload(tmp_path)
    assert found.alphas[0] is identity
    assert found.output_is_label


def test_an_object_with_two_parts_is_written_once(tmp_path: Path) -> None:
    saved(tmp_path)
    assert list(load_file(tmp_path / TENSORS)) == ["objects.0.levels"]


def test_the_same_interpretation_gives_the_same_bytes(tmp_path: Path) -> None:
    saved(tmp_path / "a")
    saved(tmp_path / "b")
    for name in (SPEC, TENSORS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@settings(max_examples=25)
@given(
    levels=st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5),
    plain=st.lists(
        st.none() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False)
    ),
)
def test_every_field_comes_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, levels: list[float], plain: list[Any]
) -> None:
    directory = tmp_path_factory.mktemp("spec")
    table = BitTable(torch.tensor(levels), 1, tuple(plain))
    save_interpretation(fitted_toy(table), directory)
    found = reload(directory).gammas[1]
    assert isinstance(found, BitTable)
    assert torch.equal(found.levels, table.levels)
    assert (found.column, found.unused) == (table.column, table.unused)


def test_a_function_that_was_not_handed_in_is_refused_and_not_imported(tmp_path: Path) -> None:
    saved(tmp_path)
    edit(tmp_path, lambda spec: spec["abstract"][0].update(reference="antigravity:geohash"))
    with pytest.raises(MechvalError, match="names the unknown part antigravity:geohash; allowed:"):
        reload(tmp_path)
    assert "antigravity" not in sys.modules


def test_a_class_that_was_not_handed_in_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(MechvalError, match=r"unknown part .*:BitTable"):
        load_interpretation(tmp_path, make_toy().concrete, PARTS[:-1])


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    save_file({"objects.0.levels": torch.zeros(3)}, tmp_path / TENSORS)
    with pytest.raises(
        MechvalError, match=r"objects\.0\.levels has shape \(3,\) .* allowed: \(2,\)"
    ):
        reload(tmp_path)


def test_a_tensor_of_another_type_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    save_file({"objects.0.levels": torch.zeros(2, dtype=torch.int64)}, tmp_path / TENSORS)
    with pytest.raises(MechvalError, match=r"type torch\.int64; allowed: .*torch\.float32"):
        reload(tmp_path)


def test_tensors_of_other_values_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    save_file({"objects.0.levels": torch.zeros(2)}, tmp_path / TENSORS)
    with pytest.raises(MechvalError, match=f"is not the file that {SPEC} was written with"):
        reload(tmp_path)


def test_an_extra_tensor_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    save_file({"more": torch.zeros(2)}, tmp_path / TENSORS)
    with pytest.raises(MechvalError, match=r"holds \['more'\]; allowed: \['objects\.0\.levels'\]"):
        reload(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spec: spec.update(format=1), r"interpretation\.json\.format=1 is not allowed"),
        (lambda spec: spec.pop("alphas"), r"interpretation\.json\.alphas is missing"),
        (lambda spec: spec["alphas"].pop(), "alphas has 3 entries; allowed: 4"),
        (lambda spec: spec["alphas"][1].update(object=5), "object 5; allowed: 0 to 0"),
        (
            lambda spec: spec["gammas"][1].update(reference="os:system.read"),
            r"os:system\.read is no method of object 0",
        ),
        (
            lambda spec: spec["objects"][0]["values"].pop("column"),
            r"has the fields \['levels', 'unused'\]; allowed: \['column'",
        ),
    ],
    ids=["format", "missing", "too few", "no object", "other class", "no field"],
)
def test_an_altered_spec_is_refused_in_words(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    saved(tmp_path)
    edit(tmp_path, change)
    with pytest.raises(MechvalError, match=message):
        reload(tmp_path)


@pytest.mark.parametrize("name", [SPEC, TENSORS])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    saved(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MechvalError, match=r"cannot be read \(FileNotFoundError\)"):
        reload(tmp_path)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"[]"], ids=["deep", "bytes", "list"])
def test_what_is_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    saved(tmp_path)
    (tmp_path / SPEC).write_bytes(content)
    with pytest.raises(MechvalError, match="is no JSON object"):
        reload(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [(SPEC, "is no JSON object"), (TENSORS, "is damaged")]
)
def test_a_cut_off_file_is_refused(tmp_path: Path, name: str, message: str) -> None:
    saved(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(MechvalError, match=message):
        reload(tmp_path)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda state: state, "allowed: a function or class at the top of a module"),
        (Loose([1]), r"Loose\.entries=\[1\] cannot be saved"),
        (Loose(float("nan")), r"Loose\.entries=nan cannot be saved"),
        (torch.abs, "allowed: a function, or "),
        (Inheriting(1), "Inheriting.__call__ cannot be saved, as its class inherits it"),
        (Counting(), "Counting.n_calls cannot be saved, as it is no argument"),
        (Started(1), "a Started cannot be saved, as its fields do not make it"),
        (of_a_script, "of_a_script cannot be saved, as it stands in the script itself"),
    ],
    ids=[
        *("lambda", "list", "nan", "built-in"),
        *("inherited", "no argument", "starting value", "script"),
    ],
)
def test_a_part_that_cannot_be_written_is_refused(
    tmp_path: Path,
    part: Callable[..., Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toy = make_toy()
    # Under pytest the script itself would be a module that was run by name.
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    with pytest.raises(MechvalError, match=message):
        save_interpretation(replace(toy, gammas=replaced_at(toy.gammas, 1, part)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    save_interpretation(fitted_toy(), str(tmp_path))
    assert load_interpretation(str(tmp_path), make_toy().concrete, PARTS).name == "toy"


def of_version(version: str) -> Callable[[dict[str, Any]], None]:
    return lambda spec: spec["provenance"].update(mechval=version)


def of_another_source(spec: dict[str, Any]) -> None:
    parts = spec["provenance"]["parts"]
    (negated,) = (reference for reference in parts if reference.endswith(":negate"))
    parts[negated] = "0" * 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_version("0.0.1"), "saved with mechval 0.0.1, this is "),
        (of_another_source, "the source of .*:negate has changed since it was saved"),
    ],
    ids=["version", "source"],
)
def test_what_has_changed_is_told_at_loading(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    saved(tmp_path)
    edit(tmp_path, change)
    with pytest.warns(UserWarning, match=message):
        reload(tmp_path)


BYO = (bring_your_own.read, bring_your_own.write_attended, bring_your_own.write_embedded)
BYO_PARTS = (*BYO, bring_your_own.reverse, bring_your_own.label)


def test_another_network_or_result_is_told_at_loading(tmp_path: Path) -> None:
    claim = bring_your_own.interpret(bring_your_own.Reverser())
    validate(claim, bring_your_own.INPUTS).save(tmp_path)
    save_interpretation(claim, tmp_path)
    load_interpretation(tmp_path, claim.concrete, BYO_PARTS)
    other = bring_your_own.Reverser()
    other.W_OV.data *= 2
    with pytest.warns(UserWarning, match="the network is not the one it was saved for"):
        load_interpretation(tmp_path, bring_your_own.interpret(other).concrete, BYO_PARTS)
    validate(claim, bring_your_own.INPUTS[:50]).save(tmp_path)
    with pytest.warns(UserWarning, match="the result beside it is not the one"):
        load_interpretation(tmp_path, claim.concrete, BYO_PARTS)
