"""ε as bars on a logarithmic axis, the paper's value as reference: a custom chart of W&B's.

W&B's own bar charts have no such axis. The chart is therefore a Vega-Lite specification that is
kept with the account, over a table that the summary runs log: a bar is the mean over the runs that
are shown, a line their range, a tick what the paper prints.
"""

import json
import logging
from typing import Any

from experiments import stage_contents
from mechval.pipeline.manifest import text_digest

# Where bars begin: a logarithmic axis has no zero, and an exact ε may be 0.
_LEAST = 1e-6

_logger = logging.getLogger(__name__)


def specification() -> dict[str, Any]:
    """The chart in Vega-Lite; W&B fills in ``${…}`` for each panel."""
    drawn = f"max(datum['${{field:measured}}'], {_LEAST})"
    by = {"field": "${field:by}", "type": "nominal"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"name": "wandb"},
        "title": "${string:part}",
        "transform": [
            {"filter": {"field": "${field:part}", "equal": "${string:part}"}},
            {"calculate": drawn, "as": "drawn"},
        ],
        "encoding": {
            "y": {
                "field": "${field:row}",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelLimit": 400},
            },
        },
        "layer": [
            {
                "mark": {"type": "bar", "tooltip": True},
                "encoding": {
                    "x": _axis("mean", "drawn"),
                    "x2": {"datum": _LEAST},
                    "yOffset": by,
                    "color": by,
                },
            },
            {
                "mark": "rule",
                "encoding": {
                    "x": _axis("min", "drawn"),
                    "x2": {"aggregate": "max", "field": "drawn"},
                    "yOffset": by,
                },
            },
            {
                "mark": {"type": "tick", "color": "black", "thickness": 3, "tooltip": True},
                "encoding": {"x": _axis("max", "${field:printed}")},
            },
        ],
    }


def chart_name() -> str:
    """Names the chart by what it is, so that an account never has another under its name."""
    return f"mechval-epsilon-{text_digest(json.dumps(specification()))[:8]}"


def keep_chart(api: Any, entity: str) -> None:
    """Give the account the chart. A failure is one warning: it may have it from before."""
    try:
        api.create_custom_chart(
            entity=entity,
            name=chart_name(),
            display_name="mechval: ε with its range, and the paper's",
            spec_type="vega2",
            access="private",
            spec=specification(),
        )
    except Exception as error:
        told = f"{type(error).__name__}: {error}".partition("\n")[0]
        _logger.warning("the chart of ε is not made anew (%s); one from before is used", told)


def make_panel(entity: str, part: str, by: str) -> Any:
    """The chart of one part of the table, its bars by ``preset`` or ``seed``."""
    import wandb_workspaces.reports.v2.interface as wr

    is_long = part in stage_contents.AGAINST_PAPER.values()
    return wr.CustomChart(
        query={"summaryTable": {"tableKey": stage_contents.EPSILONS}},
        chart_name=f"{entity}/{chart_name()}",
        chart_fields={**{name: name for name in stage_contents.EPSILON_COLUMNS}, "by": by},
        chart_strings={"part": part},
        layout=wr.Layout(w=24, h=24) if is_long else wr.Layout(w=12, h=10),
    )


def _axis(aggregate: str, name: str) -> dict[str, Any]:
    scale = {"type": "log", "domainMin": _LEAST}
    found = {"aggregate": aggregate, "field": name, "type": "quantitative"}
    return {**found, "title": "ε", "scale": scale}
