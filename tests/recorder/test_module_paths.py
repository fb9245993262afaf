"""Which module each op belongs to."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import chainrule


class Block(nn.Module):
    """A layer with a shortcut, whose work is done by a method and a checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def twice(self, x: torch.Tensor) -> torch.Tensor:
        """Double what comes in."""
        return x * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run it."""
        h: torch.Tensor = checkpoint(self.inner, x, use_reentrant=False)
        return x + self.twice(h)


class Net(nn.Module):
    """A list of blocks and a head that is called twice, with a hook on it."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.head.register_forward_hook(lambda module, args, result: result * 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run it."""
        for block in self.blocks:
            x = block(x)
        result: torch.Tensor = self.head(self.head(x)).sum()
        return result


def modules(rec: chainrule.Recording) -> list[tuple[str | None, str]]:
    """List each op with its module."""
    return [(op.module, op.name) for op in rec.trace.ops]


BLOCKS = [
    (f"blocks.{n}{inner}", name) for n in (0, 1) for inner, name in ((".inner", "linear"), ("", "mul"), ("", "add"))
]
HEAD = [("head.0", "linear"), ("head.1", "relu"), ("head", "mul")]


def test_each_op_has_the_path_of_the_module_that_ran_it() -> None:
    """A method's op is its module's, a hook's the module's that it hangs on, and the outermost goes by its class."""
    net = Net()
    with chainrule.record() as rec:
        loss = net(torch.ones(1, 2)) * 2
        loss.backward()
    assert modules(rec) == [*BLOCKS, *HEAD, *HEAD, ("Net", "sum"), (None, "mul")]


def test_a_part_that_is_called_alone_keeps_its_path() -> None:
    """What the user's code calls by itself is named from the module that the code holds, as its parameters are."""
    net = Net()

    def step() -> chainrule.Recording:
        with chainrule.record() as rec:
            net.head(net.blocks[1](torch.ones(1, 2))).sum().backward()
        return rec

    assert modules(step()) == [*BLOCKS[3:], *HEAD, (None, "sum")]


def test_modules_around_the_block_do_not_count() -> None:
    """A block inside a module's forward sees the modules that are called in it, and not the one around it."""

    class Outer(nn.Module):
        def forward(self, x: torch.Tensor) -> chainrule.Recording:
            """Record what is inside."""
            inner = nn.Linear(2, 1)
            with chainrule.record() as rec:
                inner(x).sum().backward()
            return rec

    assert modules(Outer()(torch.ones(2))) == [("Linear", "linear"), (None, "sum")]
