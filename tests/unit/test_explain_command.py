"""``python -m experiments.explain`` on the committed runs, and what it refuses."""

import html
import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from experiments.explain import main, run
from mechval.errors import MechvalError

ROOT = Path(__file__).resolve().parents[2]
FORMULA = "(x0 | ~x1) & (~x2 | x4)"

Output = pytest.CaptureFixture[str]


def test_a_formula_is_explained_and_drawn(tmp_path: Path, capsys: Output) -> None:
    page = tmp_path / "page.html"
    main([FORMULA, "--html", str(page)], ROOT)
    out, text = capsys.readouterr().out, page.read_text(encoding="utf-8")
    for told in ("The network is right", "Parse:", "Evaluate:", "satisfying assignments, 18:"):
        assert told in out
        assert told in text
    assert "<p><b>OUTSIDE THE CLAIM" in text
    assert '<section id="mechanism">' in text
    assert f"<option>{html.escape(FORMULA)}</option>" in text
    assert len(text) < 200_000


def test_a_sum_is_written_as_a_page_without_a_drawing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    main(["study=modular_addition", "17", "58", "--html", str(page)], ROOT)
    text = page.read_text(encoding="utf-8")
    assert "The network is right" in text
    assert "mechanism" not in text.partition("<body>")[2]


HEAVY = "hydra lightning matplotlib omegaconf pandas scipy.stats sklearn sympy torch._dynamo wandb"


def test_nothing_is_imported_that_one_formula_does_not_need() -> None:
    """Together these take longer than all the rest of the command."""
    told = f"sorted(set({HEAVY.split()}) & set(sys.modules))"
    script = f"from experiments.explain import *; main([{FORMULA!r}], Path.cwd()); print({told})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_formula_of_the_claims_size_is_not_said_to_lie_outside(capsys: Output) -> None:
    main(["random", "seed=3"], ROOT)
    assert "OUTSIDE" not in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".cnf", ""])
def test_a_dimacs_file_is_the_same_formula(suffix: str, tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / f"formula{suffix}"
    path.write_text("c a comment\np cnf 5 2\n1 -2 0\n-3 5 0\n")
    main([FORMULA], ROOT)
    typed = capsys.readouterr().out
    main([str(path)], ROOT)
    read = capsys.readouterr().out.replace("DIMACS variables 1 to 5 are x0 to x4.\n", "")
    assert read.partition("The network")[2] == typed.partition("The network")[2]


def test_dimacs_text_is_the_same_formula(capsys: Output) -> None:
    main(["-3 5 0 1 -2 0"], ROOT)
    assert "( ¬x2 x4 ) ( x0 ¬x1 )" in " ".join(capsys.readouterr().out.split())


def test_a_seed_draws_the_same_formula_each_time(capsys: Output) -> None:
    outputs = []
    for seed in (3, 3, 4):
        main(["random", f"seed={seed}"], ROOT)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]


def test_another_run_is_another_network(capsys: Output) -> None:
    main([FORMULA, "run=cpu-1f64df95-s1"], ROOT)
    assert "run cpu-1f64df95-s1" in capsys.readouterr().out


def test_a_sum_is_explained(capsys: Output) -> None:
    main(["study=modular_addition", "17", "58"], ROOT)
    words = capsys.readouterr().out.split()
    for who in ("network", "program", "right"):
        assert words[words.index(who, words.index("best")) + 1] == "75"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([FORMULA, FORMULA], "allowed: one, in quotes"),
        (["study=two_sat"], r"0 formulas \[\] are not allowed"),
        (["random"], "seed=None with 'random' is not allowed"),
        ([FORMULA, "seed=3"], "seed=3 with .* is not allowed"),
        (["random", "seed=-1"], "seed='-1' is not allowed"),
        ([FORMULA, "sede=3"], "sede is not a known setting"),
        ([FORMULA, "study=three_sat"], "study='three_sat' is not allowed; allowed: two_sat or"),
        (
            [FORMULA, "model=mine"],
            r"model\.kind='mine' is not allowed; allowed: own, published or weights",
        ),
        ([FORMULA, "model=published"], "must come with model.path=<file>"),
        ([FORMULA, "run=none"], "run=none has no results .* reference"),
        ([FORMULA, "model=published", "model.path=none.pth"], "none.pth does not exist"),
        ([FORMULA, "model.path=README.md"], "model.path=README.md with kind=own is not allowed"),
        ([FORMULA, "run=reference", "run=proved"], "run=proved is the second run=; allowed: one"),
        ([FORMULA, "--html", "docs"], "--html docs is a folder"),
        (["study=modular_addition", "17", "9" * 5000], "allowed: two integers, a and b"),
        (["study=modular_addition", "17", "58", "seed=3"], "seed=3 with a sum is not allowed"),
        (["none.cnf"], "formula file none.cnf cannot be read"),
        ([FORMULA, "--html", "no/such/folder/page.html"], "its folder does not exist"),
        (["study=modular_addition", "17"], "allowed: two integers, a and b"),
        (["study=modular_addition", "17", "x"], "allowed: two integers, a and b"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(MechvalError, match=message):
        main(words, ROOT)


def test_a_page_takes_the_place_of_no_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MechvalError, match="is a folder or a device"):
        main([FORMULA, "--html", str(tmp_path / "pipe")], ROOT)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["formula (1).cnf", "n=5.cnf", "é.txt"])
def test_a_file_that_exists_wins_and_says_how_its_variables_are_counted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbfc \xc3\xa9\np cnf 5 1\n1 -2 0\n%\n0\n")
    monkeypatch.chdir(tmp_path)
    main([name], ROOT)
    assert "DIMACS variables 1 to 5 are x0 to x4." in capsys.readouterr().out


def test_a_formula_is_read_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"(x0 v x1)")))
    main(["-"], ROOT)
    assert "(x0 ∨ x1)" in capsys.readouterr().out


def test_ten_megabytes_are_refused_before_the_network_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.cnf"
    path.write_bytes(b"1 2 0\n" * 1_700_000)
    monkeypatch.setattr("mechval.two_sat.single.explain_view.load_subject", None)
    with pytest.raises(MechvalError, match=r"the formula has 262,144 characters; allowed: at most"):
        main([str(path)], ROOT)


def test_a_wrong_formula_costs_three_lines_and_exit_code_2(capsys: Output) -> None:
    assert run(["(x0 | x1 | x2)"], ROOT) == 2
    out, err = capsys.readouterr()
    told, line, caret = err.splitlines()
    assert out == ""
    assert told.startswith("formula, character 10: a clause has exactly two literals")
    assert line[caret.index("^")] == "|"


def test_an_explained_formula_has_exit_code_0(capsys: Output) -> None:
    assert run([FORMULA], ROOT) == 0
    assert capsys.readouterr().err == ""
