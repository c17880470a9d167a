"""One forward pass of a model, with tensors replaced and kept at its cuts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from torch import Tensor, nn

from mechval.axioms import guarding, states
from mechval.axioms.cuts import Cut
from mechval.errors import MechvalError

_Visitor: TypeAlias = Callable[..., Any]


@runtime_checkable
class HookedModel(Protocol):
    """A model that runs hook functions ``function(tensor, hook)`` by name, as TransformerLens's."""

    def run_with_hooks(self, *args: Any, fwd_hooks: Any, **kwargs: Any) -> Any:
        """The output with functions set on hook points for this call only."""
        ...


@dataclass(frozen=True)
class CutModel:
    """A model and all its cuts by their labels.

    Raises MechvalError if there is no hook or submodule of some name.
    """

    model: nn.Module | HookedModel
    cuts: Mapping[str, Cut]

    def __post_init__(self) -> None:
        known = _names(self.model)
        for cut in self.cuts.values():
            if cut.name not in known:
                raise MechvalError(f"cut {cut.name!r} does not exist; allowed: {', '.join(known)}.")

    def run(
        self, inputs: Any, put_in: Mapping[str, Tensor], kept: Sequence[str]
    ) -> tuple[Any, dict[str, Tensor]]:
        """The output, and the tensors of ``kept`` and ``put_in``; the latter replace the model's.

        All are copies, since a layer may work in place on what the one before it gave.

        Raises MechvalError if the model raises anything or gives NaN, a cut is reached never or
        twice, or a tensor does not fit.
        """
        found: dict[str, Tensor] = {}
        labels: dict[str, list[str]] = {}
        for label in dict.fromkeys((*put_in, *kept)):
            labels.setdefault(self.cuts[label].name, []).append(label)

        def visit(name: str) -> _Visitor:
            def visitor(output: Any, hook: Any = None) -> Any:
                if found.keys() & labels[name]:
                    raise MechvalError(
                        f"cut {name!r} is reached more than once in a forward pass; allowed: once."
                    )
                for label in put_in.keys() & labels[name]:
                    output = self.cuts[label].write(output, put_in[label])
                found.update(
                    (label, self.cuts[label].read(output).clone()) for label in labels[name]
                )
                return output

            return visitor

        with guarding.told(f"the network ({type(self.model).__name__})"):
            copied = states.transform(inputs, lambda tensor: tensor.clone())
            output = _run_hooked(self.model, copied, {name: visit(name) for name in labels})
        guarding.refuse_nan(output, "the network")
        for name, of_it in labels.items():
            if not found.keys() & of_it:
                raise MechvalError(
                    f"cut {name!r} is not reached by a forward pass; allowed: one that is."
                )
        return output, found


def _names(model: nn.Module | HookedModel) -> list[str]:
    """Names at which the model can be cut: TransformerLens lists them in ``hook_dict``."""
    if isinstance(model, HookedModel):
        return list(getattr(model, "hook_dict", None) or getattr(model, "hook_names", ()))
    return [name for name, _ in model.named_modules() if name]


def _run_hooked(model: Any, inputs: Any, visitors: Mapping[str, _Visitor]) -> Any:
    """Call with one tensor, the tensors of a tuple, or those of a mapping by keyword."""
    named = inputs if isinstance(inputs, Mapping) else {}
    unnamed = () if named else inputs if isinstance(inputs, tuple | list) else (inputs,)
    if isinstance(model, HookedModel):
        return model.run_with_hooks(*unnamed, fwd_hooks=list(visitors.items()), **named)

    def forward_hook(visitor: _Visitor) -> Callable[[nn.Module, Any, Any], Any]:
        return lambda module, arguments, output: visitor(output)

    handles = []
    try:
        for name, visitor in visitors.items():
            submodule = model.get_submodule(name)
            handles.append(submodule.register_forward_hook(forward_hook(visitor)))
        return model(*unnamed, **named)
    finally:
        for handle in handles:
            handle.remove()
