"""The command ``mechval``: it lists its commands, and tells what is missing in one sentence."""

import runpy
import sys
from typing import NoReturn

import pytest

from experiments.main import COMMANDS, main


def test_help_lists_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mechval"])
    main()
    assert set(COMMANDS) <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("fly", "fly is not allowed; allowed: run, explain, pages, validate.\n"),
        ("run", "hydra is not installed; needed: pip install 'mechval[studies]'.\n"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, sentence: str
) -> None:
    def lack(*_: object, **__: object) -> NoReturn:
        raise ModuleNotFoundError(name="hydra")

    monkeypatch.setattr(sys, "argv", ["mechval", word])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(runpy, "run_module", lack)
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code == 2
    assert capsys.readouterr().err == sentence
