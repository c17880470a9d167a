"""What ``--help`` says of every key: its value and what is allowed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel

from experiments.settings import Options
from experiments.studies import load_study
from mechval.config import description_of


def explain_settings(_root_: DictConfig) -> str:
    """One line for each key of the composed config, as an OmegaConf resolver."""
    keys = [str(key) for key in _root_ if key != "hydra"]
    values = OmegaConf.to_container(OmegaConf.masked_copy(_root_, keys), resolve=True)
    assert isinstance(values, dict)
    kinds = (load_study(values["study"]).settings, Options)
    lines = [
        (f"{key}={_as_typed(value)}", text)
        for kind in kinds
        for key, value, text in _explained(kind, values)
    ]
    return "\n".join(f"{told:48}  {text}" for told, text in lines)


def _explained(
    kind: type[BaseModel], values: Mapping[Any, Any], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, str]]:
    for name, value in values.items():
        path = (*prefix, str(name))
        if isinstance(value, Mapping):
            yield from _explained(kind, value, path)
        elif (text := description_of(kind, path)) is not None:
            yield ".".join(path), value, text


def _as_typed(value: Any) -> str:
    return json.dumps(value).replace('"', "")
