"""Find out where in the user's modules a parameter, a buffer or a submodule stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import NamedTuple, TypeVar

from torch import Tensor
from torch.nn import Module

from chainrule.recorder.source_names import CallSite, around, items_of, locals_of, variables_of, whole_span

_Kind = TypeVar("_Kind", Tensor, Module)
_WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(\.|$)")
"""Modules that PyTorch puts around the user's, and that the user never writes."""


@dataclass(slots=True, eq=False)
class Root:
    """Name an outermost module, by what the code calls it and by its class, and its parts' classes by their paths."""

    name: str
    kind: str
    parts: dict[str, str] = field(default_factory=dict)


class ModulePath(NamedTuple):
    """Hold a path from an outermost module."""

    root: Root
    path: str
    registered: bool = True
    """Whether PyTorch knows of it, as it does not of what stands in a plain list."""

    def text(self, whole: bool) -> str:
        """Write the path, the `whole` of it with the outermost module."""
        return f"{self.root.name}.{self.path}".strip(".") if whole else self.path


class ModulePaths:
    """Look paths up, each module of the user's once; what was looked up is kept alive."""

    def __init__(self) -> None:
        self.tensors: dict[int, tuple[Tensor, list[ModulePath]]] = {}
        """Each parameter and buffer that was found, by its id, with its paths."""
        self._roots: dict[int, Root] = {}
        self._looked: set[CodeType | None] = set()
        """The code that a parameter was looked for from; what its variables hold later is found at the end."""
        self._modules: dict[int, tuple[Module, ModulePath]] = {}

    def find(self, tensor: Tensor, site: CallSite, parameter: bool, made: bool) -> Sequence[ModulePath]:
        """Return each path of a parameter or a buffer, from an outermost module that the user's code holds or calls.

        A buffer that was not `made` in the block is found while a module of its own is called.
        """
        if parameter and id(tensor) not in self.tensors and site.span.code not in self._looked:
            self._looked.add(site.span.code)
            self.look(site)
        elif not (parameter or made):
            self.of_module(site.inner, site)
        found = self.tensors.get(id(tensor))
        return () if found is None else found[1]

    def of_module(self, call: FrameType | None, site: CallSite) -> ModulePath | None:
        """Return the path of the module that is called in a frame."""
        module = None if call is None else locals_of(call).get("self")
        if not isinstance(module, Module):
            return None
        if id(module) not in self._modules:
            self.look(site)
            kind = type(module).__name__
            self._modules.setdefault(id(module), (module, ModulePath(Root(kind, kind), "")))
        return self._modules[id(module)][1]

    def look(self, site: CallSite) -> None:
        """Go through the modules that the user's code holds or calls.

        What the block's own code and the code around it hold comes first, and the outermost of these before its parts.
        """
        inside, outside = around(site)
        ours, theirs = _held((*inside[:1], *outside)), _called(site) | _held(inside[1:])
        held = theirs | ours
        parts = {number: list(_parts(one)) for number, (_, one) in held.items()}
        ours_inside, inside_any = (
            {id(part) for number in found for path, part, _ in parts[number] if path} for found in (ours, held)
        )
        last = [number for number in theirs if number not in ours and number not in inside_any]
        for number in reversed([*sorted(ours, key=ours_inside.__contains__), *last]):
            root = self._roots.setdefault(number, Root("", type(held[number][1]).__name__))
            root.name = held[number][0]
            for path, part, registered in reversed(parts[number]):
                path = _WRAPPERS.sub("", path).strip(".") if "_" in path else path
                root.parts.setdefault(path, type(part).__name__)
                if number not in ours_inside:
                    self._modules[id(part)] = part, ModulePath(root, path)
                loose = _loose(part, Tensor) if registered else {}
                own = [*part._parameters.items(), *part._buffers.items(), *loose.items()]
                for key, tensor in ((key, tensor) for key, tensor in reversed(own) if tensor is not None):
                    paths = self.tensors.setdefault(id(tensor), (tensor, []))[1]
                    here = ModulePath(root, f"{path}.{key}" if path else key, registered and key not in loose)
                    paths[:] = here, *(other for other in paths if other != here)


def _parts(module: Module) -> Iterator[tuple[str, Module, bool]]:
    """List a module's parts by their paths: those that PyTorch knows, then those in plain lists and dictionaries."""
    known = list(Module.named_modules(module, remove_duplicate=False))
    yield from ((path, part, True) for path, part in known)
    for path, part in known:
        for key, one in _loose(part, Module).items():
            yield from ((f"{path}.{key}.{inner}".strip("."), loose, False) for inner, loose in one.named_modules())


def _loose(module: Module, kind: type[_Kind]) -> dict[str, _Kind]:
    """Find modules, or tensors that are to learn, in a module's plain attributes, where PyTorch does not look."""
    held = (pair for name, one in module.__dict__.items() for pair in items_of(name, one) or [(name, one)])
    return {name: one for name, one in held if isinstance(one, kind) and getattr(one, "requires_grad", True)}


def _held(frames: Iterable[FrameType]) -> dict[int, tuple[str, Module]]:
    """Find the modules in variables, by their ids, each with the name that comes first; not those only being made.

    One that is gone through with others goes by its place among them, such as `layers[0]`.
    """
    found: dict[int, tuple[str, Module]] = {}
    lists: list[list[tuple[str, Module]]] = []
    for frame in (frame for frame in frames if frame.f_code.co_name != "__init__"):
        for name, held in variables_of(frame):
            if isinstance(held, Module) and "_buffers" in held.__dict__ and not name.startswith("_"):
                found.setdefault(id(held), (name, held))
            elif type(held) is list and all(isinstance(one, Module) for one in held):
                lists.append(items_of(name, held))
    for modules in lists:
        if any(id(module) not in found for _, module in modules):
            found |= {id(module): (text, module) for text, module in modules}
    return found


def _called(site: CallSite) -> dict[int, tuple[str, Module]]:
    """Find the outermost module that was called, by what the code calls it, such as `models["encoder"]`."""
    called = None if site.outer is None else locals_of(site.outer).get("self")
    if site.outer is None or site.outer.f_back is None or not isinstance(called, Module):
        return {}
    return {id(called): (whole_span(site.outer.f_back).function or type(called).__name__, called)}
