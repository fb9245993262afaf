"""Try features: each on chainrule and on each peer, with a small program whose numbers are known.

A cell says whether it can be had, and how, or what stood in the way. What a tool has to tell is gathered as text, and
the known numbers and names are looked for in it. `None` is "not tried".

Each tool has a process of its own, and so has each feature that may take long or leave PyTorch changed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import nn

from bench.alone import alone
from bench.works import Scalar

Cell: TypeAlias = tuple[bool | None, str]
Text: TypeAlias = str
PATIENCE = 60
"""Seconds of computing that a feature may take that has a process of its own."""
HERE = Path(__file__)

FEATURES = {
    "values": "the value of each intermediate result",
    "gradients": "the gradient of each intermediate result",
    "local": "the local gradient of each op",
    "derivation": "the chain rule with the numbers in it",
    "leaves": "the parameters by name",
    "variables": "other variables by the names in the code",
    "line": "the line of code of each op",
    "plain code": "code that is in no module",
    "in place": "an op in place, with its own value before and after",
    "twice": "several backward passes kept apart",
    "dead": "finds the ReLU that made a gradient zero",
    "nan": "finds the op whose value became NaN",
    "nan gradient": "finds the op whose gradient became NaN",
    "fold": "draws 480 ops in fewer than 60 boxes",
    "picture": "a picture without Graphviz",
    "offline": "one page to open without a network",
    "edit": "numbers on that page can be changed, and the gradients follow",
    "save": "saved to a file and loaded again",
    "long": "a chain of 10,000 ops",
    "after an error": "leaves PyTorch as it was, after an error in the user's code",
    "select": "keeps the values of chosen ops alone, whole",
    "intervene": "changes a value while the model runs",
    "flops": "counts operations (FLOPs)",
    "dot": "text for Graphviz, to be styled by hand",
    "without": "works without PyTorch",
}
ALONE = ("long", "after an error")

W, B, X, Y = 0.7, 0.2, 1.3, 2.0
KNOWN = {"values": r"0\.804", "gradients": r"-2\.39", "local": r"0\.353"}
"""The first digits of h = tanh(0.7 * 1.3 + 0.2), of the gradient of (h - 2)^2 with respect to it, and of tanh'."""


BEFORE_AND_AFTER = r"(?s)0\.9(?:1|09).*2\.1(?:6|59)"
"""Of what is changed in place: 0.91 and 2.16, however float32 is written."""


class InPlace(nn.Module):
    """Change a value in place."""

    def __init__(self) -> None:
        """Begin with a weight."""
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the loss."""
        h = self.w * x
        h.add_(1.25)
        return h * 3.0


class Dead(nn.Module):
    """Have a ReLU that lets nothing through."""

    def __init__(self) -> None:
        """Begin with two weights."""
        super().__init__()
        self.w, self.v = nn.Parameter(torch.tensor([-0.7, -0.4])), nn.Parameter(torch.tensor(1.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the loss."""
        alive = torch.relu(self.v * x)
        return alive + torch.relu(self.w * x).sum()


class Broken(nn.Module):
    """Make a NaN, or stop with an error."""

    def __init__(self, how: str) -> None:
        """Begin with a weight."""
        super().__init__()
        self.w, self.how = nn.Parameter(torch.tensor(-0.7)), how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the loss."""
        h = torch.tanh(self.w * x)
        if self.how == "error":
            raise KeyError("the user's own error")
        if self.how == "gradient":
            return torch.sqrt(h * 0.0) * 2.0
        return torch.log(h) * 2.0


class Chain(nn.Module):
    """Multiply many times."""

    def __init__(self) -> None:
        """Begin with a weight."""
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the last number."""
        for _ in range(10_000):
            x = x * self.w
        return x


def many() -> nn.Module:
    """Make a model of 480 ops: ten blocks of 16 layers, each of three modules."""
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)) for _ in range(160)]
    return nn.Sequential(*(nn.Sequential(*layers[at : at + 16]) for at in range(0, 160, 16)))


def found(text: Text, pattern: str, how: str) -> Cell:
    """Look for something in what a tool tells."""
    return (True, how) if re.search(pattern, text) else (False, f"not in {how}")


