"""Time what the axiom suite takes beside the forward passes that it cannot do without.

Run ``python benchmarks/suite_overhead.py``; it prints one JSON object. A network of two blocks with
random weights, cut into d = 3 components, is validated on random tokens. For each batch the suite
runs the network four times: as it is, and once for each of three replaced states. In turns with it,
the bare network runs four times on the same batches. Both are measured in CPU seconds, on one
thread. Target: 15 % more.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from mechval import axioms as mv
from mechval.transformer import Transformer
from mechval.transformer.architecture import Architecture

N_SAMPLES, BATCH, N_CTX, D_VOCAB = 20_480, 1024, 16, 16
N_PASSES, REPEATS = 4, 5
SIZES = Architecture(d_model=64, d_mlp=256, n_heads=(1, 4))


def main() -> None:
    """Measure both in turns."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Transformer(SIZES, d_vocab=D_VOCAB, n_ctx=N_CTX).requires_grad_(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    tokens = torch.randint(D_VOCAB, (N_SAMPLES, N_CTX))
    claim = _claim(model, tokens)
    times: dict[str, list[float]] = {"bare": [], "suite": []}
    for _ in range(REPEATS):
        times["bare"].append(_cpu_seconds(lambda: _run_bare(model, tokens)))
        times["suite"].append(
            _cpu_seconds(lambda: mv.validate(claim, tokens, batch_size=BATCH).verdict)
        )
    # The least is what a machine that does nothing else would take.
    bare, suite = (min(each) for each in times.values())
    measured = {
        "bare_cpu_seconds": round(bare, 2),
        "suite_cpu_seconds": round(suite, 2),
        "overhead": round(suite / bare - 1, 3),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _claim(model: Transformer, tokens: Tensor) -> mv.Interpretation:
    """Maps that cost next to nothing: each state is the token at one position, or a guess at it."""
    cuts = [f"blocks.{block}.hook_resid_post" for block in range(2)]
    network = mv.CutNetwork(
        model, cuts, example=tokens[:1], read_label=lambda logits: logits[:, -1].argmax(dim=-1)
    )
    written = torch.randn(D_VOCAB, N_CTX, SIZES.d_model)

    def read(resid: Tensor) -> Tensor:
        return resid[:, -1, :D_VOCAB].argmax(dim=-1)

    def write(state: Tensor) -> Tensor:
        return written[state]

    return mv.Interpretation(
        name="guess",
        components=("first block", "second block", "unembed"),
        concrete=network.components,
        abstract=(lambda tokens: tokens[:, -1], mv.identity, mv.identity),
        alphas=(mv.identity, read, read, mv.identity),
        gammas=(mv.identity, write, write, mv.identity),
        equivalences=(mv.exact_labels,) * 4,
    )


@torch.no_grad()
def _run_bare(model: Transformer, tokens: Tensor) -> None:
    for batch in tokens.split(BATCH):
        for _ in range(N_PASSES):
            model(batch)


def _cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    main()
