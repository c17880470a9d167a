"""The composed config becomes the study's settings and the run's options, or one sentence."""

import json
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from experiments import studies
from experiments.choices import check_choices, missing_stage, quoted
from experiments.settings import Request, read_request, resolve_device
from mechval.axioms import validate
from mechval.axioms.partial import replace_partially
from mechval.axioms.result import BAR
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.pipeline import Workspace
from mechval.two_sat.configs import TwoSatSettings
from tests.settings import DESCENT, MODULAR_ADDITION, TWO_SAT
from tests.unit.pipeline.toy_study import ToyProblem

CONF = Path(__file__).resolve().parents[2] / "conf"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "settings.json"
STAGES = (
    "all, data, nulls, train, consolidate, circuit, improve, axioms, partial, progress, certify, "
    "report, dashboard"
)
PRESETS = ("reference", "cpu", "paper", "smoke")


def composed(*words: str) -> DictConfig:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("config", overrides=["+stage=all", "accelerator=cpu", *words])


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    toy = {"two_sat": "tests.unit.pipeline.toy_study"}
    monkeypatch.setattr(studies, "STUDIES", toy)
    return Workspace(tmp_path)


def read(workspace: Workspace, *words: str) -> Request:
    return read_request(composed(*words), ["+stage=all", *words], workspace)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_composes_with_its_own_name(preset: str) -> None:
    assert composed(f"preset={preset}").preset == preset


def test_the_preset_chooses_the_settings() -> None:
    assert composed("preset=smoke").problem == {"n_variables": 3, "n_clauses": 6}


def test_every_preset_has_settings_of_the_study() -> None:
    assert {path.stem for path in (CONF / "settings" / "two_sat").iterdir()} == {
        *PRESETS,
        *("base", "proved"),
    }


@pytest.mark.parametrize("study", ["two_sat", "modular_addition"])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_resolves_to_the_settings_that_results_were_made_with(
    tmp_path: Path, study: str, preset: str
) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    words = (f"study={study}", f"preset={preset}")
    settings = read_request(composed(*words), words, Workspace(tmp_path)).settings
    assert settings.model_dump(mode="json") == golden[f"{study}/{preset}"]


ONCE_CONSTANTS = [
    ("two_sat", "consolidate", None, None),
    ("two_sat", "circuit.effect_share", 0.9, 1),
    ("two_sat", "circuit.smallest_effect", 0.2, -1),
    ("two_sat", "circuit.cut", 0.6, 0),
    ("two_sat", "circuit.high", 1.5, "high"),
    ("two_sat", "improved.feature_share", 0.9, 0),
    ("two_sat", "page.bar", 0.01, 1),
    ("modular_addition", "circuit.explained", 0.5, 1.5),
    ("modular_addition", "page.bar", 0.01, 0),
]
"""Settings that were constants once: another value, and one that is refused."""


@pytest.mark.parametrize(("study", "key", "value", "wrong"), ONCE_CONSTANTS)
def test_what_was_a_constant_names_no_run_until_it_is_changed(
    tmp_path: Path, study: str, key: str, value: float | None, wrong: object
) -> None:
    def written(*words: str) -> dict:
        words = (f"study={study}", "accelerator=cpu", *words)
        config = read_request(composed(*words), words, Workspace(tmp_path)).run_options.config
        assert config is not None
        return config["settings"]

    *path, name = key.split(".")
    for block in path:
        assert name not in written().get(block, {})
    if value is not None:
        assert written(f"{key}={value}")[path[0]][name] == value
        with pytest.raises(MechvalError, match=f"{key}=.* is not allowed; allowed: a "):
            written(f"{key}={wrong}")
    else:
        assert key not in written()


def stated_in_python(config: Config) -> Iterator[str]:
    """The fields that have a value of their own, null and what was a constant once aside."""
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Config):
            yield from (f"{name}.{inner}" for inner in stated_in_python(value))
        elif field.default is not None and not field.is_required() and not field.exclude_if:
            yield name


@pytest.mark.parametrize(
    ("config", "stated"),
    [
        (TWO_SAT, {"model.kind"}),
        (MODULAR_ADDITION, {"model.kind"}),
        (DESCENT, set()),
        (ToyProblem(), {"n_variables", "n_clauses"}),
    ],
    ids=["two_sat", "addition", "descent", "one that does"],
)
def test_a_setting_has_its_value_in_its_yaml_file_alone(config: Config, stated: set[str]) -> None:
    assert set(stated_in_python(config)) == stated


@pytest.mark.parametrize("settings", [TWO_SAT, MODULAR_ADDITION], ids=["two_sat", "addition"])
def test_what_the_library_takes_without_settings_is_what_the_studies_take(
    settings: TwoSatSettings | ModularAdditionSettings,
) -> None:
    assert settings.page.bar == BAR
    for function in (validate, replace_partially):
        confidence = signature(function).parameters["confidence"].default
        assert settings.axioms.confidence == confidence


