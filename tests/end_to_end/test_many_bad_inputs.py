"""A table of wrong inputs, in process: one sentence each, exit code 2, nothing written.

Settings are composed and read as the command does it; formulas, sums and replays go through the
commands' own entry functions.
"""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from experiments import explain, replay
from experiments.choices import check_choices, quoted
from experiments.exits import exit_codes
from experiments.run import CONF
from experiments.settings import read_request
from mechval.pipeline import Workspace
from tests.end_to_end.commands import QUIET

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FORMULA = "(x0 | ~x1)"

POSITIVE = {
    f"{block}.{name}": bad
    for block in ("training", "finishing", "nulls.training")
    for name, bad in {
        "learning_rate": ("inf", "nan", "0", "-1", "fast"),
        "batch_size": ("0", "-5", "1.5", "many"),
        "warmup_steps": ("-1", "999999999"),
        "betas": ("[0.9]", "[0.9,1.0]", "[-0.1,0.9]"),
        "examples": ("0", "1"),
        "neuron_decay": ("-1", "inf"),
        "decay_from": ("1.0", "-0.1"),
        "precision": ("float8",),
    }.items()
}
SETTINGS = [
    *(f"{name}={value}" for name, values in POSITIVE.items() for value in values),
    *(f"architecture.n_heads={value}" for value in ("[1]", "[1,4,4]", "[]", "[0,4]", "[1,-4]")),
    *(f"architecture.d_model={value}" for value in ("0", "7", "99999999999", "inf", "wide")),
    *(f"problem.n_variables={value}" for value in ("2", "11", "3.5", "null", "[5]")),
    *(f"problem.n_clauses={value}" for value in ("3", "31", "true", "many")),
    *(f"data.training_formulas={value}" for value in ("3", "1000000000000", "-2", "some")),
    *(f"data.fit_fraction={value}" for value in ("0", "1", "nan")),
    *(f"{name}=999999999" for name in ("nulls.formulas", "progress.formulas", "improved.formulas")),
    *("certify.drift_formulas=999999999", "nulls.shuffled_formulas=999999999"),
    *("training.evaluation_examples=999999999", "certify.counterexamples=-1"),
    *("axioms.versions=[trees,trees]", "axioms.versions=[]", "axioms.versions=[bushes]"),
    *("axioms.residuals=[resid_mid,resid_mid]", "circuit.readings=[paper,paper]"),
    *("variants.highs=[2.0,2.0]", "variants.leaves=[2,2]", "improved.widths=[4,4]"),
    *(
        "variants.surface_cuts=[inf]",
        "variants.surface_cuts=[0.5,0.5]",
        "variants.tolerances=[0,0]",
    ),
    *("axioms.confidence=nan", "axioms.confidence=0.5", "circuit.max_leaves=1"),
    *("model.path=nowhere.pth", "seed=1.5", "seed=99999999999", "run=Reference", "run=PROVED"),
    *("run=a/b", "run=..", "verify=maybe", "yes=3", "wandb.entity=a/b"),
]
SUMS = [
    *("problem.p=4", "problem.p=100000", "architecture.n_heads=[1,4]", "training.max_steps=0"),
    *(
        "training.warmup_steps=99999999",
        "axioms.curve_decimals=[1,1]",
        "axioms.curve_decimals=[99]",
    ),
    *("training.learning_rate=inf", "data.train_fraction=0.0000001", "circuit.smallest_gap=1"),
]
FORMULAS = [
    [""], [" "], ["()"], ["(x0)"], ["(x0 | x1"], ["x0 | x1"], ["(x0 | x0)"], ["(x0 | x9)"],
    ["(x0 & x1)"], ["(x0 | x1) (x2 | x3)"], ["(x0 | x1 | x2)"], ["(x0 | x1) |"], ["(x | y)"],
    ["(x0 | ~~x1)"], ["(x0 v v x1)"], ["1 2"], ["1 2 3 0"], ["1 0"], ["0"], ["1 1 0"], ["1 9 0"],
    ["p cnf 2 1 1 3 0"], ["p cnf 5 2 1 2 0"], ["p cnf 5"], ["p cnf 99999999999 1 1 2 0"],
    ["1 " + "9" * 5000 + " 0"], ["1 2 0 " * 11], [FORMULA + " " * 99_999], ["nowhere.cnf"],
    ["/"], ["a\0b.cnf"], ["x" * 5000], ["random"], ["random", "seed=-1"], ["random", "seed=1e9"],
    ["random", "seed=" + "9" * 5000], [FORMULA, "seed=1"], [FORMULA, FORMULA], [FORMULA, "what=1"],
    [FORMULA, "run=none"], [FORMULA, "run=../x"], [FORMULA, "model=own", "model.path=README.md"],
    [FORMULA, "model=published"], [FORMULA, "model=published", "model.path=no=where[1].pth"],
    [FORMULA, "study=none"], [FORMULA, "seed=1", "seed=2"], [FORMULA, "--html", "/"],
    [FORMULA, "--html", "no/such/page.html"], [FORMULA, "--html", "y" * 300],
    ["study=modular_addition", "1"], ["study=modular_addition", "1", "-1"],
    ["study=modular_addition", "1", "113"], ["study=modular_addition", "1", "9" * 5000],
    ["study=modular_addition", "1", "two"], ["study=modular_addition", "1", "2", "seed=3"],
]  # fmt: skip
REPLAYS = [[], ["a", "b"], ["/"], ["--dimacs"], ["--what", "a"], ["nowhere.cnf"], ["README.md"]]


def test_the_table_is_long_enough() -> None:
    assert sum(map(len, (SETTINGS, SUMS, FORMULAS, REPLAYS))) >= 150


def require_one_sentence(capsys: pytest.CaptureFixture[str], code: object) -> None:
    found = capsys.readouterr()
    sentence, *shown = found.err.splitlines()
    assert (code, found.out) == (2, "")
    assert sentence.endswith(".")
    assert "Traceback" not in found.err
    # Of a formula, the line and the caret below.
    assert not shown or (len(shown) == 2 and sentence.startswith("formula, "))


def read(tmp_path: Path, *words: str) -> None:
    with exit_codes():
        check_choices(words, CONF)
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            config = compose("config", overrides=["+stage=data", *QUIET, *map(quoted, words)])
        read_request(config, words, Workspace(tmp_path))


@pytest.mark.parametrize("word", SETTINGS)
def test_a_wrong_setting_of_any_stage_is_refused_before_the_first_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    model = ("model=published",) if word.startswith("model.path") else ()
    with pytest.raises(SystemExit) as leaving:
        read(tmp_path, *model, word)
    require_one_sentence(capsys, leaving.value.code)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", SUMS)
def test_a_wrong_setting_of_modular_addition_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    with pytest.raises(SystemExit) as leaving:
        read(tmp_path, "study=modular_addition", word)
    require_one_sentence(capsys, leaving.value.code)


@pytest.mark.parametrize("words", FORMULAS, ids=lambda words: " ".join(words)[:40])
def test_a_wrong_question_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(ROOT)
    require_one_sentence(capsys, explain.run(words, ROOT))


@pytest.mark.parametrize("words", REPLAYS, ids=" ".join)
def test_a_wrong_replay_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as leaving:
        replay.run(words)
    require_one_sentence(capsys, leaving.value.code)