def line_of(text: str) -> int:
    """Find the line of this package's works that holds some code."""
    lines = HERE.with_name("works.py").read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


LINE = rf"works\.py\D{{1,40}}{line_of('error = h - self.y')}\b"


def boxes(dot: str) -> Cell:
    """Count the boxes of a picture that is drawn by Graphviz."""
    count = len(re.findall(r"^\s*(?!(?:graph|node|edge) )\"?[\w.:]+\"? \[", dot, re.MULTILINE))
    return count < 60, f"{count} boxes"


def no_dot(draw: Callable[[], Any]) -> Cell:
    """Draw where Graphviz's program is not to be found."""
    before, os.environ["PATH"] = os.environ["PATH"], ""
    try:
        draw()
    finally:
        os.environ["PATH"] = before
    return True, "drawn"


def is_offline(page: str) -> Cell:
    """Tell whether a page loads nothing."""
    loads = re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    return not loads and "<html" in page, f"{len(page):,} characters, {'no page' if '<html' not in page else 'a page'}"


def pytorch() -> dict[str, Any]:
    """Note PyTorch's functions as they are."""
    places: dict[str, Any] = {"torch": torch, "Tensor": torch.Tensor, "functional": nn.functional, "Module": nn.Module}
    names = {f"{place}.{name}": getattr(thing, name, None) for place, thing in places.items() for name in dir(thing)}
    return {name: thing for name, thing in names.items() if callable(thing)}


AT_FIRST, _AGAIN = pytorch(), pytorch()


def changed(run: Callable[[], Any]) -> Cell:
    """Run something that stops with the user's error, and compare PyTorch with what it was at first."""
    try:
        run()
    except Exception as error:
        stopped = type(error).__name__
        now = pytorch()
        kept = [name for name in AT_FIRST if AT_FIRST[name] is _AGAIN[name]]  # some are made anew at each look
        names = [name for name in kept if AT_FIRST[name] is not now.get(name)]
        modes = torch._C._len_torch_function_stack()
        arrived = "" if stopped == "KeyError" else f"; the user's KeyError arrives as a {stopped}"
        return not (names or modes), f"{len(names)} functions changed, {modes} modes left{arrived}"
    return False, "the user's error did not arrive"


class Tool:
    """Try what a tool can do: a method for each feature, named like it."""

    def try_(self, feature: str) -> Cell:
        """Try one, and say what stood in the way, if that is an error."""
        attempt = getattr(self, feature.replace(" ", "_"), None)
        if attempt is None:
            return None, "not tried"
        try:
            cell: Cell = attempt()
            return cell
        except Exception as error:
            first = (str(error).splitlines() or [""])[0]
            return False, f"{type(error).__name__}: {first}"[:160]


