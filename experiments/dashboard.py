"""The W&B workspace and report of one run, defined in code; ``+stage=dashboard`` publishes them.

Which panels there are follows from the run's results on disk, through the keys of
``stage_contents`` that the tracker logs too. Nothing else imports ``wandb_workspaces``, whose
interface is a preview. Building makes no network call as long as the report's runset is blank.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from experiments import stage_contents
from experiments.pages import page_runs
from experiments.settings import Request
from experiments.tracking import (
    PAGE,
    SUMMARY,
    artifact_name,
    group_name,
    import_wandb,
    reach_server,
    tracking_folder,
)
from mechval.axioms import Axiom
from mechval.errors import MechvalError
from mechval.pipeline import Stage, Workspace
from mechval.reporting.html.page import four_questions

API_SECONDS = 10
_WHOLE_WIDTH = 24
_CERTIFICATES = ("tables/ledger", "tables/theorem_cells")
_FIRST_TABLES = ("tables/paper", "tables/axioms")
_COSTS = {
    "seconds": "Time of each stage (seconds)",
    "peak_memory_gb": "Peak memory of each stage's process (GB)",
}


@dataclass(frozen=True)
class Shown:
    """What a run has to show: whether its accuracy is known, and keys of what else there is.

    ``epsilons`` are those of every interpretation, by axiom and component; ``curves`` are prefixes;
    ``settings`` are the numbers among the settings, dotted; ``last_stage`` has the longest lineage;
    ``answers`` are a reviewer's questions, answered.
    """

    study: str
    run: str
    accuracy: bool
    epsilons: dict[str, list[str]]
    curves: list[str]
    figures: list[str]
    tables: list[str]
    costs: list[str]
    settings: list[str]
    last_stage: str
    answers: list[tuple[str, str]] = field(default_factory=list)


def read_shown(
    study: str,
    run: str,
    directory: Path,
    stages: Iterable[Stage[Any]],
    settings: Mapping[str, Any],
) -> Shown:
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
        costs=[key for key in numbers if key.startswith("cost/")],
        settings=list(_numbers(settings)),
        last_stage=finished[-1].name,
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
            for index, (title, _, panels) in enumerate((*_topics(shown), *_comparison(shown)))
        ],
    )


def build_report(shown: Shown, entity: str, project: str) -> Any:
    """A ``wandb_workspaces.reports.v2.Report``; a non-blank entity asks the server about it."""
    wr = _library()
    where = {"entity": entity, "project": project}
    of_run = wr.Runset(**where, name=shown.run, filters=_filter(shown))
    summaries = f"JobType == '{SUMMARY}' and Tags in ['{shown.study}']"
    spread = [
        wr.Runset(**where, name=f"by {by}", filters=summaries, groupby=[f"config.{by}"])
        for by in ("preset", "seed")
    ]
    blocks: list[Any] = [wr.TableOfContents()]
    for question, answer in shown.answers:
        blocks += [wr.H2(question), wr.MarkdownBlock(text=answer)]
    for topics, runsets in ((_topics(shown), [of_run]), (_comparison(shown), spread)):
        for title, sentence, panels in topics:
            grid = wr.PanelGrid(runsets=runsets, panels=panels, hide_run_sets=runsets == [of_run])
            blocks += [wr.H2(title), wr.P(sentence), grid]
    lineage = artifact_name(shown.study, shown.run, shown.last_stage)
    blocks += [
        wr.H2("Lineage"),
        wr.P("Which artifact each stage read, from the data to the last one."),
        wr.WeaveBlockArtifact(**where, artifact=lineage, tab="lineage"),
    ]
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

    Without ``wandb.entity`` they go to the account's own. Raises MechvalError for
    ``verify=true``, a run without results, or when W&B refuses or cannot be reached.
    """
    options = request.options
    if options.verify:
        raise MechvalError("verify=true is not allowed with +stage=dashboard; allowed: false.")
    study, run = request.study.name, request.run_options.run
    directory = request.workspace.run_directory(study, run)
    settings = request.settings.model_dump(mode="json")
    shown = read_shown(study, run, directory, request.study.stages(request.settings), settings)
    shown = replace(shown, answers=answers(request.workspace, study, run))
    wandb = import_wandb(tracking_folder(request))
    owner = (options.wandb.entity or "", options.wandb.project)
    try:
        # Asked first, because the libraries below wait and repeat for long.
        reach_server(API_SECONDS)
        api = wandb.Api(timeout=API_SECONDS)
        owner = (options.wandb.entity or api.default_entity, options.wandb.project)
        replay_lineage(api, shown, *owner)
        build_workspace(shown, *owner).save()
        build_report(shown, *owner).save()
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        place = "/".join(filter(None, owner))
        raise MechvalError(
            f"the dashboard of {place} is not published ({type(error).__name__}: "
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
    """Keys ``ax<number>_<component>/epsilon/<interpretation>`` by axiom and component."""
    found: dict[str, list[str]] = {}
    for key in numbers:
        cell, _, interpretation = key.partition("/epsilon/")
        if interpretation:
            number, _, component = cell.removeprefix("ax").partition("_")
            axiom = list(Axiom)[int(number) - 1]
            found.setdefault(f"{number} {axiom} of {component}", []).append(key)
    return found


def _numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}"


