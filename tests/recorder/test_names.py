"""Every name of a value leads to it: the caller's, the callee's, and each path of a parameter or a buffer."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import chainrule
from tests.support.papers import PAPERS


def shown(rec: chainrule.Recording) -> list[str]:
    """List the names that are shown."""
    return [value.name for value in rec.trace.values]


def test_two_models_are_told_apart() -> None:
    """Where there are two models, a parameter's path begins with the variable that holds its model."""
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    x = torch.randn(4, 3)
    with chainrule.record() as rec:
        loss = (decoder(torch.relu(encoder(x))) - x).square().mean()
        loss.backward()
    assert [value.name for value in rec.trace.values if value.parameter] == [
        "encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias",
    ]  # fmt: skip
    assert torch.equal(rec.grad("encoder.weight"), rec.grad(encoder.weight))
    assert torch.equal(rec.grad("decoder.bias"), rec.grad(decoder.bias))
    assert [op.module for op in rec.trace.ops if op.name == "linear"] == ["encoder", "decoder"]
    with pytest.raises(chainrule.TraceError, match=r"`weight` can be `encoder\.weight`, `decoder\.weight`"):
        rec.grad("weight")


def test_models_in_a_dictionary_or_an_attribute_are_called_as_the_code_calls_them() -> None:
    """A model that no variable holds goes by what the code writes to call it."""

    class Trainer:
        def __init__(self) -> None:
            self.models = {"up": nn.Linear(2, 3), "down": nn.Linear(3, 1)}

        def step(self, x: Tensor) -> None:
            """Take a step."""
            self.models["down"](self.models["up"](x)).sum().backward()

    with chainrule.record() as rec:
        Trainer().step(torch.ones(1, 2))
    assert 'self.models["down"].weight' in shown(rec)


def test_one_model_is_found_with_and_without_its_variable() -> None:
    """Where there is one model, its paths are those of `named_parameters`; with the variable they are found as well."""
    model = nn.Sequential(nn.Linear(2, 1))
    with chainrule.record() as rec:
        model(torch.ones(1, 2)).sum().backward()
    assert "0.weight" in shown(rec)
    assert torch.equal(rec.grad("model.0.weight"), rec.grad("0.weight"))


def test_buffers_go_by_their_path() -> None:
    """What BatchNorm keeps is named as a parameter is, also after it has changed in place."""
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with chainrule.record() as rec:
        for x in torch.randn(2, 4, 2).unbind():
            model(x).sum().backward()
    names = {name.partition("#")[0] for name in shown(rec)}
    assert {"1.running_mean", "1.running_var", "1.num_batches_tracked"} <= names
    assert not [name for name in names if name.startswith("tensor ")]


def test_wrappers_are_not_written() -> None:
    """What PyTorch puts around a module for itself is in no path."""
    outer = nn.Sequential(Wrapper(nn.Linear(2, 1), as_="_orig_mod"))
    with chainrule.record() as rec:
        outer(torch.ones(1, 2)).sum().backward()
    assert "0.weight" in shown(rec)
    assert rec.trace.ops[0].module == "0"


def test_a_shared_parameter_is_found_by_each_path() -> None:
    """A tied weight is one value with two paths."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: Tensor) -> Tensor:
            return torch.as_tensor(self.head(self.embed(tokens)))

    model = Tied()
    with chainrule.record() as rec:
        model(torch.tensor([1, 2])).sum().backward()
    assert [value.name for value in rec.trace.values if value.parameter] == ["embed.weight"]
    for path in ("head.weight", "model.embed.weight", "model.head.weight"):
        assert torch.equal(rec.grad(path), rec.grad(model.embed.weight))


def test_the_caller_and_the_callee_have_names() -> None:
    """What a function returns is shown by the block's name, and is found by the function's."""
    w, x = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0])

    def features(given: Tensor) -> Tensor:
        out = given * w
        return out

    with chainrule.record() as rec:
        for _ in range(2):
            hidden = features(x)
            a, b = hidden.unbind()
            state = [hidden * 2, hidden * 3]
            (p, q), r = (hidden + 1, hidden + 2), hidden + 3
            loss = a + b + (state[0] + p + q + r).sum()
            loss.backward()
        last = features(x)  # noqa: F841  # it is found in the frame
    assert {"hidden", "hidden#2", "a", "b", "a#2", "p", "q", "r", "last"} <= set(shown(rec))
    assert rec.grad("hidden").tolist() == rec.grad("out").tolist() == [6.0, 6.0]
    assert rec.grad("state[0]").tolist() == [1.0, 1.0]


def test_a_name_that_is_shown_comes_first() -> None:
    """In `forward`, `x` is bound twice, and the caller calls the second `logits`; `x` is what the table calls so."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.fc1(x))
            x = self.fc2(x)
            return x

    model, criterion = Net(), nn.CrossEntropyLoss()
    with chainrule.record() as rec:
        logits = model(torch.randn(5, 3))
        loss = criterion(logits, torch.tensor([0, 1, 0, 1, 0]))
        loss.backward()
    assert {"x", "logits", "loss"} <= set(shown(rec))
    assert (rec.grad("logits").shape, rec.grad("x").shape) == ((5, 2), (5, 4))
    assert [value.aliases for value in rec.trace.values if value.name == "logits"] == [("x",)]


