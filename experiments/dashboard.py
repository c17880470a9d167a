"""The W&B workspace and report of one run, defined in code; ``+stage=dashboard`` publishes them.

Which panels there are follows from the run's results on disk, through the keys of
``stage_contents`` that the tracker logs too. Nothing else imports ``wandb_workspaces``, whose
interface is a preview. Building makes no network call as long as the report's runset is blank.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import stage_contents
from experiments.settings import Request
from experiments.tracking import artifact_name, group_name, import_wandb
from mechval.errors import MechvalError
from mechval.pipeline import Stage

API_SECONDS = 10
_WHOLE_WIDTH = 24
_FIRST_TABLES = ("tables/paper", "tables/ledger", "tables/axioms")
_COSTS = {
    "system/seconds": "Time of each stage (seconds)",
    "system/peak_memory_gb": "Peak memory of each stage's process (GB)",
}


@dataclass(frozen=True)
class Shown:
    """What a run has to show: whether its accuracy is known, and keys of what else there is.

    ``epsilons`` are those of every interpretation, by axiom and component; ``curves`` are prefixes.
    """

    study: str
    run: str
    accuracy: bool
    epsilons: dict[str, list[str]]
    curves: list[str]
    figures: list[str]
    tables: list[str]


def read_shown(study: str, run: str, directory: Path, stages: Iterable[Stage[Any]]) -> Shown:
    """Look through the stages of a run; raises MechvalError if none is finished."""
    finished = [item for item in stages if (directory / item.name / "manifest.json").is_file()]
    if not finished:
        raise MechvalError(
            f"run={run} of study={study} has no results to show; allowed: a run with at least "
            "one finished stage, made by +stage=all."
        )
    contents = [stage_contents.read_contents(item, directory / item.name) for item in finished]
    numbers = [key for content in contents for key in content.numbers()]
    return Shown(
        study,
        run,
        accuracy="train/accuracy" in numbers,
        epsilons=_by_cell(numbers),
        curves=[curve.prefix for content in contents for curve in content.curves()],
        figures=[key for item in finished for key in stage_contents.figures(directory / item.name)],
        tables=[key for content in contents for key in content.tables()],
    )


def build_workspace(shown: Shown, entity: str, project: str) -> Any:
    """A ``wandb_workspaces.workspaces.Workspace``, the first two sections open."""
    import wandb_workspaces.workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"mechval: {group_name(shown.study, shown.run)}",
        sections=[
            ws.Section(name=title, panels=panels, is_open=index < 2)
            for index, (title, _, panels) in enumerate(_topics(shown))
        ],
        runset_settings=ws.RunsetSettings(filters=_filter(shown)),
    )


def build_report(shown: Shown, entity: str, project: str) -> Any:
    """A ``wandb_workspaces.reports.v2.Report``; a non-blank entity asks the server about it."""
    wr = _library()
    runset = wr.Runset(entity=entity, project=project, name=shown.run, filters=_filter(shown))
    blocks: list[Any] = [wr.TableOfContents()]
    for title, sentence, panels in _topics(shown):
        grid = wr.PanelGrid(runsets=[runset], panels=panels, hide_run_sets=True)
        blocks += [wr.H2(title), wr.P(sentence), grid]
    return wr.Report(
        entity=entity,
        project=project,
        title=f"Does the interpretation hold? {shown.study}, run {shown.run}",
        description="ε bounds how often the two sides of an axiom disagree; lower is better.",
        blocks=blocks,
        width="fluid",
    )


def publish(request: Request) -> None:
    """Publish workspace and report, and replay the lineage of runs that were synced.

    Raises MechvalError for a missing ``wandb.entity``, ``verify=true``, a run without results, or
    when W&B refuses or cannot be reached.
    """
    options = request.options
    if options.verify:
        raise MechvalError("verify=true is not allowed with +stage=dashboard; allowed: false.")
    if options.wandb.entity is None:
        raise MechvalError(
            "wandb.entity=null is not allowed with +stage=dashboard; allowed: "
            "the W&B user or team that owns the project, wandb.entity=<name>."
        )
    study, run = request.study.name, request.run_options.run
    directory = request.workspace.run_directory(study, run)
    shown = read_shown(study, run, directory, request.study.stages(request.settings))
    wandb = import_wandb(request.workspace.tracking / "wandb")
    owner = (options.wandb.entity, options.wandb.project)
    try:
        # Asked first, because the libraries below wait and repeat for long.
        api = wandb.Api(timeout=API_SECONDS)
        replay_lineage(api, shown, *owner)
        build_workspace(shown, *owner).save()
        build_report(shown, *owner).save()
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise MechvalError(
            f"the dashboard of {'/'.join(owner)} is not published ({type(error).__name__}: "
            f"{reason}); needed: the network and a valid key, see `wandb login`."
        ) from None


def replay_lineage(api: Any, shown: Shown, entity: str, project: str) -> None:
    """Declare, for each run of the group, the artifacts its config says that it used.

    Offline runs could not; a repeated declaration changes nothing.
    """
    path = f"{entity}/{project}"
    for run in api.runs(path, filters={"group": group_name(shown.study, shown.run)}):
        for stage, alias in run.config.get("upstream", {}).items():
            name = artifact_name(shown.study, shown.run, stage)
            run.use_artifact(api.artifact(f"{path}/{name}:{alias}"))


def _filter(shown: Shown) -> str:
    return f"Group == '{group_name(shown.study, shown.run)}'"


def _by_cell(numbers: Sequence[str]) -> dict[str, list[str]]:
    """Keys ``epsilon/<interpretation>/<axiom>/<component>`` by their last two parts."""
    found: dict[str, list[str]] = {}
    for key in numbers:
        if key.startswith("epsilon/"):
            axiom, component = key.split("/")[-2:]
            found.setdefault(f"{axiom.replace('_', ' ')} of {component}", []).append(key)
    return found


def _topics(shown: Shown) -> list[tuple[str, str, list[Any]]]:
    """Title, sentence and panels of what there is to show, in the order a reviewer asks in."""
    topics = [
        (
            "Paper versus measured",
            "Every number that the paper prints, the same number measured here, and the verdict.",
            _tables([key for key in shown.tables if key in _FIRST_TABLES]),
        ),
        (
            "ε by axiom and component",
            "One chart for each axiom and component, one bar for each interpretation: the bound.",
            [_bars(f"ε, {cell}", keys) for cell, keys in shown.epsilons.items()],
        ),
        (
            "Accuracy and training",
            "The trained network on formulas or sums that it has not seen, and how it got there.",
            _training(shown),
        ),
        ("Figures", "Circuit evidence and variants.", _gallery(shown.figures)),
        (
            "System use",
            "What each stage cost. W&B's sampler is off: a run is opened when its stage is done.",
            [_bars(title, [key]) for key, title in _COSTS.items()],
        ),
    ]
    return [topic for topic in topics if topic[-1]]


def _tables(keys: list[str]) -> list[Any]:
    wr = _library()
    ordered = sorted(keys, key=_FIRST_TABLES.index)
    layout = wr.Layout(w=_WHOLE_WIDTH, h=12)
    return [wr.WeavePanelSummaryTable(table_name=key, layout=layout) for key in ordered]


def _bars(title: str, keys: list[str]) -> Any:
    wr = _library()
    return wr.BarPlot(title=title, metrics=[*keys], layout=wr.Layout(w=12, h=10))


def _training(shown: Shown) -> list[Any]:
    wr = _library()
    accuracy = [wr.ScalarChart(title="Accuracy", metric="train/accuracy")]
    curves = [
        wr.LinePlot(
            title=f"{prefix.rpartition('/')[2]}: {name}",
            x=f"{prefix}/step",
            title_x="step",
            metric_regex=f"{prefix}/.*{name}",
        )
        for prefix in shown.curves
        for name in ("loss", "accuracy")
    ]
    return [*(accuracy if shown.accuracy else ()), *curves]


def _gallery(keys: list[str]) -> list[Any]:
    wr = _library()
    layout = wr.Layout(w=_WHOLE_WIDTH, h=20)
    return [wr.MediaBrowser(title="Figures", media_keys=keys, layout=layout)] if keys else []


def _library() -> Any:
    import wandb_workspaces.reports.v2.interface as wr

    return wr
