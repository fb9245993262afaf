"""Find out where in the user's modules a parameter or a submodule stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeAlias, TypeVar

from torch import Tensor
from torch.nn import Module

from chainrule.recorder.source_names import CallSite, frames_from, locals_of

_Held = TypeVar("_Held", Tensor, Module)
_Paths: TypeAlias = dict[int, tuple[_Held, str]]
"""What stands at a path, by its id, with the path."""


class ModulePaths:
    """Look paths up, each module of the user's once; what was looked up is kept alive until `clear`."""

    def __init__(self) -> None:
        self._parameters: _Paths[Tensor] = {}
        self._modules: _Paths[Module] = {}

    def clear(self) -> None:
        """Forget every module."""
        self._parameters.clear()
        self._modules.clear()

    def of_parameter(self, parameter: Tensor, frame: FrameType | None) -> str | None:
        """Return a parameter's path from the outermost module that the user's code holds."""
        if id(parameter) not in self._parameters:
            self._parameters |= _longest(found for module in _modules_in(frame) for found in _parameters_of(module))
        return self._parameters.get(id(parameter), (None, None))[1]

    def of_module(self, site: CallSite) -> str | None:
        """Return the path of the module whose `forward` is running; the outermost one goes by its class."""
        if site.inner is None or site.outer is None:
            return None
        module, outermost = (locals_of(frame).get("self") for frame in (site.inner, site.outer))
        if not isinstance(module, Module):
            return None
        if id(module) not in self._modules:
            roots = (outermost, *_modules_in(site.frame)) if isinstance(outermost, Module) else ()
            self._modules = _longest(found for root in roots for found in root.named_modules()) | self._modules
            self._modules.setdefault(id(module), (module, ""))
        return self._modules[id(module)][1] or type(module).__name__


def _modules_in(frame: FrameType | None) -> Iterator[Module]:
    """Find the modules that the user's code holds in variables."""
    for outer in frames_from(frame):
        for held in locals_of(outer).values():
            if isinstance(held, Module):
                yield held


def _parameters_of(module: Module) -> Iterable[tuple[str, Tensor]]:
    try:
        return list(module.named_parameters())
    except AttributeError:  # one that is only being made has no parameters yet
        return ()


def _longest(held: Iterable[tuple[str, _Held]]) -> _Paths[_Held]:
    """Choose for each the path from the outermost module that leads to it."""
    found: _Paths[_Held] = {}
    for path, one in held:
        if id(one) not in found or _length(path) > _length(found[id(one)][1]):
            found[id(one)] = one, path
    return found


def _length(path: str) -> tuple[int, int]:
    return path.count("."), len(path)