def proved(tmp_path: Path, content: bytes, *words: str) -> Request:
    path = tmp_path / "start.safetensors"
    path.write_bytes(content)
    words = ("preset=proved", f"model.path={path}", *words)
    return read_request(composed(*words), words, Workspace(tmp_path))


def test_weights_to_go_on_from_name_the_run_by_their_bytes(tmp_path: Path) -> None:
    first, second = (proved(tmp_path, content).run_options for content in (b"a", b"b"))
    assert first.run.startswith("proved-")
    assert first.run != second.run
    assert first.config is not None
    assert first.config["settings"]["model"]["kind"] == "weights"


def test_missing_weights_to_go_on_from_are_one_sentence(tmp_path: Path) -> None:
    words = ("preset=proved", "model.path=nowhere.safetensors")
    with pytest.raises(MechvalError, match=r"nowhere\.safetensors does not exist; allowed: the w"):
        read_request(composed(*words), words, Workspace(tmp_path))


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("consolidate.start=somewhere", "consolidate.start='somewhere' is not allowed; allowed: w"),
        ("consolidate.batch_size=15", "consolidate.batch_size=15 is not allowed; allowed: an even"),
        ("consolidate.average.steps=0", "consolidate.average.steps=0 is not allowed; allowed: an"),
        ("consolidate.averaging=-1", "consolidate.averaging=-1 is not allowed; allowed: a number"),
    ],
)
def test_a_wrong_setting_of_consolidate_is_one_sentence(
    tmp_path: Path, word: str, sentence: str
) -> None:
    with pytest.raises(MechvalError) as refusal:
        proved(tmp_path, b"a", word)
    assert str(refusal.value).startswith(sentence)


def test_modular_addition_goes_on_from_no_weights() -> None:
    study = studies.load_study("modular_addition")
    values = json.loads(GOLDEN.read_text(encoding="utf-8"))["modular_addition/reference"]
    settings = study.settings.model_validate({**values, "model": {"kind": "weights", "path": "a"}})
    with pytest.raises(MechvalError, match=r"model\.kind=weights is not allowed with study=mod"):
        study.stages(settings)


def test_settings_reach_the_study(workspace: Workspace) -> None:
    settings = read(workspace, "problem.n_clauses=12").settings
    assert settings.model_dump()["problem"]["n_clauses"] == 12


def test_a_plain_default_is_the_reference_run(workspace: Workspace) -> None:
    assert read(workspace, "wandb.mode=disabled").run_options.run == "reference"


@pytest.mark.parametrize("word", ["problem.n_clauses=12", "seed=1", "preset=smoke"])
def test_an_override_leaves_the_reference_run(workspace: Workspace, word: str) -> None:
    assert read(workspace, word).run_options.run != "reference"


def test_a_run_keeps_its_settings_and_the_words_that_made_it(workspace: Workspace) -> None:
    (workspace.root / "a.pth").touch()
    place = f"model.path={workspace.root}/a.pth"
    words = ("run=mine", "model=published", place, "verify=true", "seed=2")
    config = read(workspace, *words).run_options.config
    assert config is not None
    assert config["words"] == ["run=mine", "model=published", "model.path=<file>", "seed=2"]
    assert config["settings"]["problem"]["n_clauses"] == 10
    assert config["settings"]["model"] == {"kind": "published"}


def test_the_place_of_the_published_model_does_not_name_the_run(workspace: Workspace) -> None:
    (workspace.root / "a.pth").touch()
    request = read(workspace, "model=published", f"model.path={workspace.root}/a.pth")
    assert request.run_options.run == "published"


def test_a_run_to_take_from_is_no_part_of_what_makes_the_run(workspace: Workspace) -> None:
    options = read(workspace, "from=toy", "seed=2").run_options
    assert options.source == "toy"
    assert options.config is not None
    assert options.config["words"] == ["seed=2"]


def test_a_verification_takes_nothing(workspace: Workspace) -> None:
    with pytest.raises(MechvalError, match="from=toy is not allowed with verify=true"):
        read(workspace, "from=toy", "verify=true")


