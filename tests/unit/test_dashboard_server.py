"""What `+stage=dashboard` tells a server, by the real client, of the committed reference run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments import dashboard, epsilon_chart
from experiments.stage_contents import AGAINST_PAPER, EPSILON_COLUMNS
from mechval.pipeline import Workspace
from tests.guards import HANG_SECONDS
from tests.wandb_server import ENTITY, Recorded, serving

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A server that has been told; `wandb.entity` is not given."""
    pytest.importorskip("wandb_workspaces")
    home = str(tmp_path_factory.mktemp("client"))
    with serving() as recorded, pytest.MonkeyPatch.context() as patch:
        for name, value in {**recorded.environment(), "WANDB_DIR": home}.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "experiments.run", "+stage=dashboard"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=HANG_SECONDS)
        yield recorded


@pytest.fixture(scope="module")
def report(server: Recorded) -> list[dict[str, Any]]:
    """Its blocks."""
    (told,) = server.calls["upsertView"]
    return json.loads(told["spec"])["blocks"]


def of_type(blocks: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [block for block in blocks if block["type"] == name]


def panels_of(block: dict[str, Any]) -> list[dict[str, Any]]:
    return block["metadata"]["panelBankSectionConfig"]["panels"]


def test_workspace_and_report_go_to_the_account_s_own_entity(server: Recorded) -> None:
    told = [*server.calls["UpsertView2"], *server.calls["upsertView"]]
    where = [(call["type"], call["entityName"], call["projectName"]) for call in told]
    assert where == [("project-view", ENTITY, "mechval"), ("runs", ENTITY, "mechval")]


def test_the_four_answers_come_first_then_certificates(report: list[dict[str, Any]]) -> None:
    answers = dashboard.answers(Workspace(ROOT), "two_sat", "reference")
    headings = [
        "".join(each["text"] for each in block["children"]) for block in of_type(report, "heading")
    ]
    assert headings[:5] == [*(question for question, _ in answers), "Certificates"]
    texts = [block["content"] for block in of_type(report, "markdown-block")]
    assert texts == [answer for _, answer in answers]


def test_run_sets_are_by_preset_and_by_seed(report: list[dict[str, Any]]) -> None:
    by = {}
    for grid in of_type(report, "panel-grid"):
        (runset,) = grid["metadata"]["runSets"]
        fields = {
            panel["config"]["fieldSettings"]["by"]
            for panel in panels_of(grid)
            if panel["viewType"] == "Vega2"
        }
        if runset["grouping"]:
            by[runset["name"]] = (runset["grouping"], fields)
    assert {name: fields for name, (_, fields) in by.items()} == {
        "by preset": {"preset"},
        "by seed": {"seed"},
    }
    for name, (grouping, _) in by.items():
        assert name.removeprefix("by ") in json.dumps(grouping)


def test_bars_of_epsilon_are_those_of_the_kept_chart(
    server: Recorded, report: list[dict[str, Any]]
) -> None:
    (chart,) = server.calls["CreateCustomChart"]
    assert json.loads(chart["spec"]) == epsilon_chart.specification()
    charts = [
        panel["config"]
        for grid in of_type(report, "panel-grid")
        for panel in panels_of(grid)
        if panel["viewType"] == "Vega2"
    ]
    assert {each["panelDefId"] for each in charts} == {f"{ENTITY}/{chart['chartName']}"}
    parts = [each["stringSettings"]["part"] for each in charts]
    assert set(AGAINST_PAPER.values()) < set(parts)
    assert all(set(EPSILON_COLUMNS) < set(each["fieldSettings"]) for each in charts)


def test_lineage_and_page_are_shown(report: list[dict[str, Any]]) -> None:
    keys = [
        panel["config"].get("mediaKeys")
        for grid in of_type(report, "panel-grid")
        for panel in panels_of(grid)
    ]
    assert ["page"] in keys
    assert "two_sat-reference-report" in json.dumps(report[-3:])
