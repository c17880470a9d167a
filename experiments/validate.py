"""Validate a claim of one's own: ``python -m experiments.validate package.module:question``.

``question`` is a function without arguments that returns a `mechval.axioms.Question`. Written is
``results/claims/<name>/``, by the name of its first claim: tables, controls, where it fails, specs,
a figure, ``README.md``, the page ``index.html`` and ``manifest.json``; a folder of that name is
replaced once all is made.
"""

import importlib
import re
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import torch

from experiments.exits import exit_codes
from experiments.folders import replacing
from mechval import axioms as mv
from mechval.axioms import guarding
from mechval.axioms.statistics import CONFIDENCE
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.pipeline.code_digest import code_digest
from mechval.pipeline.manifest import StageKey, hash_files, make_manifest, manifest_text
from mechval.progress import track
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.html.claim_page import build_claim_page

CLAIMS = Path("results") / "claims"
MANIFEST = "manifest.json"
FIGURE = "cells"


def main(reference: str) -> Path:
    """Validate what a reference names and write its folder, which is returned.

    Raises MechvalError if the reference names no question, or as `mechval.axioms.validate`.
    """
    asked = load_question(reference)
    result = mv.validate(
        asked.claim,
        asked.inputs,
        strata=asked.strata,
        confidence=CONFIDENCE,
        domain_size=asked.domain_size,
    )
    controls = [mv.run_controls(each, asked.inputs) for each in track(asked.claims, "controls")]
    with replacing(CLAIMS / _folder_name(asked.claims[0].name)) as folder:
        _write(folder, result, controls)
        facts = {
            "command": f"python -m experiments.validate {reference}",
            **_save_specs(asked.claims, folder),
            **{name: digest[:12] for name, digest in hash_files(folder).items()},
        }
        page = build_claim_page(folder, reference, asked.claims, result, controls, facts)
        manifest = make_manifest("validate", _key(reference, asked), folder, folder / "none")
        write_whole(folder / MANIFEST, manifest_text(manifest).encode())
    folder = CLAIMS / folder.name
    sys.stdout.write(f"{result}\n\n{folder / page.name}\n")
    return folder


def _write(
    folder: Path,
    result: mv.ValidationResult,
    controls: Sequence[mv.Controls],
) -> None:
    """Tables, figure and text."""
    result.save(folder)
    mv.CONTROLS.write([cell for each in controls for cell in each.cells], folder)
    with figure_style():
        save_figure(result.figure(), folder, FIGURE)
    text = "\n".join(each.to_markdown() for each in (result, *controls))
    title = f"# {result.reports[0].interpretation}"
    write_whole(folder / "README.md", f"{title}\n\n{text}".encode())


def _key(reference: str, asked: mv.Question) -> StageKey:
    return StageKey(
        config={"question": reference, "domain_size": asked.domain_size, "confidence": CONFIDENCE},
        seed=0,
        code=code_digest(["mechval.axioms.validating", "mechval.axioms.controls"]),
        inputs={"inputs": _digest(asked.inputs)},
    )


def load_question(reference: str) -> mv.Question:
    """What ``package.module:function`` returns.

    Raises MechvalError if there is no such module or function, or it returns something else.
    """
    module, _, name = reference.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise MechvalError(
            f"{reference!r} names no question ({error}); allowed: package.module:function, where "
            "the function takes nothing and returns a mechval.axioms.Question."
        ) from None
    if not isinstance(made, mv.Question):
        raise MechvalError(
            f"{reference!r} gives a {type(made).__name__}; allowed: a mechval.axioms.Question."
        )
    return made


def _folder_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "claim"


def _save_specs(claims: Sequence[mv.Interpretation], folder: Path) -> dict[str, str]:
    """Save every claim that can be; a fact for each says where it is, or why it is not."""
    facts = {}
    for claim in claims:
        place = folder / "specs" / _folder_name(claim.name)
        try:
            mv.save_interpretation(claim, place)
            facts[f"spec of {claim.name}"] = place.relative_to(folder).as_posix()
        except MechvalError as error:
            facts[f"spec of {claim.name}"] = f"not saved: {error}"
    return facts


def _digest(inputs: object) -> str:
    digest = sha256()
    for path, leaf in guarding.leaves(inputs):
        if isinstance(leaf, torch.Tensor):
            digest.update(f"{path} {leaf.dtype} {tuple(leaf.shape)}\n".encode())
            digest.update(
                leaf.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            )
    return digest.hexdigest()


if __name__ == "__main__":
    with exit_codes():
        if len(sys.argv) != 2:
            raise MechvalError(
                f"{len(sys.argv) - 1} arguments; allowed: one, package.module:function."
            )
        main(sys.argv[1])
