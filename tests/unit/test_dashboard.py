"""The W&B workspace and report, built without a network and compared with committed specs.

After a change that is meant, ``python -m tests.unit.test_dashboard`` writes the specs anew.
"""

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import dashboard, epsilon_chart, settings
from experiments.dashboard import Shown, build_report, build_workspace, read_shown, replay_lineage
from experiments.stage_contents import AGAINST_PAPER, EPSILONS, read_contents
from mechval import axioms, tables
from mechval.errors import MechvalError
from mechval.pipeline import Stage, Workspace
from mechval.reporting import paper_comparison
from tests.unit.axioms import toy

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "tests" / "golden" / "dashboard"
CELL = "prefix equivalence of evaluate"
AGAINST = AGAINST_PAPER["measured"]
KEY = "ax1_evaluate/epsilon/trees/calibrated/resid_mid"
SHOWN = Shown(
    study="two_sat",
    run="mine",
    accuracy=True,
    cells=[CELL],
    against_paper=[AGAINST],
    epsilons=[KEY],
    curves=["learning_curve/training"],
    figures=["figures/axioms"],
    tables=["tables/axioms", "tables/other", "tables/ledger", "tables/paper"],
    timed=["train"],
    settings=["axioms.confidence"],
    last_stage="report",
    answers=[("Is the claim confirmed?", "**Confirmed.** By N = 80,000 formulas.")],
)
# The library draws these anew each time.
RANDOM = {"__id__", "id"}


def specification(model: Any) -> dict[str, Any]:
    """A model as plain values, without random names."""
    text = model.model_dump_json(by_alias=True, exclude_none=True)
    return json.loads(text, object_hook=lambda found: without(found, RANDOM))


def without(found: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in keys}


def specifications() -> dict[str, dict[str, Any]]:
    return {
        "workspace": specification(build_workspace(SHOWN, "acme", "mechval")._to_model()),
        # With an entity the library would ask the server for the project's number.
        "report": specification(build_report(SHOWN, "", "")._to_model()),
    }


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a network call")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_network")
def test_the_dashboard_is_what_the_committed_specs_say() -> None:
    committed = {
        name: json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("workspace", "report")
    }
    assert specifications() == committed


@pytest.mark.parametrize("name", ["workspace", "report"])
def test_a_reviewer_finds_every_promised_topic(name: str) -> None:
    text = (SPECS / f"{name}.json").read_text(encoding="utf-8")
    for key in (
        *(KEY, "train/accuracy", "tables/paper", "tables/ledger", "figures/axioms", '"page"'),
        *("cost/train/seconds", "cost/train/peak_memory_gb", "axioms.confidence"),
        *(EPSILONS, CELL, AGAINST, epsilon_chart.chart_name()),
    ):
        assert key in text
    assert text.index("tables/ledger") < text.index("tables/paper") < text.index(CELL)


def test_the_report_answers_in_words_compares_runs_and_shows_the_lineage() -> None:
    text = (SPECS / "report.json").read_text(encoding="utf-8")
    for key in ("Is the claim confirmed?", "**Confirmed.**", "by preset", "by seed", "lineage"):
        assert key in text


def write_stage(directory: Path, name: str, files: dict[str, str]) -> None:
    (directory / name).mkdir(parents=True)
    for file, text in {"manifest.json": "{}", **files}.items():
        (directory / name / file).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Accuracy:
    accuracy: float


@dataclass(frozen=True)
class Statement:
    kind: str


LEDGER = tables.Table("certify/ledger.csv", Statement)


def stage(name: str, *declared: tables.Declared) -> Stage[Any]:
    return Stage(name, (), (), lambda _: None, lambda _: {}, tables=declared)


STAGES = (
    stage("train", tables.Record("train/metrics.json", Accuracy)),
    stage("axioms", axioms.CELLS),
    stage("certify", LEDGER),
)


def test_the_panels_ask_for_the_keys_that_are_logged(tmp_path: Path) -> None:
    write_stage(tmp_path, "train", {"metrics.json": '{"accuracy": 1.0}'})
    write_stage(tmp_path, "axioms", {})
    cells = toy.evaluate_toy(toy.make_toy()).cells
    axioms.CELLS.write(cells, tmp_path / "axioms")
    write_stage(tmp_path, "certify", {"ledger.csv": "kind\nexact\n"})
    shown = read_shown("two_sat", "mine", tmp_path, STAGES, {"axioms": {"confidence": 0.95}})
    assert shown.settings == ["axioms.confidence"]
    contents = [read_contents(item, tmp_path / item.name) for item in STAGES]
    numbers = {key for content in contents for key in content.numbers()}
    assert shown.accuracy
    assert {*shown.epsilons, "train/accuracy"} <= numbers
    assert shown.tables == [key for content in contents for key in content.tables()]
    distinct = [cell for cell in cells if cell.is_distinct]
    assert len(shown.epsilons) == len(distinct)
    assert shown.cells == [f"{cell.axiom} of {cell.component}" for cell in distinct]
    assert shown.against_paper == []