def test_a_comprehensions_variable_is_no_name() -> None:
    """What is gone through goes by what the user calls it."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)

    def states(x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 2, x * 3

    with chainrule.record() as rec:
        h, c = (v + 1 for v in states(w))
        (h * c).sum().backward()
    assert {"h", "c"} <= set(shown(rec))
    assert "v" not in shown(rec)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.LBFGS])
def test_an_optimizers_step_is_one_op(kind: type[torch.optim.Optimizer], foreach: bool) -> None:
    """From each parameter to what it is afterwards; a closure's calls stand before it, and its own sums nowhere."""
    model, x = nn.Linear(3, 1), torch.randn(5, 3)
    options: dict[str, Any] = {"lr": 0.1} if kind is torch.optim.LBFGS else {"lr": 0.1, "foreach": foreach}
    optimizer: torch.optim.Optimizer = kind(model.parameters(), **options)

    def closure() -> float:
        optimizer.zero_grad()
        loss: Tensor = model(x).square().mean()
        loss.backward()
        return loss.item()

    with chainrule.record() as rec:
        afterwards = []
        for _ in range(2):
            optimizer.step(closure)
            afterwards.append(model.weight.tolist())
    steps = [op for op in rec.trace.ops if op.name == "step"]
    assert [op.expression for op in steps] == ["optimizer.step(closure)"] * 2
    values = rec.trace.values
    assert [[values[i].name.partition("#")[0] for i in op.outputs] for op in steps] == [["weight", "bias"]] * 2
    assert [data.tolist() for op in steps if (data := values[op.outputs[0]].tensor.data) is not None] == afterwards
    assert {name.partition("#")[0] for name in shown(rec)} <= {
        "x", "weight", "bias", "model(x)", "model(x).square()", "loss"
    }  # fmt: skip


@pytest.mark.parametrize("paper", PAPERS)
def test_models_have_names(paper: str) -> None:
    """Of ten models written after their papers, at most one value in a hundred goes by a number or a bare op."""
    torch.manual_seed(0)
    trace = PAPERS[paper]().trace
    ops = {op.name for op in trace.ops}
    bare = [value.name for value in trace.values if re.sub(r"(\[\d+\])?(#\d+)?$", "", value.name) in ops]
    numbered = [name for value in trace.values if (name := value.name).startswith("tensor ")]
    assert len(bare + numbered) <= len(trace.values) / 100 + (paper == "seq2seq"), bare + numbered


def test_a_gradient_goes_by_its_leaf() -> None:
    """Also where a library takes it, as `clip_grad_norm_` does; what a function made inside goes by that function."""
    model, w = nn.Sequential(nn.Linear(2, 1)), torch.ones(1, requires_grad=True)
    with chainrule.record() as rec:
        (model(torch.ones(1, 2)) * w).sum().backward()
        norm = nn.utils.clip_grad_norm_([*model.parameters(), w], 1.0)
        assert w.grad is not None
        squared = w.grad**2
    assert {"0.weight.grad", "0.bias.grad", "w.grad", "norm", "squared"} <= set(shown(rec))
    assert "nn.utils.clip_grad_norm_.clamp" in shown(rec)
    assert norm.isfinite()
    assert squared.isfinite()


