"""Reading and changing what a network computes, under TransformerLens hook names.

A hook point is the identity until functions are set on it. Functions have the TransformerLens form
``function(tensor, hook)``, where ``hook.name`` is the hook's name: what they return replaces the
tensor; None keeps it. Source: the conventions of TransformerLens 3 and 4.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from mechval.errors import MechvalError

HookFunction: TypeAlias = Callable[..., Tensor | None]

_EMBEDDING_HOOKS = ("hook_embed", "hook_pos_embed")
_BLOCK_HOOKS = (
    "hook_resid_pre",
    "attn.hook_q",
    "attn.hook_k",
    "attn.hook_v",
    "attn.hook_attn_scores",
    "attn.hook_pattern",
    "attn.hook_z",
    "hook_attn_out",
    "hook_resid_mid",
    "mlp.hook_pre",
    "mlp.hook_post",
    "hook_mlp_out",
    "hook_resid_post",
)
# TransformerLens 4 calls a block's input and output so.
_BLOCK_ALIASES = {"hook_in": "hook_resid_pre", "hook_out": "hook_resid_post"}


def hook_names(n_blocks: int) -> tuple[str, ...]:
    """All hook names of a network, in the order in which a forward pass reaches them.

    >>> len(hook_names(2)), hook_names(2)[:3]
    (28, ('hook_embed', 'hook_pos_embed', 'blocks.0.hook_resid_pre'))
    """
    blocks = (f"blocks.{block}.{name}" for block in range(n_blocks) for name in _BLOCK_HOOKS)
    return (*_EMBEDDING_HOOKS, *blocks)


class HookPoint(nn.Module):
    """The identity, until functions are set on it. ``name``: its full name in the network.
    ``functions``: what is called with the tensor, first to last."""

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.functions: list[HookFunction] = []

    def forward(self, tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The tensor, or what the functions make of it. Raises MechvalError if a function returns a
        tensor of another shape."""
        if not self.functions:
            return tensor
        # A copy, so that a function may write into it: the tensor can be a view of the weights,
        # or the very one that another hook point has handed out.
        tensor = tensor.clone()
        for function in self.functions:
            replacement = function(tensor, hook=self)
            if replacement is None:
                continue
            if replacement.shape != tensor.shape:
                raise MechvalError(
                    f"the hook function at {self.name} returns shape {tuple(replacement.shape)}; "
                    f"allowed: {tuple(tensor.shape)}."
                )
            tensor = replacement
        return tensor


class HookedModule(nn.Module):
    """A network whose hook points can be read and changed by name; its input is one tensor."""

    hook_names: tuple[str, ...]
    """All hook names, in the order in which a forward pass reaches them."""

    @property
    def is_hooked(self) -> bool:
        """Whether a function is set on some hook point now."""
        return any(isinstance(part, HookPoint) and part.functions for part in self.modules())

    @contextmanager
    def hooks(self, fwd_hooks: Sequence[tuple[str, HookFunction]]) -> Iterator[Self]:
        """Set functions on hook points, and take them away on leaving, also after an error.
        ``fwd_hooks``: pairs of a name and a function; several functions of one name are called in
        their order, after those that are set already. Raises MechvalError for an unknown name,
        before any function is set."""
        pairs = [(self._hook_point(name), function) for name, function in fwd_hooks]
        before = {point: point.functions for point, _ in pairs}
        try:
            for point, function in pairs:
                point.functions = [*point.functions, function]
            yield self
        finally:
            for point, functions in before.items():
                point.functions = functions

    def run_with_hooks(
        self, tokens: Tensor, fwd_hooks: Sequence[tuple[str, HookFunction]]
    ) -> Tensor:
        """The network's output with functions set on hook points for this call only. Raises
        MechvalError for an unknown name, or a function that changes a tensor's shape."""
        with self.hooks(fwd_hooks):
            return self(tokens)

    def run_with_cache(
        self, tokens: Tensor, names: Sequence[str] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The network's output, and detached copies of the tensors at hook points.

        ``tokens``: the network's input. ``names``: hook names, the keys of the cache; None stands
        for all. Returns the output and the cache, whose shapes are those of TransformerLens:
        ``[batch, pos, d_model]`` for the embeddings and the residual stream, ``[batch, pos, head,
        d_head]`` for q, k, v and z, ``[batch, head, query_pos, key_pos]`` for scores and pattern,
        ``[batch, pos, d_mlp]`` inside the MLP. Raises MechvalError for an unknown name.
        """
        found: dict[str, Tensor] = {}

        def keep(tensor: Tensor, hook: HookPoint) -> None:
            found[hook.name] = tensor.detach()

        wanted = self.hook_names if names is None else tuple(names)
        output = self.run_with_hooks(tokens, [(name, keep) for name in wanted])
        return output, {name: found[self._hook_point(name).name] for name in wanted}

    def _name_hook_points(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, HookPoint):
                module.name = name

    def _hook_point(self, name: str) -> HookPoint:
        parent, _, last = name.rpartition(".")
        resolved = f"{parent}.{_BLOCK_ALIASES[last]}" if last in _BLOCK_ALIASES else name
        if resolved not in self.hook_names:
            raise MechvalError(
                f"hook {name!r} does not exist; allowed: {', '.join(self.hook_names)}."
            )
        point = self.get_submodule(resolved)
        assert isinstance(point, HookPoint)
        return point