def test_what_the_paper_prints_stands_beside_both_ways_of_reading_neurons() -> None:
    declared = stage("report", paper_comparison.COMPARISONS)
    run = ROOT / "results" / "two_sat" / "published"
    rows = read_contents(declared, run / "report").epsilons()
    epsilons = [
        row
        for row in paper_comparison.COMPARISONS.read(run / "report")
        if row.published.kind == "epsilon"
    ]
    as_printed, by_rules = AGAINST_PAPER.values()
    assert [row for row in rows if row[0] == as_printed] == [
        (as_printed, row.published.key, row.measured.value, float(row.published.printed))
        for row in epsilons
    ]
    assert {part for part, *_ in rows} == {as_printed, by_rules}


def test_a_run_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="run=mine of study=two_sat has no results to show"):
        read_shown("two_sat", "mine", tmp_path, STAGES, {})


def test_lineage_of_synced_runs_is_replayed_from_their_config() -> None:
    used: list[str] = []
    run = SimpleNamespace(config={"upstream": {"data": "manifest-1"}}, use_artifact=used.append)

    def runs(path: str, filters: dict[str, str]) -> list[Any]:
        assert (path, filters) == ("acme/mechval", {"group": "two_sat-mine"})
        return [run, SimpleNamespace(config={})]

    api = SimpleNamespace(runs=runs, artifact=lambda name: name)
    replay_lineage(api, SHOWN, "acme", "mechval")
    assert used == ["acme/mechval/two_sat-mine-data:manifest-1"]


Upload = Callable[..., None]


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upload:
    def call(entity: str | None = "acme", verify: bool = False) -> None:
        request = SimpleNamespace(
            options=SimpleNamespace(
                verify=verify,
                wandb=settings.WandbOptions(mode="offline", entity=entity, project="p"),
            ),
            study=SimpleNamespace(name="two_sat", stages=lambda _: (stage("data"),)),
            settings=SimpleNamespace(model_dump=lambda mode: {}),
            run_options=SimpleNamespace(run="mine"),
            workspace=Workspace(tmp_path),
        )
        dashboard.upload(request)  # type: ignore[arg-type]

    write_stage(tmp_path / "results" / "two_sat" / "mine", "data", {})
    monkeypatch.setattr(dashboard, "reach_server", lambda seconds: None)
    return call


def test_without_an_entity_the_dashboard_goes_to_the_account_s_own(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[str, str]] = []
    saved = SimpleNamespace(save=lambda: None)

    def build(shown: Shown, *owner: str) -> Any:
        owners.append(owner)  # pyright: ignore[reportArgumentType]
        return saved

    api = SimpleNamespace(default_entity="me", runs=lambda path, filters: [])
    monkeypatch.setattr(dashboard, "answers", lambda *_: [])
    monkeypatch.setattr(epsilon_chart, "keep_chart", lambda *_: None)
    monkeypatch.setattr(
        dashboard, "import_wandb", lambda folder: SimpleNamespace(Api=lambda timeout: api)
    )
    monkeypatch.setattr(dashboard, "build_workspace", build)
    monkeypatch.setattr(dashboard, "build_report", build)
    upload(entity=None)
    assert owners == [("me", "p")] * 2


def test_uploading_does_not_verify(upload: Upload) -> None:
    with pytest.raises(MechvalError, match="verify=true is not allowed with"):
        upload(verify=True)


def test_a_failure_of_w_and_b_is_one_sentence(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(timeout: int) -> None:
        raise ConnectionError("wrong key.\nhint")

    monkeypatch.setattr(dashboard, "answers", lambda *_: [])
    monkeypatch.setattr(dashboard, "import_wandb", lambda folder: SimpleNamespace(Api=refuse))
    with pytest.raises(MechvalError) as refusal:
        upload()
    assert str(refusal.value) == (
        "the dashboard of acme/p is not uploaded (ConnectionError: wrong key); "
        "needed: the network and a valid key, see `wandb login`."
    )


@pytest.mark.parametrize("run", ["published", "proved"])
def test_a_committed_run_answers_the_four_questions(run: str) -> None:
    found = dashboard.answers(Workspace(ROOT), "two_sat", run)
    assert len(found) == 4
    assert all(question and re.match(r"\*\*[^*]+\.\*\* \S", answer) for question, answer in found)


def test_a_chart_that_cannot_be_made_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(**chart: object) -> None:
        raise ValueError("it is there.\nhint")

    epsilon_chart.keep_chart(SimpleNamespace(create_custom_chart=refuse), "acme")
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("the chart of ε is not made anew (ValueError: it is there.); one")


def test_a_run_without_a_page_answers_nothing() -> None:
    assert dashboard.answers(Workspace(ROOT), "two_sat", "none") == []


if __name__ == "__main__":
    SPECS.mkdir(parents=True, exist_ok=True)
    for name, found in specifications().items():
        text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)
        (SPECS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
