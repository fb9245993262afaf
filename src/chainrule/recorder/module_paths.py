"""Find out where in the user's modules a parameter or a submodule stands."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator
from types import FrameType

import torch

from chainrule.recorder.source_names import CallSite, frames_from, locals_of


class ModulePaths:
    """Look paths up, each module of the user's once; it keeps the modules alive until `clear`."""

    def __init__(self) -> None:
        self._parameters: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
        self._modules: dict[int, tuple[torch.nn.Module, str]] = {}

    def clear(self) -> None:
        """Forget every module."""
        self._parameters.clear()
        self._modules.clear()

    def of_parameter(self, parameter: torch.Tensor, frame: FrameType | None) -> str | None:
        """Find a parameter's path from the outermost module that the user's code holds."""
        known = self._parameters.get(id(parameter))
        if known is None or known[0]() is not parameter:
            found: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
            for module in _modules_in(frame):
                with contextlib.suppress(AttributeError):  # one that is only being made has no parameters yet
                    for path, held in module.named_parameters():
                        if id(held) not in found or _is_longer(path, found[id(held)][1]):
                            found[id(held)] = (weakref.ref(held), path)
            self._parameters.update(found)
            known = found.get(id(parameter))
        return known[1] if known else None

    def of_module(self, site: CallSite) -> str | None:
        """Find the module whose `forward` is running, by its path; the outermost one goes by its class."""
        if site.inner is None or site.outer is None:
            return None
        module = locals_of(site.inner).get("self")
        if not isinstance(module, torch.nn.Module):
            return None
        known = self._modules.get(id(module))
        if known is None:
            outermost = locals_of(site.outer).get("self")
            roots = (outermost, *_modules_in(site.frame)) if isinstance(outermost, torch.nn.Module) else ()
            for inner, path in _longest(roots):
                self._modules.setdefault(id(inner), (inner, path or type(inner).__name__))
            known = self._modules.setdefault(id(module), (module, type(module).__name__))
        return known[1]


def _modules_in(frame: FrameType | None) -> Iterator[torch.nn.Module]:
    """Find the modules that the user's code holds in variables."""
    for outer in frames_from(frame):
        for held in locals_of(outer).values():
            if isinstance(held, torch.nn.Module):
                yield held


def _longest(roots: Iterable[torch.nn.Module]) -> Iterable[tuple[torch.nn.Module, str]]:
    """Give each module the path from the outermost one that leads to it."""
    found: dict[int, tuple[torch.nn.Module, str]] = {}
    for root in roots:
        for path, inner in root.named_modules():
            if id(inner) not in found or _is_longer(path, found[id(inner)][1]):
                found[id(inner)] = inner, path
    return found.values()


def _is_longer(path: str, than: str) -> bool:
    return (path.count("."), len(path)) > (than.count("."), len(than))
