"""The W&B workspace and report of one run, defined in code; ``+stage=dashboard`` uploads them.

Which panels there are follows from the run's results on disk, through the keys of
``stage_contents`` that the tracker logs too. Nothing else imports ``wandb_workspaces``, whose
interface is a preview. Building makes no network call as long as the report's runset is blank.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from experiments import epsilon_chart, stage_contents
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
from mechval.errors import MechvalError
from mechval.pipeline import Stage, Workspace
from mechval.tables import is_number

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

    ``cells`` and ``against_paper`` are parts of the table of ε, one chart each; ``epsilons`` those
    of the first interpretation in each cell; ``curves`` are prefixes; ``settings`` are the numbers
    among the settings, dotted; ``timed`` are stages; ``last_stage`` has the longest lineage;
    ``answers`` are a reviewer's questions, answered.
    """

    study: str
    run: str
    accuracy: bool
    cells: list[str]
    against_paper: list[str]
    epsilons: list[str]
    curves: list[str]
    figures: list[str]
    tables: list[str]
    timed: list[str]
    settings: list[str]
    last_stage: str
    answers: list[tuple[str, str]] = field(default_factory=list)


def read_shown(
    study: str, run: str, directory: Path, stages: Iterable[Stage[Any]], settings: Mapping[str, Any]
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
    parts = dict.fromkeys(part for content in contents for part, *_ in content.epsilons())
    printed = stage_contents.AGAINST_PAPER.values()
    return Shown(
        study,
        run,
        accuracy="train/accuracy" in numbers,
        cells=[part for part in parts if part not in printed],
        against_paper=[part for part in parts if part in printed],
        epsilons=[key for content in contents for key in content.first_epsilons()],
        curves=[*dict.fromkeys(name for content in contents for name, _ in content.points())],
        figures=[key for item in finished for key in stage_contents.figures(directory / item.name)],
        tables=[key for content in contents for key in content.tables()],
        timed=[content.stage for content in contents if content.record],
        settings=[name for name, value in stage_contents.flat(settings) if is_number(value)],
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
            for index, (title, _, panels) in enumerate(
                (*_topics(shown, entity), *_comparison(shown, entity).values())
            )
        ],
    )


def build_report(shown: Shown, entity: str, project: str) -> Any:
    """A ``wandb_workspaces.reports.v2.Report``; a non-blank entity asks the server about it."""
    wr = _library()
    where = {"entity": entity, "project": project}
    of_run = wr.Runset(**where, name=shown.run, filters=_filter(shown))
    summaries = f"JobType == '{SUMMARY}' and Tags in ['{shown.study}']"
    blocks: list[Any] = [wr.TableOfContents()]
    for question, answer in shown.answers:
        blocks += [wr.H2(question), wr.MarkdownBlock(text=answer)]
    grids = [(topic, of_run) for topic in _topics(shown, entity)]
    for by, topic in _comparison(shown, entity).items():
        spread = wr.Runset(**where, name=f"by {by}", filters=summaries, groupby=[f"config.{by}"])
        grids.append((topic, spread))
    for (title, sentence, panels), runset in grids:
        grid = wr.PanelGrid(runsets=[runset], panels=panels, hide_run_sets=runset is of_run)
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


def upload(request: Request) -> None:
    """Upload workspace and report, and replay the lineage of runs that were synced.

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
        epsilon_chart.keep_chart(api, owner[0])
        build_workspace(shown, *owner).save()
        build_report(shown, *owner).save()
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        place = "/".join(filter(None, owner))
        raise MechvalError(
            f"the dashboard of {place} is not uploaded ({type(error).__name__}: "
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


def _topics(shown: Shown, entity: str) -> list[tuple[str, str, list[Any]]]:
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
            "ε on a logarithmic axis, a tick where the paper's stands.",
            [*_tables(shown, _FIRST_TABLES[:1]), *_charts(entity, shown.against_paper, "preset")],
        ),
        (
            "ε by axiom and component",
            "One chart for each axiom and component, one bar for each interpretation: the bound.",
            _charts(entity, shown.cells, "preset"),
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
                _bars(title, [stage_contents.cost_key(stage, name) for stage in shown.timed])
                for name, title in _COSTS.items()
                if shown.timed
            ],
        ),
    ]
    return [topic for topic in topics if topic[-1]]


def _comparison(shown: Shown, entity: str) -> dict[str, tuple[str, str, list[Any]]]:
    """What summary runs show together: the spread over presets and over seeds, and each setting's
    part; nothing where there is no ε."""
    if not shown.epsilons:
        return {}
    sentence = "One run for each config and seed: the mean as a bar, the range as a line."
    parts = (*shown.against_paper, *shown.cells)
    found = {by: _charts(entity, parts, by) for by in ("preset", "seed")}
    found["preset"] += _against_settings(shown)
    return {by: (f"ε by {by}", sentence, panels) for by, panels in found.items()}


def _against_settings(shown: Shown) -> list[Any]:
    wr = _library()
    epsilons = [wr.SummaryMetric(key) for key in shown.epsilons]
    accuracy = [wr.SummaryMetric("train/accuracy")] if shown.accuracy else []
    scattered = [
        wr.ScatterPlot(
            title=f"Accuracy and {y.name}", x=x, y=y, log_y=True, layout=wr.Layout(w=12, h=10)
        )
        for x in accuracy
        for y in epsilons
    ]
    settings = [wr.Config(f"settings.{name}") for name in shown.settings]
    columns = [
        wr.ParallelCoordinatesPlotColumn(metric=metric)
        for metric in (*settings, *accuracy, *epsilons)
    ]
    layout = wr.Layout(w=_WHOLE_WIDTH, h=14)
    together = wr.ParallelCoordinatesPlot(
        title="Settings, accuracy and ε", columns=columns, layout=layout
    )
    return [*scattered, together]


def answers(workspace: Workspace, study: str, run: str) -> list[tuple[str, str]]:
    """A reviewer's questions and their answers, as on the run's page; none without a page."""
    content = import_module(f"mechval.{study}.report.page").PAGE
    for page in page_runs(workspace, content, []):
        if page.run.run == run:
            return [
                (question, f"**{found.verdict}.** {' '.join(found.sentences)}")
                for question, found in page.questions.values()
            ]
    return []


def _tables(shown: Shown, keys: Sequence[str]) -> list[Any]:
    wr = _library()
    layout = wr.Layout(w=_WHOLE_WIDTH, h=12)
    there = [key for key in keys if key in shown.tables]
    return [wr.WeavePanelSummaryTable(table_name=key, layout=layout) for key in there]


def _charts(entity: str, parts: Iterable[str], by: str) -> list[Any]:
    return [epsilon_chart.make_panel(entity, part, by) for part in parts]


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
