"""Bounded Dyck: which bracket is the innermost open one? By attention on it, or by a sum over all.

Prefixes of balanced strings with two types of brackets and bounded depth. A bracket's type and
depth are given to the network (a minimal first layer); one attention layer reads them at the end,
its values are added up and decoded. Attention is *uniform*, where an opening and its closing have
to cancel, or *stack-like*, on the innermost open bracket alone. Two claims are made of each: that
the *pattern* points at that bracket, and that the *value sum* holds all open ones.

Source: Wen et al. (arXiv 2312.01429), who show that both kinds of attention solve the task.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from mechval.axioms import Interpretation, Part, Variable, exact_labels, identity
from mechval.files import write_whole
from mechval.instruments.fitted import fit_directions, fitted_organism
from mechval.instruments.organism import Organism
from mechval.instruments.trained import TrainedRow, load_trained
from mechval.progress import track

WEIGHTS = "dyck.safetensors"
TYPES, DEPTH, LENGTH = 2, 3, 4
SEEDS = range(5)
_PAD = 2 * TYPES
_NO_BRACKET, _START = 2 * TYPES * DEPTH, 2 * TYPES * DEPTH + 1
_N_SYMBOLS = _START + 1
_NONE = TYPES
"""The answer if no bracket is open."""
_WIDTH, _STEPS, _RATE = 8, 1000, 0.02
_COMPONENTS = _ATTEND, _ = ("attend", "copy")


class Attention(StrEnum):
    """Where the network looks."""

    UNIFORM = "uniform"
    STACK = "stack-like"

    @property
    def sharpness(self) -> float:
        return 0.0 if self is Attention.UNIFORM else 200.0


def all_prefixes() -> Int[Tensor, "prefix pos"]:
    """Every prefix of a balanced string, shorter ones filled up: brackets that open come first in
    the numbering of tokens, those that close after them."""
    found, grown = [()], [((), ())]
    for _ in range(LENGTH):
        grown = [step for own in grown for step in _longer(*own)]
        found += [tokens for tokens, _ in grown]
    return torch.tensor([[*tokens, *[_PAD] * (LENGTH - len(tokens))] for tokens in found])


def _longer(
    tokens: tuple[int, ...], stack: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    if len(stack) < DEPTH:
        for kind in range(TYPES):
            yield (*tokens, kind), (*stack, kind)
    if stack:
        yield (*tokens, TYPES + stack[-1]), stack[:-1]


@dataclass(frozen=True)
class Brackets:
    """What the first layer knows of prefixes: ``symbols`` are type and depth of every bracket, with
    that of the start first; ``open`` are the types of all open brackets plus 1, by depth, 0 for
    none; ``depth`` is how many are open."""

    symbols: Int[Tensor, "prefix pos"]
    open: Int[Tensor, "prefix depth"]
    depth: Int[Tensor, " prefix"]


def read_brackets(tokens: Int[Tensor, "prefix pos"]) -> Brackets:
    """Count brackets from left to right."""
    n = len(tokens)
    is_open, depth = torch.zeros(n, DEPTH, dtype=torch.long), torch.zeros(n, dtype=torch.long)
    symbols = [torch.full((n,), _START)]
    for token in tokens.T:
        opens, closes = token < TYPES, (token >= TYPES) & (token < _PAD)
        depth = depth - closes.long()
        symbol = token * DEPTH + depth
        symbols.append(torch.where(opens | closes, symbol, torch.full_like(symbol, _NO_BRACKET)))
        is_open[opens, depth[opens]] = token[opens] + 1
        is_open[closes, depth[closes]] = 0
        depth = depth + opens.long()
    return Brackets(torch.stack(symbols, dim=1), is_open, depth)


def innermost(open_brackets: Int[Tensor, "prefix depth"]) -> Int[Tensor, " prefix"]:
    """The type of the deepest open bracket; the answer."""
    is_open = open_brackets > 0
    deepest = (is_open * torch.arange(1, DEPTH + 1)).argmax(dim=1, keepdim=True)
    kind = open_brackets.gather(1, deepest)[:, 0] - 1
    return torch.where(is_open.any(dim=1), kind, torch.full_like(kind, _NONE))


def pointed_at(tokens: Int[Tensor, "prefix pos"]) -> Int[Tensor, " prefix"]:
    """The symbol of the innermost open bracket, or of the start."""
    brackets = read_brackets(tokens)
    symbol = innermost(brackets.open) * DEPTH + brackets.depth - 1
    return torch.where(brackets.depth > 0, symbol, torch.full_like(symbol, _START))


def copied(symbol: Int[Tensor, " prefix"]) -> Int[Tensor, " prefix"]:
    """The type of a bracket that opens; of everything else none."""
    return torch.where(symbol < TYPES * DEPTH, symbol // DEPTH, torch.full_like(symbol, _NONE))


@dataclass(frozen=True, eq=False)
class Network:
    """Attention of one kind, a value for each symbol, and a decoder of their sum."""

    attention: Attention
    values: Float[Tensor, "symbol width"]
    decoder: Float[Tensor, "width answer"]
    bias: Float[Tensor, " answer"]

    def attend(self, tokens: Int[Tensor, "prefix pos"]) -> Float[Tensor, "prefix symbol"]:
        """How much attention each symbol gets: its scores match depths, the later the better."""
        brackets = read_brackets(tokens)
        symbols = brackets.symbols
        depth = torch.where(symbols < TYPES * DEPTH, symbols % DEPTH + 1, -1)
        depth = torch.where(symbols == _START, 0, depth)
        later = torch.arange(symbols.shape[1]) / symbols.shape[1]
        scores = 2.0 * (depth == brackets.depth[:, None]) + later
        pattern = (self.attention.sharpness * scores).softmax(dim=1)
        return torch.zeros(len(tokens), _N_SYMBOLS).scatter_add(1, symbols, pattern)

    def add_up(self, attended: Float[Tensor, "prefix symbol"]) -> Float[Tensor, "prefix width"]:
        return attended @ self.values

    def logits(self, total: Float[Tensor, "prefix width"]) -> Float[Tensor, "prefix answer"]:
        return total.to(self.decoder.dtype) @ self.decoder + self.bias

    def decode(self, total: Float[Tensor, "prefix width"]) -> Int[Tensor, " prefix"]:
        return self.logits(total).argmax(dim=1)


def hand_set(attention: Attention) -> Network:
    """One dimension for each type and depth; a closing writes the opposite of its opening. Deeper
    dimensions weigh more than all others together."""
    n = TYPES * DEPTH
    values = torch.zeros(_N_SYMBOLS, n)
    values[:n], values[n : 2 * n] = torch.eye(n), -torch.eye(n)
    decoder = torch.zeros(n, TYPES + 1)
    decoder[torch.arange(n), torch.arange(n) // DEPTH] = 3.0 ** (torch.arange(n) % DEPTH)
    bias = torch.tensor([*[0.0] * TYPES, 0.5 / (LENGTH + 1)])
    return Network(attention, values, decoder, bias)


def train(attention: Attention, seed: int) -> Network:
    """Values and decoder trained on all prefixes, the attention given.

    With uniform attention what a matched pair adds is held small, as by the contrastive penalty of
    Wen et al.
    """
    generator, n = torch.Generator().manual_seed(seed), TYPES * DEPTH
    values = torch.randn(_N_SYMBOLS, _WIDTH, generator=generator).requires_grad_()
    decoder = torch.randn(_WIDTH, TYPES + 1, generator=generator).requires_grad_()
    network = Network(attention, values, decoder, torch.zeros(TYPES + 1, requires_grad=True))
    prefixes = all_prefixes()
    attended, answers = network.attend(prefixes), innermost(read_brackets(prefixes).open)
    optimiser = torch.optim.Adam([network.values, network.decoder, network.bias], lr=_RATE)
    for _ in range(_STEPS):
        loss = functional.cross_entropy(network.logits(network.add_up(attended)), answers)
        if attention is Attention.UNIFORM:
            pairs = values[:n] + values[n : 2 * n] - 2 * values[_NO_BRACKET]
            loss = loss + pairs.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Network(attention, values.detach(), decoder.detach(), network.bias.detach())


def train_all(folder: Path) -> Iterator[TrainedRow]:
    """Train five networks of each kind; all lie in one file."""
    prefixes = all_prefixes()
    answers = innermost(read_brackets(prefixes).open)
    tensors = {}
    for attention in Attention:
        for seed in track(SEEDS, f"Dyck, {attention}"):
            network = train(attention, seed)
            name = _named(attention, seed)
            tensors |= {f"{name}/{part}": getattr(network, part) for part in _PARTS}
            found = network.decode(network.add_up(network.attend(prefixes)))
            yield TrainedRow(name, seed, _STEPS, len(prefixes), int((found != answers).sum()))
    write_whole(folder / WEIGHTS, save(tensors))


_PARTS = ("values", "decoder", "bias")


def load_all(folder: Path) -> Mapping[str, Network]:
    """The hand-set networks and those that were trained, by name.

    Raises MechvalError if the file is missing or damaged.
    """
    tensors = load_trained(folder / WEIGHTS)
    found = {}
    for attention in Attention:
        found[_named(attention)] = hand_set(attention)
        for seed in SEEDS:
            name = _named(attention, seed)
            parts = (tensors[f"{name}/{part}"] for part in _PARTS)
            found[name] = Network(attention, *parts)
    return found


def dyck_claims(name: str, network: Network) -> list[Organism]:
    """Both claims about one network, of which one is true."""
    prefixes, is_stack = all_prefixes(), network.attention is Attention.STACK
    pattern, values = f"{name}, pattern", f"{name}, values"
    told = f"{network.attention} attention solves bounded Dyck"
    first = Organism(
        name=pattern,
        told=f"{told} / attention points at the innermost open bracket, whose type is copied",
        is_sound=is_stack,
        control="" if is_stack else values,
        claim=Interpretation(
            name=pattern,
            components=_COMPONENTS,
            concrete=(network.attend, lambda attended: network.decode(network.add_up(attended))),
            abstract=(pointed_at, copied),
            alphas=(identity, lambda attended: attended.argmax(dim=1), identity),
            gammas=(identity, lambda symbol: torch.eye(_N_SYMBOLS)[symbol], identity),
            equivalences=(exact_labels, exact_labels, exact_labels),
        ),
        variables=[Variable(_ATTEND, Part("bracket pointed at"), Part("attention"))],
        inputs=prefixes,
        domain_size=len(prefixes),
    )
    with torch.no_grad():
        total = network.add_up(network.attend(prefixes))
    second = fitted_organism(
        values,
        f"{told} / the value sum holds every open bracket",
        (lambda tokens: network.add_up(network.attend(tokens)), network.decode),
        (lambda tokens: read_brackets(tokens).open, innermost),
        fit_directions(total, read_brackets(prefixes).open, TYPES),
        variables=[f"open at depth {depth}" for depth in range(1, DEPTH + 1)],
        inputs=prefixes,
        is_sound=not is_stack,
        control=pattern if is_stack else "",
        domain_size=len(prefixes),
    )
    return [first, second]


def _named(attention: Attention, seed: int | None = None) -> str:
    return f"Dyck {attention}" if seed is None else f"Dyck {attention} {seed}"