@pytest.mark.parametrize(
    ("variables", "words", "expected"),
    [
        ({}, (), ("offline", None, "mechval")),
        (
            {"WANDB_MODE": "online", "WANDB_ENTITY": "me", "WANDB_PROJECT": "p"},
            (),
            ("online", "me", "p"),
        ),
        ({"WANDB_DISABLED": "true", "WANDB_MODE": "online"}, (), ("disabled", None, "mechval")),
        ({"WANDB_DISABLED": "true"}, ("wandb.mode=offline",), ("offline", None, "mechval")),
        ({"WANDB_PROJECT": "p"}, ("wandb.project=q",), ("offline", None, "q")),
    ],
)
def test_w_and_b_s_variables_hold_unless_a_key_is_given(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    words: tuple[str, ...],
    expected: tuple[str, str | None, str],
) -> None:
    for name in ("MODE", "ENTITY", "PROJECT", "DISABLED"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = read(workspace, *words).options.wandb
    assert (found.mode, found.entity, found.project) == expected


def test_suggested_commands_repeat_what_matters(workspace: Workspace) -> None:
    words = ("preset=smoke", "force=all", "yes=true", "wandb.mode=disabled", "seed=3")
    assert read(workspace, *words).run_options.command("data") == (
        "python -m experiments.run +stage=data preset=smoke seed=3"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("force=train", ("train",)),
        ("force=[train,axioms]", ("train", "axioms")),
        ("force=null", ()),
    ],
)
def test_force_is_one_name_or_a_list(
    workspace: Workspace, word: str, expected: tuple[str, ...]
) -> None:
    assert read(workspace, word).run_options.force == expected


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("seed=-1", "seed=-1 is not allowed; allowed: an integer from 0 to 4294967295."),
        ("seed=1.5", "seed=1.5 is not allowed; allowed: an integer from 0 to 4294967295."),
        ("verify=maybe", "verify='maybe' is not allowed; allowed: true or false."),
        ("wandb.mode=on", "wandb.mode='on' is not allowed; allowed: offline, online or disabled."),
        ("accelerator=tpu", "accelerator='tpu' is not allowed; allowed: auto, cpu or gpu."),
        ("problem.n_variables=1", "problem.n_variables=1 is not allowed; allowed: an integer"),
        ("problem.n_variables=five", "problem.n_variables='five' is not allowed; allowed: an"),
        ("problem.n_clauses=0", "problem.n_clauses=0 is not allowed; allowed: an integer"),
        ("+problem.n_literals=3", "problem.n_literals is not a known setting; allowed here: n_v"),
        ("run=../x", "run='../x' is not allowed; allowed: letters"),
        ("seed=${nowhere}", "the config cannot be resolved: "),
    ],
)
def test_a_wrong_value_is_one_sentence(workspace: Workspace, word: str, sentence: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        read(workspace, word)
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


def test_a_missing_gpu_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(MechvalError, match="accelerator=gpu is not allowed"):
        resolve_device("gpu")


@pytest.mark.parametrize(("has_gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_the_gpu_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, device: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
    assert resolve_device("auto") == device


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["+stage=datta"], "stage=datta is not allowed; allowed: all, "),
        (["+stage=all,datta", "-m"], "stage=datta is not allowed; allowed: all, "),
        (["stage=all"], "stage=all is not allowed; allowed: with a plus, +stage=all."),
        (["preset=tiny"], "preset=tiny is not allowed; allowed: cpu, paper, proved, reference, s"),
        (["study=sat"], "study=sat is not allowed; allowed: "),
        (["model=mine"], "model=mine is not allowed; allowed: own, published."),
        (["preset="], "preset= is not allowed; allowed: "),
    ],
)
def test_an_unknown_choice_lists_the_options(words: list[str], sentence: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        check_choices(words, CONF)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    "words",
    [[], ["--help"], ["+stage=data,train", "-m", "preset=cpu,smoke"], ["preset=choice(cpu,smoke)"]],
)
def test_known_choices_pass(words: list[str]) -> None:
    check_choices(words, CONF)


def test_a_preset_without_settings_for_the_study_is_refused(tmp_path: Path) -> None:
    for name in ("study/two_sat", "preset/reference", "preset/paper", "settings/two_sat/paper",
                 "settings/two_sat/base"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.yaml").touch()
    with pytest.raises(MechvalError, match="preset=reference is not allowed with study=two_sat"):
        check_choices([], tmp_path)


def test_a_missing_stage_lists_the_stages() -> None:
    assert str(missing_stage("two_sat")) == f"+stage=… is missing; allowed: {STAGES}."


def test_a_stage_of_another_study_is_refused() -> None:
    with pytest.raises(MechvalError, match="stage=nulls is not allowed; allowed: all, data, train"):
        check_choices(["+stage=nulls", "study=modular_addition"], CONF)


@pytest.mark.parametrize(
    "name",
    ["a=b.pth", "x[1].pth", "{é, ü}.pth", "it's.pth", "back\\slash.pth", "sp ace(1).pth", "#.pth"],
)
def test_the_place_of_a_file_needs_no_quotes(workspace: Workspace, name: str) -> None:
    path = workspace.root / name
    path.touch()
    word = quoted(f"model.path={path}")
    request = read_request(composed("model=published", word), ["model=published"], workspace)
    assert request.settings.model_dump()["model"]["path"] == str(path)
