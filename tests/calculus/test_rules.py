"""The rules: what they write is what PyTorch's node says, and their LaTeX can be rendered."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from _ext.pages.maths import render

import chainrule
from chainrule.calculus.expression import Constant, Expression, Name
from chainrule.calculus.maths import latex
from chainrule.calculus.rules import ALIASES, CARRIERS, RULES, canonical, local_gradient, recorded_local_gradient
from chainrule.trace import Array, Term, Trace

A, B = torch.tensor([0.5, 2.0, 1.5]), torch.tensor([3.0, -1.0, 0.25])

OPS: dict[str, list[Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    "add": [lambda a, b: a + b, lambda a, b: 1 + a * b, lambda a, b: a.clone().add_(b), lambda a, b: a + a],
    "sub": [lambda a, b: a - b, lambda a, b: a - 3, torch.subtract],
    "rsub": [lambda a, b: 1 - a, torch.rsub],
    "mul": [lambda a, b: a * b, lambda a, b: 2 * a, torch.multiply, lambda a, b: a * a],
    "div": [lambda a, b: a / b, torch.true_divide, torch.divide, lambda a, b: a / 4],
    "neg": [lambda a, b: -a, lambda a, b: torch.negative(a)],
    "square": [lambda a, b: torch.square(a)],
    "pow": [
        lambda a, b: a**b,
        lambda a, b: a**2,
        lambda a, b: a**1,
        lambda a, b: a**0.5,
        lambda a, b: torch.pow(2, a),
        lambda a, b: a ** (-1),
    ],
    "exp": [lambda a, b: a.exp()],
    "log": [lambda a, b: a.log()],
    "sqrt": [lambda a, b: a.sqrt()],
    "reciprocal": [lambda a, b: a.reciprocal()],
    "abs": [lambda a, b: b.abs(), lambda a, b: torch.absolute(b)],
    "sin": [lambda a, b: a.sin()],
    "cos": [lambda a, b: a.cos()],
    "tanh": [lambda a, b: a.tanh()],
    "sigmoid": [lambda a, b: a.sigmoid(), lambda a, b: torch.nn.functional.sigmoid(b)],
    "relu": [lambda a, b: b.relu(), lambda a, b: torch.relu_(b.clone())],
    "sum": [lambda a, b: a.sum(), lambda a, b: a.reshape(3, 1).sum(0)],
    "mean": [lambda a, b: a.mean(), lambda a, b: a.expand(2, 3).mean(dim=1)],
    "dot": [torch.dot, lambda a, b: a @ b],
    "clone": [lambda a, b: a.clone()],
}
CASES = [(name, i) for name, calls in OPS.items() for i in range(len(calls))]


def run(function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Trace:
    """Record one call and its backward pass."""
    a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
    with chainrule.record() as rec:
        out = function(a, b)
        out.backward(torch.ones_like(out))
    return rec.trace


def by_hand(expression: str, trace: Trace, term: Term) -> Array:
    """Evaluate a rule's expression with NumPy, on the numbers that were recorded."""
    op, out = trace.ops[term.op], trace.values[term.output]
    words: dict[str, object] = dict(op.constants)
    words |= {letter: trace.values[value].data for letter, value in op.operands.items()}
    words |= {"out": out.data, "n": trace.values[term.value].tensor.size // out.tensor.size}
    words |= {"log": np.log, "sin": np.sin, "cos": np.cos, "sign": np.sign, "step": lambda a: (a > 0) * 1.0}
    return np.asarray(eval(expression, {}, words))


def test_every_rule_is_tried() -> None:
    """There is a call for every rule, and no call without one."""
    assert list(OPS) == list(RULES)


@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_rule_says_what_pytorchs_node_says(name: str, call: int) -> None:
    """Each local gradient that a rule writes, evaluated with NumPy, is the one that PyTorch's own node gave."""
    trace = run(OPS[name][call])
    found = [term for term in trace.terms() if canonical(trace.ops[term.op].name) == name]
    assert found
    for term in found:
        assert term.letter is not None
        expression = RULES[name][ord(term.letter) - ord("a")]
        assert term.local is not None
        assert term.local.data is not None
        local = term.local.data[term.local.data != 0] if term.kind == "jacobian" else term.local.data
        shown = np.broadcast_to(by_hand(expression, trace, term), local.shape)
        np.testing.assert_allclose(shown, local, rtol=1e-5)


@pytest.mark.parametrize(("name", "call"), CASES)
def test_what_is_shown_means_what_the_rule_means(name: str, call: int) -> None:
    """The text with names and numbers filled in evaluates to the same as the rule: no parenthesis is lost."""
    trace = run(OPS[name][call])
    for term in trace.terms():
        shown_rule = recorded_local_gradient(trace, term)
        if shown_rule is None or canonical(trace.ops[term.op].name) != name:
            assert term.kind == "jacobian" or canonical(trace.ops[term.op].name) != name
            continue
        named = {value.name: value.data for value in trace.values}
        plain = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?) (?=[\w(])", r"\1 * ", str(shown_rule))
        for i, key in enumerate(sorted(named, key=len, reverse=True)):
            plain = re.sub(rf"(?<!\w){re.escape(key)}(?![\w#])", f"_{i}", plain)
        words = {f"_{i}": named[key] for i, key in enumerate(sorted(named, key=len, reverse=True))}
        words |= {"log": np.log, "sin": np.sin, "cos": np.cos, "sign": np.sign, "step": lambda a: (a > 0) * 1.0}  # type: ignore[dict-item]
        assert term.local is not None
        assert term.local.data is not None
        shown = np.broadcast_to(eval(plain, {}, words), term.local.shape)
        np.testing.assert_allclose(shown, term.local.data, rtol=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: torch.add(a, b, alpha=2),
        lambda a, b: torch.sub(other=a, input=b),
        lambda a, b: torch.pow(a, exponent=2),
        lambda a, b: torch.div(a, b, rounding_mode="floor"),
        lambda a, b: ((a * 1j) * (b * 1j)).real,
    ],
)
def test_no_rule_is_better_than_a_wrong_one(call: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
    """Where keywords or complex numbers change what a call means, the number stands alone."""
    trace = run(call)
    first = next(
        term for term in trace.terms() if not trace.ops[term.op].letters or "j" in trace.ops[term.op].expression
    )
    assert recorded_local_gradient(trace, first) is None


PRODUCTS: list[Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = [
    lambda a, b: torch.mm(a[None], b[:, None]),
    lambda a, b: torch.mv(torch.outer(b, b), a),
    lambda a, b: a @ torch.outer(b, b),
    lambda a, b: torch.nn.functional.linear(a, torch.outer(b, b)),
]


def test_every_alias_is_the_name_of_a_real_call() -> None:
    """Each alias is a name that PyTorch gives an op, and leads to a rule."""
    assert set(ALIASES.values()) <= RULES.keys() | CARRIERS.keys()
    calls = [*PRODUCTS, *(call for calls in OPS.values() for call in calls)]
    called = {op.name for trace in map(run, calls) for op in trace.ops}
    assert CARRIERS.keys() <= called
    assert ALIASES.keys() <= called
    assert not ALIASES.keys() & RULES.keys()


def test_every_expression_is_made_of_what_can_be_written() -> None:
    """A rule uses its arguments' letters, `out`, `n` and known functions, and nothing else."""
    for rule in RULES.values():
        for expression in rule:
            names = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
            letters = {chr(ord("a") + i) for i in range(len(rule))}
            assert names <= letters | {"out", "n", "log", "sin", "cos", "sign", "step"}


NAMES = [
    {"a": "w", "b": "x_1", "out": "y_hat"},
    {"a": "error#2", "b": "self.fc.weight", "out": "a + b"},
    {"a": 'd["{w}"] \\ & %', "b": "h_", "out": "größe$^~"},
]


def test_latex_can_be_rendered() -> None:
    """KaTeX renders each rule, with plain and with awkward names, and with numbers for letters, without an error."""
    formulas = []
    for name, rule in RULES.items():
        for letter in "ab"[: len(rule)]:
            for names in (*NAMES, {"a": "w", "out": "y"}):
                words: dict[str, Expression] = {"n": Constant(3), "b": Constant(-2.5e-10)}
                found = local_gradient(name, letter, words | {key: Name(called) for key, called in names.items()})
                assert found is not None
                formulas.append(latex.write(found))
    assert [fault for formula in formulas if (fault := render(formula, True)[1])] == []


def test_an_unknown_op_has_no_rule() -> None:
    """An op without a rule is written by nothing, and a letter beyond a rule's arguments too."""
    assert local_gradient("softmax", "a", {}) is None
    assert local_gradient("exp", "b", {}) is None
