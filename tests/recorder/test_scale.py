"""At any size: large graphs are recorded, shown, saved, loaded and let go of, and what is shown of them stays small."""

from __future__ import annotations

import linecache
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import chainrule
from chainrule.views.derivation import derivation

LARGEST = 300_000
"""Characters of what a notebook's output may hold."""

pytestmark = pytest.mark.slow

GRAPHS = """
import sys, threading, torch, chainrule

def chain(h, n):
    for _ in range(n): h = h * 1.0
    return h

def residual(h, n):
    for _ in range(n // 2): h = h + h * 1e-6
    return h

def branching(h, n):
    ways = [h * 1.0 for _ in range(3)]
    for i in range((n - 6) // 2): ways[i % 3] = (ways[i % 3] + ways[i % 2]) * 0.5
    return sum(ways)

def run(graph, n):
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record(keep="shapes", local_gradients=False) as rec:
        loss = graph(w, n)
        loss.backward(retain_graph=True)
    del loss
    assert len(rec.trace.ops) > 0.99 * n
    assert len(rec.trace.passes[0].visits) > 0.99 * n
    assert max(map(len, (repr(rec), str(rec.table())))) < 300_000
"""


def alone(code: str) -> str:
    """Run code in a process of its own, which may crash, with a stack of 1 MB; a thread's is as large."""
    done = subprocess.run(
        [sys.executable, "-c", f"{GRAPHS}threading.stack_size(2**20)\n{code}\nprint('freed')"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (2**20, resource.RLIM_INFINITY)),
    )
    return f"{done.stdout}{done.stderr}{done.returncode}"


def test_a_hundred_thousand_ops_are_recorded_and_let_go_of() -> None:
    """A chain of 100,000 ops is recorded, shown in few lines, and freed by `del loss`."""
    assert alone("run(chain, 100_000)") == "freed\n0"


@pytest.mark.parametrize(("graph", "ops"), [("residual", 10_000), ("branching", 20_000)])
def test_deep_graphs_are_let_go_of_in_threads(graph: str, ops: int) -> None:
    """Residual and branching graphs are freed in pieces too, where another thread lets go of them."""
    code = f"worker = threading.Thread(target=run, args=({graph}, {ops})); worker.start(); worker.join()"
    assert alone(code) == "freed\n0"


def test_a_deep_graph_may_outlive_the_program() -> None:
    """A graph that is still held when Python ends is let go of then without a crash."""
    code = (
        "import atexit\n"
        "def go():\n"
        "    w = torch.tensor(1.0, requires_grad=True)\n"
        "    with chainrule.record(keep='shapes', local_gradients=False): loss = chain(w, 10_000)\n"
        "    atexit.register([loss].clear)\n"
        "go()"
    )
    assert alone(code) == "freed\n0"


def test_a_shallow_graph_has_nothing_attached() -> None:
    """What is less deep than the stack allows stays as PyTorch made it."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record():
        loss = w * 2
        deep = loss
        for _ in range(1_500):
            deep = deep * 1.0
    node, cuts = deep.grad_fn, 0
    while node is not None and node.next_functions:
        cuts += len(node.metadata)  # type: ignore[arg-type]
        node = node.next_functions[0][0]
    assert cuts == 1
    assert loss.grad_fn is not None
    assert loss.grad_fn.metadata == {}  # type: ignore[comparison-overlap]


class Layer(nn.Module):
    """A layer with a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run it."""
        return x + torch.tanh(self.inner(x))


def many_layers() -> torch.Tensor:
    """Run 40 layers."""
    torch.manual_seed(0)
    net = nn.Sequential(*(Layer() for _ in range(40)))
    result: torch.Tensor = net(torch.ones(2, 4)).sum()
    return result


def many_turns() -> torch.Tensor:
    """Go around a loop 500 times."""
    h = torch.tensor(0.5, requires_grad=True)
    for _ in range(500):
        h = torch.sin(h) + h * 0.1
    return h


def large_tensors() -> torch.Tensor:
    """Use tensors of 1,000 entries in one long expression."""
    w = torch.linspace(-1, 1, 1_000).requires_grad_()
    names = {"w": w}
    return eval(" + ".join(["w * w"] * 300), names).sum()  # type: ignore[no-any-return]


def written_at_length() -> torch.Tensor:
    """Add up 400 terms in one expression, so that each result's name holds those before it."""
    code = f"result = ({' + '.join(f'w * {i}.5' for i in range(400))}).tanh()"
    file = "<long>"
    linecache.cache[file] = (len(code), None, [code], file)
    scope = {"w": torch.tensor(0.001, requires_grad=True)}
    exec(compile(code, file, "exec"), scope)
    return scope["result"]


@pytest.mark.parametrize("run", [many_layers, many_turns, large_tensors, written_at_length])
def test_what_is_shown_stays_small(run: Callable[[], torch.Tensor]) -> None:
    """Tables and derivations, printed, as HTML and as LaTeX, have less than 300 kB, folded or not."""
    with chainrule.record() as rec:
        run().backward()
    table, whole = rec.table(), rec.table(fold=False)
    assert len(table.rows) <= 60
    assert table.folded
    leaf = min(rec.trace.passes[0].gradients)
    derived = derivation(rec.trace, leaf, -1)
    shown = [f(view) for view in (table, whole, derived) for f in (str, lambda view: view._repr_html_())]
    assert max(map(len, [*shown, derived.latex, repr(rec)])) < LARGEST


def test_a_table_folds_by_module_and_opens_again() -> None:
    """A folded row stands for a module; its rows are there by name of the module, by name of a value, or unfolded."""
    with chainrule.record() as rec:
        loss = many_layers()
        loss.backward()
    folded = [row for row in rec.table().rows if row.op == "..."]
    assert sum(int(row.expression.split(": ")[1].split(" ")[0]) for row in folded) >= 100
    assert len(rec.table(fold=False).rows) == 120 + 1 + 80 + 1
    inside = rec.table(module="7")
    assert [row.op for row in inside.rows if row.op] == ["linear", "tanh", "add"]
    assert not inside.folded
    assert [row.op for row in rec.table(module="7.inner").rows if row.op] == ["linear"]
    assert [row.expression for row in rec.table(name="7.inner.*").rows] == ["7.inner.weight", "7.inner.bias"]
    assert len(rec.table(name="*.inner.bias").rows) == 40
    with pytest.raises(chainrule.TraceError, match=r"Nothing ran in a module `70`\. There are `0`, `0\.inner`"):
        rec.table(module="70")
    with pytest.raises(chainrule.TraceError, match="No value is called `nothing` there"):
        rec.table(name="nothing")


def test_a_large_recording_is_shown_and_comes_back_as_it_was(tmp_path: Path) -> None:
    """A chain of 3,000 ops is shown without reaching Python's recursion limit, saved, and loaded again."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        h = w
        for _ in range(3_000):
            h = h * 1.0
        h.backward()
    assert rec.grad("w").item() == 1.0
    assert len(rec.table(fold=False).rows) == 3001
    assert len(rec.table().rows) <= 60
    assert str(rec.derivation("w")).endswith(" = 1")
    assert rec.graph().table == rec.table()._repr_html_()
    assert not rec.check(w=2.0)
    rec.save(tmp_path / "rec.json")
    assert chainrule.load(tmp_path / "rec.json").trace.to_dict() == rec.trace.to_dict()