def test_a_row_says_which_value_it_means() -> None:
    """In a row, each input has the name that it has in the table, whatever the function calls it."""
    w, y = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0)

    def mix(a: Tensor, x: Tensor) -> Tensor:
        return a * x

    with chainrule.record() as rec:
        x = w * y
        before = x
        x = x + before
        x = x * before
        x = mix(x, y)
        x = torch.exp(x) + torch.cos(x)
    assert [row.expression for row in rec.table(backward=None).rows] == [
        "w", "y", "x = w * y", "x#2 = x + x", "x#3 = x#2 * x", "x#4 = x#3 * y",
        "torch.exp(x) = torch.exp(x#4)", "torch.cos(x) = torch.cos(x#4)", "x#5 = torch.exp(x) + torch.cos(x)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "search", ["values.names_among", "values.passed_on", "values.ModulePaths.look", "source_code._read"]
)
def test_a_search_that_fails_costs_a_name(search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in it, each op, value and gradient is recorded."""

    def step() -> chainrule.Recording:
        torch.manual_seed(0)
        model, x = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), torch.randn(4, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with chainrule.record() as rec:
            a, b = model(x).exp().unbind(1)[:2]
            (a * b).sum().backward()
            optimizer.step()
        return rec

    def fail(*_given: object, **_named: object) -> None:
        raise RuntimeError("no name")

    as_it_is = step()
    monkeypatch.setattr("chainrule.recorder.source_code._spans", {})
    monkeypatch.setattr(f"chainrule.recorder.{search}", fail)
    rec = step()
    assert [op.name for op in rec.trace.ops] == [op.name for op in as_it_is.trace.ops]
    numbers, expected = (
        [*(value.tensor for value in trace.values), *trace.passes[0].gradients.values()]
        for trace in (rec.trace, as_it_is.trace)
    )
    for one, other in zip(numbers, expected, strict=True):
        assert one.data is not None
        assert other.data is not None
        assert np.array_equal(one.data, other.data)


class Net(nn.Module):
    """Set what it holds before anybody holds it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc, self.scale = nn.Linear(2, width), nn.Parameter(torch.ones(width))
        with torch.no_grad():
            self.scale.add_(1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale what the layer gives."""
        return torch.as_tensor(self.fc(x) * self.scale)


class Wrapper(nn.Module):
    """Hold a module, as `DistributedDataParallel` does."""

    def __init__(self, module: nn.Module, as_: str = "module") -> None:
        super().__init__()
        self.held = as_
        setattr(self, as_, module)

    def forward(self, x: Tensor) -> Tensor:
        """Call the module."""
        return torch.as_tensor(getattr(self, self.held)(x))


def test_models_made_in_the_block_go_by_its_variables() -> None:
    """What their constructors call `self` is known by its variable in the end, also what was changed before."""
    x = torch.ones(1, 2)
    with chainrule.record() as rec:
        first, second = Net(2), Net(3)
        (first(x).sum() + second(x).sum()).backward()
    names = {value.name.partition("#")[0] for value in rec.trace.values if value.parameter}
    assert names == {f"{model}.{path}" for model in ("first", "second") for path in ("fc.weight", "fc.bias", "scale")}


@pytest.mark.parametrize("wrapped", ["here", "elsewhere"])
def test_a_wrapped_model_keeps_its_paths(wrapped: str) -> None:
    """Its own paths lead to its parameters, and are shown unless the block itself holds the wrapper."""
    model, x = Net(2), torch.ones(1, 2)

    def run(module: nn.Module) -> Tensor:
        return torch.as_tensor(Wrapper(module)(x))

    outer = Wrapper(model) if wrapped == "here" else None
    with chainrule.record() as rec:
        (run(model) if outer is None else outer(x)).sum().backward()
    assert ("fc.weight" if outer is None else "module.fc.weight") in shown(rec)
    for name, parameter in [*model.named_parameters(), *(() if outer is None else outer.named_parameters())]:
        assert torch.equal(rec.grad(name), rec.grad(parameter))


def test_layers_of_a_list_go_by_their_places() -> None:
    """Whatever the loop calls them."""
    layers, h = [nn.Linear(2, 2) for _ in range(3)], torch.ones(1, 2)
    with chainrule.record() as rec:
        for layer in layers:
            h = torch.tanh(layer(h))
        h.sum().backward()
    for i, layer in enumerate(layers):
        assert torch.equal(rec.grad(f"layers[{i}].weight"), rec.grad(layer.weight))
    assert [op.module for op in rec.trace.ops if op.name == "linear"] == ["layers[0]", "layers[1]", "layers[2]"]


def test_what_a_builtin_gets_is_not_what_it_returns() -> None:
    """A function's result goes by the variable only where it arrives there, and not through `map` or `reduce`."""
    w, x = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0])
    with chainrule.record() as rec:
        scaled = list(map(lambda each: each * w, [x, x + 1]))  # noqa: C417  # what is tested
        total = functools.reduce(lambda a, b: a + b, scaled)
        total.sum().backward()
    assert "scaled" not in {name.partition("#")[0] for name in shown(rec)}
    assert rec.grad("scaled[0]").tolist() == rec.grad("total").tolist() == [1.0, 1.0]
