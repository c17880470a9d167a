"""Compile RASP programs with Tracr into the weights that `experiments.gallery.compiled` validates.

A tool for building, which nothing else imports: ``pip install tracr-pypi==1.0.0 safetensors`` (with
which come jax and dm-haiku) in an environment of its own, then, from the repository's root,
``python -m experiments.gallery.compile_rasp``. It writes ``reverse.safetensors`` and
``sort.safetensors`` beside itself: the parameters, and the labels of the residual stream's
directions. The same packages give the same bytes.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from tracr.compiler import compiling, lib  # pyright: ignore[reportMissingImports]
from tracr.rasp import rasp  # pyright: ignore[reportMissingImports]

SYMBOLS, LENGTH = (1, 2, 3), 4
PROGRAMS = {
    "reverse": lib.make_reverse(rasp.tokens),
    "sort": lib.make_sort(rasp.tokens, rasp.tokens, max_seq_len=LENGTH, min_key=min(SYMBOLS)),
}


def main() -> None:
    """Compile every program."""
    for name, program in PROGRAMS.items():
        model = compiling.compile_rasp_to_model(
            program, vocab={*SYMBOLS}, max_seq_len=LENGTH, compiler_bos="BOS"
        )
        tensors = {
            f"{module}/{parameter}": np.ascontiguousarray(value, dtype=np.float32)
            for module, parameters in model.params.items()
            for parameter, value in parameters.items()
        }
        labels = {"labels": json.dumps(model.residual_labels)}
        path = Path(__file__).with_name(f"{name}.safetensors")
        path.write_bytes(save(tensors, labels))


if __name__ == "__main__":
    main()