def _topics(shown: Shown) -> list[tuple[str, str, list[Any]]]:
    """Title, sentence and panels of what there is to show, in the order a reviewer asks in."""
    topics = [
        (
            "Certificates",
            "What is proved or counted, and what is sampled.",
            _tables(shown, _CERTIFICATES),
        ),
        (
            "Paper versus measured",
            "Every number that the paper prints, the same number measured here, and the verdict; "
            "printed and measured ε on a logarithmic axis, by row of the table.",
            [*_tables(shown, _FIRST_TABLES[:1]), *_against_paper(shown)],
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
        ("Page", "The page of the run, with everything on it.", _gallery([PAGE])),
        ("Axiom table", "Every cell.", _tables(shown, _FIRST_TABLES[1:])),
        ("Figures", "Circuit evidence and variants.", _gallery(shown.figures)),
        (
            "Cost",
            "What each stage took; GPU, memory and processor use are in W&B's own System section.",
            [
                _bars(title, [key for key in shown.costs if key.endswith(f"/{name}")])
                for name, title in _COSTS.items()
                if shown.costs
            ],
        ),
    ]
    return [topic for topic in topics if topic[-1]]


def _comparison(shown: Shown) -> list[tuple[str, str, list[Any]]]:
    """What summary runs show together: the spread of seeds and presets, and each setting's part."""
    wr = _library()
    first = [keys[0] for keys in shown.epsilons.values()]
    how = {"groupby_aggfunc": "mean", "groupby_rangefunc": "minmax", "aggregate": True}
    layout = wr.Layout(w=12, h=10)
    bars = [
        wr.BarPlot(title=f"ε, {cell}", metrics=[*keys[:1]], layout=layout, **how)
        for cell, keys in shown.epsilons.items()
    ]
    accuracy = [wr.SummaryMetric("train/accuracy")] if shown.accuracy else []
    scattered = [
        wr.ScatterPlot(title=f"Accuracy and {key}", x=accuracy[0], y=key, log_y=True, layout=layout)
        for key in map(wr.SummaryMetric, first)
        if accuracy
    ]
    settings = [wr.Config(f"settings.{name}") for name in shown.settings]
    against = [
        wr.ParallelCoordinatesPlot(
            title="Settings, accuracy and ε",
            columns=[
                wr.ParallelCoordinatesPlotColumn(metric=metric)
                for metric in (*settings, *accuracy, *map(wr.SummaryMetric, first))
            ],
            layout=wr.Layout(w=_WHOLE_WIDTH, h=14),
        )
    ]
    panels = [*bars, *scattered, *against]
    sentence = "One run for each config and seed: mean and range over presets, then over seeds."
    return [("Presets, seeds and settings", sentence, panels)] if first else []


def answers(workspace: Workspace, study: str, run: str) -> list[tuple[str, str]]:
    """A reviewer's questions and their answers, as on the run's page; none without a page."""
    content = import_module(f"mechval.{study}.report.page").PAGE
    for page in page_runs(workspace, content, []):
        if page.run.run == run:
            return [
                (question, f"**{found.verdict}.** {' '.join(found.sentences)}")
                for question, found in four_questions(page).values()
            ]
    return []


def _tables(shown: Shown, keys: Sequence[str]) -> list[Any]:
    wr = _library()
    layout = wr.Layout(w=_WHOLE_WIDTH, h=12)
    there = [key for key in keys if key in shown.tables]
    return [wr.WeavePanelSummaryTable(table_name=key, layout=layout) for key in there]


def _against_paper(shown: Shown) -> list[Any]:
    wr, prefix = _library(), stage_contents.AGAINST_PAPER
    if "tables/paper" not in shown.tables:
        return []
    return [
        wr.LinePlot(
            title="ε, printed and measured",
            x=f"{prefix}/row",
            y=[f"{prefix}/printed", f"{prefix}/measured"],
            log_y=True,
            title_x="row",
            layout=wr.Layout(w=_WHOLE_WIDTH, h=10),
        )
    ]


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