class Chainrule(Tool):
    """Try chainrule."""

    def __init__(self) -> None:
        """Record the small program."""
        import chainrule

        self.record, self.load = chainrule.record, chainrule.load
        model, x = Scalar(W, B, Y), torch.tensor(X)
        with chainrule.record() as self.rec:
            model(x).backward()
        self.text = f"{self.rec.table()}\n{self.rec.derivation('w')}\n{self.rec.why()}"

    def run(self, model: nn.Module, x: torch.Tensor) -> Any:
        """Record a step."""
        with self.record() as rec:
            model(x).backward()
        return rec

    def values(self) -> Cell:
        return found(self.text, KNOWN["values"], "table()")

    def gradients(self) -> Cell:
        return found(self.text, KNOWN["gradients"], "table()")

    def local(self) -> Cell:
        return found(self.text, KNOWN["local"], "table()")

    def derivation(self) -> Cell:
        return found(str(self.rec.derivation("w")), r"-2\.39.*0\.353.*1\.3", "derivation()")

    def leaves(self) -> Cell:
        return found(self.text, r"\bw\b", "table()")

    def variables(self) -> Cell:
        return found(self.text, r"\berror\b", "table()")

    def line(self) -> Cell:
        op = next(op for op in self.rec.trace.ops if op.name == "sub")
        return found(f"{op.file} line {op.line}", LINE, "trace.ops")

    def plain_code(self) -> Cell:
        w = torch.tensor(W, requires_grad=True)
        with self.record() as rec:
            (w * X).backward()
        return float(rec.grad("w")) == torch.tensor(X).item(), "grad()"

    def in_place(self) -> Cell:
        text = str(self.run(InPlace(), torch.tensor(X)).table())
        return found(text, BEFORE_AND_AFTER, "table()")

    def twice(self) -> Cell:
        w = torch.tensor(W, requires_grad=True)
        with self.record() as rec:
            y = w * w
            y.backward(retain_graph=True)
            (y * 2).backward()
        both = [round(float(rec.grad("w", backward=k)), 2) for k in (0, 1)]
        return both == [1.4, 2.8], "grad(backward=...)"

    def dead(self) -> Cell:
        text = str(self.run(Dead(), torch.tensor(X)).why("w"))
        return found(text, rf"features\.py\D{{1,9}}{_line('torch.relu(self.w')}\b", "why()")

    def nan(self) -> Cell:
        text = str(self.run(Broken("nan"), torch.tensor(X)).why())
        return found(text, rf"features\.py\D{{1,9}}{_line('torch.log(h) *')}\b", "why()")

    def nan_gradient(self) -> Cell:
        text = str(self.run(Broken("gradient"), torch.tensor(X)).why("w"))
        return found(text, rf"features\.py\D{{1,9}}{_line('torch.sqrt(h *')}\b", "why()")

    def fold(self) -> Cell:
        with self.record() as rec:
            many()(torch.ones(2)).sum().backward()
        count = rec.graph().wide.count("<rect")
        return 0 < count < 60, f"{count} boxes"

    def picture(self) -> Cell:
        return no_dot(self.rec.figure)

    def page(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            self.rec.save(Path(folder, "graph.html"))
            return Path(folder, "graph.html").read_text("utf-8")

    def offline(self) -> Cell:
        return is_offline(self.page())

    def edit(self) -> Cell:
        return found(self.page(), r"type[=:]\W*(?:number|range)|\"input\"", 'save("graph.html")')

    def save(self) -> Cell:
        with tempfile.TemporaryDirectory() as folder:
            self.rec.save(Path(folder, "rec.json"))
            loaded = self.load(Path(folder, "rec.json"))
        return loaded.trace.to_dict() == self.rec.trace.to_dict(), "save(), load()"

    def long(self) -> Cell:
        rec = self.run(Chain(), torch.tensor(1.0))
        return float(rec.grad("w")) == 10_000.0 and bool(str(rec.table())), "grad(), table()"

    def after_an_error(self) -> Cell:
        return changed(lambda: self.run(Broken("error"), torch.tensor(X)))

    def select(self) -> Cell:
        return False, "record() takes one `keep` for all"

    def intervene(self) -> Cell:
        return False, "it watches alone"

    def flops(self) -> Cell:
        return found(self.text, r"(?i)flop", "table()")

    def dot(self) -> Cell:
        return found(self.page(), r"digraph", 'save("graph.html")')

    def without(self) -> Cell:
        return without_torch("chainrule")


def _line(text: str) -> int:
    lines = HERE.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def without_torch(module: str) -> Cell:
    """Import a module where PyTorch is not to be found."""
    code = f"import sys; sys.modules['torch'] = None; import {module}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    return (not done.returncode, "imported" if not done.returncode else done.stderr.strip().splitlines()[-1][:160])


class Torchlens(Tool):
    """Try torchlens."""

    def __init__(self) -> None:
        """Trace the small program."""
        import torchlens

        self.tl = torchlens
        self.model = Scalar(W, B, Y)
        self.log = self.run(self.model, torch.tensor(X))
        told = [str(self.log.summary())]
        for label in self.log.layer_labels:
            op = self.log[label]
            told.append(f"{op} {op.out} {op.grad} {op.var_names} {op.arg_names} {op.arg_expressions} {op.param_names}")
            told += [f"{place.file} line {place.line_number} {place.func_name}" for place in op.code_context]
        told += [str(one) for one in self.log.params]
        self.calls = [str(call) for run in self.log.backward_passes for call in run.grad_fn_calls]
        self.text = "\n".join([*told, *self.calls])

    def run(self, model: nn.Module, x: torch.Tensor, **how: Any) -> Any:
        """Trace a step."""
        log = self.tl.trace(model, x, capture=self.tl.options.CaptureOptions(save_grads=True), **how)
        log.log_backward(log[log.output_layers[0]].out)
        return log

    def values(self) -> Cell:
        return found(self.text, KNOWN["values"], "log[op].out")

    def gradients(self) -> Cell:
        return found(self.text, KNOWN["gradients"], "log[op].grad")

    def local(self) -> Cell:
        return found(self.text, KNOWN["local"], "what ops and backward passes print")

    def derivation(self) -> Cell:
        return found(self.text, r"-2\.39.*0\.353.*1\.3", "what ops and backward passes print")

    def leaves(self) -> Cell:
        return found(self.text, r"\bw\b", "log.params")

    def variables(self) -> Cell:
        return found(self.text, r"\berror\b(?! = )", "what ops print, var_names")

    def line(self) -> Cell:
        return found(self.text, LINE, "log[op].code_context")

    def plain_code(self) -> Cell:
        self.tl.trace(lambda x: torch.tanh(x * 0.7), torch.tensor(X))
        return True, "trace(function, x)"

    def in_place(self) -> Cell:
        log = self.run(InPlace(), torch.tensor(X))
        text = "\n".join(f"{label} {log[label].out}" for label in log.layer_labels)
        return found(text, BEFORE_AND_AFTER, "log[op].out")

    def twice(self) -> Cell:
        log = self.tl.trace(self.model, torch.tensor(X), capture=self.tl.options.CaptureOptions(save_grads=True))
        out = log[log.output_layers[0]].out
        log.log_backward(out, retain_graph=True)
        log.log_backward(out * 2)
        return len(log.backward_passes) == 2, "log.backward_passes"

    def dead(self) -> Cell:
        log = self.run(Dead(), torch.tensor(X))
        rows, _ = self.tl.debug.gradient_flow_audit_rows(log)
        dead = [row["op"] for row in rows if row["verdict"] == "dead" and row["is_frontier"]]
        return dead == ["mul_2_3:1"], "debug.gradient_flow_audit_rows() names the op that feeds it"

    def nan(self) -> Cell:
        told = str(self.tl.debug.find_nan(Broken("nan"), torch.tensor(X)))
        return found(told, rf"features\.py\D{{1,9}}{_line('torch.log(h) *')}\b", "debug.find_nan()")

    def nan_gradient(self) -> Cell:
        told = str(self.tl.debug.bisect_nan_backward(self.run(Broken("gradient"), torch.tensor(X))))
        return found(told, r"(?i)sqrt", "debug.bisect_nan_backward()")

    def fold(self) -> Cell:
        return None, "not tried: its own drawing needs Graphviz"

    def picture(self) -> Cell:
        with tempfile.TemporaryDirectory() as folder:
            return no_dot(lambda: self.tl.export.svg(self.log, Path(folder, "graph.svg")))

    def page(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            self.tl.export.html(self.log, Path(folder, "page.html"))
            return Path(folder, "page.html").read_text("utf-8")

    def offline(self) -> Cell:
        return is_offline(self.page())

    def edit(self) -> Cell:
        return found(self.page(), r"type[=:]\W*(?:number|range)|\"input\"", "export.html()")

    def save(self) -> Cell:
        with tempfile.TemporaryDirectory() as folder:
            self.tl.save(self.log, str(Path(folder, "trace")))
            loaded = self.tl.load(str(Path(folder, "trace")))
            return loaded.layer_labels == self.log.layer_labels, "save(), load()"

    def long(self) -> Cell:
        log = self.run(Chain(), torch.tensor(1.0))
        return len(log.layer_labels) > 9_999, "trace(), log_backward()"

    def after_an_error(self) -> Cell:
        return changed(lambda: self.run(Broken("error"), torch.tensor(X)))

    def select(self) -> Cell:
        log = self.tl.trace(self.model, torch.tensor(X), save=self.tl.func("tanh"))
        return bool(log["tanh_1"].has_saved_activation and not log["mul_1"].has_saved_activation), "trace(save=...)"

    def intervene(self) -> Cell:
        how = self.tl.when(self.tl.func("tanh"), self.tl.zero_ablate())
        log = self.tl.trace(self.model, torch.tensor(X), save=self.tl.func("tanh"), intervene=how)
        return float(log["tanh_1"].out) == 0.0, "trace(intervene=...)"

    def flops(self) -> Cell:
        return found(str(self.log.summary()), r"FLOPs", "summary()")

    def dot(self) -> Cell:
        return None, "not tried"

    def without(self) -> Cell:
        return without_torch("torchlens")


class Torchviz(Tool):
    """Try torchviz."""

    def __init__(self) -> None:
        """Draw the small program, with all that it can show."""
        from torchviz import make_dot

        self.make_dot = make_dot
        self.model = Scalar(W, B, Y)
        self.dot_ = self.run(self.model, torch.tensor(X))
        self.text = self.dot_.source

    def run(self, model: nn.Module, x: torch.Tensor) -> Any:
        """Draw a step."""
        loss = model(x)
        dot = self.make_dot(loss, params=dict(model.named_parameters()), show_attrs=True, show_saved=True)
        loss.backward()
        return dot

    def values(self) -> Cell:
        return found(self.text, KNOWN["values"], "make_dot(show_attrs=True, show_saved=True)")

    def gradients(self) -> Cell:
        return found(self.text, KNOWN["gradients"], "make_dot(show_attrs=True, show_saved=True)")

    def local(self) -> Cell:
        return found(self.text, KNOWN["local"], "make_dot(show_attrs=True, show_saved=True)")

    def derivation(self) -> Cell:
        return found(self.text, r"-2\.39.*0\.353.*1\.3", "make_dot()")

    def leaves(self) -> Cell:
        return found(self.text, r"\bw\b", "make_dot(params=...)")

    def variables(self) -> Cell:
        return found(self.text, r"\berror\b", "make_dot()")

    def line(self) -> Cell:
        return found(self.text, LINE, "make_dot()")

    def plain_code(self) -> Cell:
        return bool(self.make_dot(torch.tensor(W, requires_grad=True) * X).source), "make_dot(loss)"

    def in_place(self) -> Cell:
        return found(self.run(InPlace(), torch.tensor(X)).source, BEFORE_AND_AFTER, "make_dot()")

    def twice(self) -> Cell:
        return found(self.text, "(?i)backward pass", "make_dot(), which is drawn before any")

    def dead(self) -> Cell:
        return found(self.run(Dead(), torch.tensor(X)).source, r"(?i)dead|zero", "make_dot()")

    def nan(self) -> Cell:
        return found(self.run(Broken("nan"), torch.tensor(X)).source, r"(?i)\bnan\b", "make_dot()")

    def nan_gradient(self) -> Cell:
        return found(self.run(Broken("gradient"), torch.tensor(X)).source, r"(?i)\bnan\b", "make_dot()")

    def fold(self) -> Cell:
        return boxes(self.make_dot(many()(torch.ones(2)).sum()).source)

    def picture(self) -> Cell:
        with tempfile.TemporaryDirectory() as folder:
            return no_dot(lambda: self.dot_.render(str(Path(folder, "graph")), format="svg"))

    def offline(self) -> Cell:
        return is_offline(self.text)

    def edit(self) -> Cell:
        return found(self.text, r"<input", "make_dot()")

    def save(self) -> Cell:
        with tempfile.TemporaryDirectory() as folder:
            self.dot_.save(str(Path(folder, "graph.dot")))
        return False, "the text can be saved, but not be loaded as a graph"

    def long(self) -> Cell:
        return bool(self.make_dot(Chain()(torch.tensor(1.0))).source), "make_dot()"

    def after_an_error(self) -> Cell:
        return changed(lambda: self.run(Broken("error"), torch.tensor(X)))

    def flops(self) -> Cell:
        return found(self.text, r"(?i)flop", "make_dot()")

    def dot(self) -> Cell:
        return found(self.text, "digraph", "make_dot().source")

    def without(self) -> Cell:
        return without_torch("torchviz")


class Torchview(Tool):
    """Try torchview."""

    def __init__(self) -> None:
        """Draw the small program, with all that it can show."""
        from torchview import draw_graph

        self.draw_graph = draw_graph
        self.model = Scalar(W, B, Y)
        self.text = self.run(self.model, torch.tensor(X)).visual_graph.source

    def run(self, model: nn.Module, x: torch.Tensor, **how: Any) -> Any:
        """Draw a forward pass."""
        wide: dict[str, Any] = {"hide_module_functions": False, "hide_inner_tensors": False, "expand_nested": True}
        return self.draw_graph(model, input_data=x, device="cpu", mode="train", **(how or wide))

    def values(self) -> Cell:
        return found(self.text, KNOWN["values"], "draw_graph()")

    def gradients(self) -> Cell:
        return found(self.text, KNOWN["gradients"], "draw_graph()")

    def local(self) -> Cell:
        return found(self.text, KNOWN["local"], "draw_graph()")

    def derivation(self) -> Cell:
        return found(self.text, r"-2\.39.*0\.353.*1\.3", "draw_graph()")

    def leaves(self) -> Cell:
        return found(self.text, r"\bw\b", "draw_graph()")

    def variables(self) -> Cell:
        return found(self.text, r"\berror\b", "draw_graph()")

    def line(self) -> Cell:
        return found(self.text, LINE, "draw_graph()")

    def plain_code(self) -> Cell:
        how: Any = lambda x: torch.tanh(x * 0.7)  # noqa: E731  # what is tried is a function
        return bool(self.run(how, torch.tensor(X))), "draw_graph(function)"

    def in_place(self) -> Cell:
        return found(self.run(InPlace(), torch.tensor(X)).visual_graph.source, BEFORE_AND_AFTER, "draw_graph()")

    def twice(self) -> Cell:
        return found(self.text, "(?i)backward", "draw_graph(), which runs none")

    def dead(self) -> Cell:
        return found(self.run(Dead(), torch.tensor(X)).visual_graph.source, r"(?i)dead|zero", "draw_graph()")

    def nan(self) -> Cell:
        return found(self.run(Broken("nan"), torch.tensor(X)).visual_graph.source, r"(?i)\bnan\b", "draw_graph()")

    def nan_gradient(self) -> Cell:
        return found(self.run(Broken("gradient"), torch.tensor(X)).visual_graph.source, r"(?i)\bnan\b", "draw_graph()")

    def fold(self) -> Cell:
        return boxes(self.run(many(), torch.ones(1, 2), depth=1).visual_graph.source)

    def picture(self) -> Cell:
        graph = self.run(self.model, torch.tensor(X)).visual_graph
        with tempfile.TemporaryDirectory() as folder:
            return no_dot(lambda: graph.render(str(Path(folder, "graph")), format="svg"))

    def offline(self) -> Cell:
        return is_offline(self.text)

    def edit(self) -> Cell:
        return found(self.text, r"<input", "draw_graph()")

    def long(self) -> Cell:
        return bool(self.run(Chain(), torch.tensor(1.0)).visual_graph.source), "draw_graph()"

    def after_an_error(self) -> Cell:
        return changed(lambda: self.run(Broken("error"), torch.tensor(X)))

    def flops(self) -> Cell:
        return found(self.text, r"(?i)flop", "draw_graph()")

    def dot(self) -> Cell:
        return found(self.text, "digraph", "draw_graph().visual_graph.source")

    def without(self) -> Cell:
        return without_torch("torchview")


class Micrograd(Tool):
    """Try micrograd, whose numbers are its own."""

    def __init__(self) -> None:
        """Compute the small program: (relu(0.7 * 1.3 + 0.2) - 2)^2, whose gradient at the ReLU is -1.78."""
        from micrograd.engine import Value

        self.value = Value
        w, b = Value(W), Value(B)
        loss = ((w * X + b).relu() - Y) ** 2
        loss.backward()
        told, pending = [], [loss]
        while pending:
            one = pending.pop()
            told.append(f"{one} {one._op}")
            pending += one._prev
        self.text = "\n".join(told)

    def values(self) -> Cell:
        return found(self.text, r"data=1\.1", "Value.data")

    def gradients(self) -> Cell:
        return found(self.text, r"grad=-1\.7", "Value.grad")

    def local(self) -> Cell:
        return found(self.text, r"(?i)local", "what a Value prints")

    def derivation(self) -> Cell:
        return found(self.text, r"-1\.7.*1.*1\.3", "what a Value prints")

    def leaves(self) -> Cell:
        return found(self.text, r"\bw\b", "what a Value prints")

    def variables(self) -> Cell:
        return found(self.text, r"\berror\b", "what a Value prints")

    def line(self) -> Cell:
        return found(self.text, r"\.py", "what a Value prints")

    def plain_code(self) -> Cell:
        return True, "its own Value, in plain code"

    def in_place(self) -> Cell:
        before = h = self.value(W) * X
        h += 1.25
        return before is h, "`+=` makes a new Value"

    def twice(self) -> Cell:
        w = self.value(W)
        y = w * w
        y.backward()
        y.backward()
        return w.grad == 1.4, "a Value has one gradient, and the second pass adds to the first's"

    def dead(self) -> Cell:
        return found(self.text, r"(?i)dead|zero", "what a Value prints")

    def nan(self) -> Cell:
        return found(str(self.value(float("nan")) * 2), r"\.py|line", "what a Value prints")

    def picture(self) -> Cell:
        from micrograd import engine

        return hasattr(engine, "draw_dot"), "its drawing is a notebook of its repository, not in the package"

    def long(self) -> Cell:
        w = self.value(1.0)
        x = self.value(1.0)
        for _ in range(10_000):
            x = x * w
        x.backward()
        return w.grad == 10_000.0, "backward()"

    def after_an_error(self) -> Cell:
        def run() -> None:
            self.value(W)
            raise KeyError("the user's own error")

        return changed(run)

    def without(self) -> Cell:
        return without_torch("micrograd.engine")


TOOLS: dict[str, type[Tool]] = {
    "chainrule": Chainrule,
    "torchlens": Torchlens,
    "torchviz": Torchviz,
    "torchview": Torchview,
    "micrograd": Micrograd,
}


def size_of(name: str) -> dict[str, Any]:
    """Count a package's lines of Python, and list what it needs besides PyTorch and what PyTorch needs."""
    spec = importlib.util.find_spec(name)
    assert spec
    assert spec.origin
    files = Path(spec.origin).parent.rglob("*.py")
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    needs = [one for one in importlib.metadata.requires(name) or () if "extra ==" not in one]
    names = sorted({re.split(r"[^\w.-]", one)[0].lower() for one in needs} - {"torch"})
    return {"version": importlib.metadata.version(name), "lines": lines, "needs": names}


def tried(name: str, features: list[str]) -> dict[str, Cell]:
    """Try features of a tool, here."""
    tool = TOOLS[name]()
    return {feature: tool.try_(feature) for feature in features}


def measure(tools: list[str]) -> dict[str, Any]:
    """Try all features of all tools, saying what is being done."""
    cells: dict[str, dict[str, Any]] = {feature: {} for feature in FEATURES}
    sizes = {}
    for name in tools:
        print(f"trying what {name} can do", flush=True)
        sizes[name] = alone("features", name, "size")
        found = alone("features", name, *(feature for feature in FEATURES if feature not in ALONE))
        for feature in ALONE:
            try:
                found |= alone("features", name, feature, seconds=PATIENCE)
            except (TimeoutError, RuntimeError) as error:
                found[feature] = (False, str(error)[:160])
        for feature, row in cells.items():
            row[name] = dict(zip(("can", "how"), found[feature], strict=True))
    return {"cells": cells, "tools": sizes}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    name, *what = sys.argv[1:]
    out, sys.stdout = sys.stdout, sys.stderr  # what tools print is no answer
    print(json.dumps(size_of(name) if what == ["size"] else tried(name, what)), file=out)
