"""Find out where in the user's modules a parameter, a buffer or a submodule stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import NamedTuple

from torch import Tensor
from torch.nn import Module

from chainrule.recorder.source_code import NOWHERE, span_at
from chainrule.recorder.source_names import CallSite, around, locals_of, variables_of

_WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(\.|$)")
"""Modules that PyTorch puts around the user's, and that the user never writes."""


@dataclass(slots=True, eq=False)
class Root:
    """Name an outermost module, by what the code calls it and by its class."""

    name: str
    kind: str


class ModulePath(NamedTuple):
    """Hold a path from an outermost module."""

    root: Root
    path: str

    def text(self, whole: bool) -> str:
        """Write the path, the `whole` of it with the outermost module."""
        return f"{self.root.name}.{self.path}".strip(".") if whole else self.path


class ModulePaths:
    """Look paths up, each module of the user's once; what was looked up is kept alive until `clear`."""

    def __init__(self) -> None:
        self.block: CodeType | None = None
        """The code that the `with` block stands in; what it calls a module comes first."""
        self._tensors: dict[int, tuple[Tensor, list[ModulePath]]] = {}
        self._modules: dict[int, tuple[Module, ModulePath]] = {}

    def clear(self) -> None:
        """Forget every module."""
        self._tensors.clear()
        self._modules.clear()

    def find(self, tensor: Tensor, site: CallSite, parameter: bool, made: bool) -> Sequence[ModulePath]:
        """Return each path of a parameter or a buffer, from an outermost module that the user's code holds or calls.

        A buffer that was not `made` in the block is found while a module of its own is called.
        """
        if parameter and id(tensor) not in self._tensors:
            self._look(site)
        elif not (parameter or made):
            self.of_module(site.inner, site)
        found = self._tensors.get(id(tensor))
        return () if found is None else found[1]

    def of_module(self, call: FrameType | None, site: CallSite) -> ModulePath | None:
        """Return the path of the module that is called in a frame."""
        module = None if call is None else locals_of(call).get("self")
        if not isinstance(module, Module):
            return None
        if id(module) not in self._modules:
            self._look(site)
            kind = type(module).__name__
            self._modules.setdefault(id(module), (module, ModulePath(Root(kind, kind), "")))
        return self._modules[id(module)][1]

    def _look(self, site: CallSite) -> None:
        """Go through the outermost modules that the user's code holds or called.

        One that is only being made may turn out to be a part of another, so what is found last comes first.
        """
        held = {id(module): (name, module) for name, module in reversed(list(self._held(site)))}
        parts = {number: list(Module.named_modules(one, remove_duplicate=False)) for number, (_, one) in held.items()}
        inner = {id(part) for found in parts.values() for path, part in found if path}
        for number, (name, module) in held.items():
            at = self._modules.get(number, (module, ModulePath(Root(name, type(module).__name__), "")))[1]
            if number in inner or at.path:
                continue
            at.root.name = name
            for path, part in reversed(parts[number]):
                path = _WRAPPERS.sub("", path).strip(".") if "_" in path else path
                self._modules[id(part)] = part, ModulePath(at.root, path)
                for key, tensor in reversed([*part._parameters.items(), *part._buffers.items()]):
                    paths = self._tensors.setdefault(id(tensor), (tensor, []))[1]
                    here = ModulePath(at.root, f"{path}.{key}" if path else key)
                    if here not in paths:
                        paths.insert(0, here)

    def _held(self, site: CallSite) -> Iterator[tuple[str, Module]]:
        """Find the modules in the variables of the user's code, and then the outermost one that was called."""
        for frames in around(site.frame, self.block):
            for frame in frames:
                for name, held in variables_of(frame):
                    if isinstance(held, Module) and "_buffers" in held.__dict__ and not name.startswith("_"):
                        yield name, held
        if site.outer is not None and isinstance(called := locals_of(site.outer).get("self"), Module):
            caller = site.outer.f_back
            span = NOWHERE if caller is None else span_at(caller.f_code, caller.f_lasti, True)
            yield span.function or type(called).__name__, called
