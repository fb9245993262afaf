"""Agreement: the same numbers stand in table, derivation, figure and graph."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings

import chainrule
from tests.course.test_same_numbers import differences
from tests.support.graphs import Plan, plans, record


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(plans())
def test_views_of_random_graphs_agree(plan: Plan) -> None:
    """For any graph, each view shows for each value the number and the gradient that the table shows."""
    rec, _ = record(plan)
    pictures = [found for found in differences(rec) if not found.startswith("derivation")]
    assert pictures == []  # a bare name may mean a later value, so derivations follow with their numbers
    for row in rec.table().rows:
        name = row.expression.split(" = ")[0]
        if row.gradient:
            derived = str(rec.derivation(name if "#" in name else f"{name}#1"))
            assert derived.rpartition("= ")[2] == row.gradient


def several_outputs() -> torch.Tensor:
    """Take a tensor apart."""
    a, b = torch.tensor([1.0, 2.0], requires_grad=True).unbind()
    return a * b


def not_a_number() -> torch.Tensor:
    """Divide zero by zero."""
    return (torch.zeros(2, requires_grad=True) / 0).sum()


def large() -> torch.Tensor:
    """Use more elements than are kept whole."""
    return (torch.ones(2000, requires_grad=True) * 2).mean()


def module() -> torch.Tensor:
    """Run a module."""
    torch.manual_seed(0)
    result: torch.Tensor = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh())(torch.ones(3, 2)).sum()
    return result


@pytest.mark.parametrize("make", [several_outputs, not_a_number, large, module])
def test_views_of_awkward_graphs_agree(make: Callable[[], torch.Tensor]) -> None:
    """Several outputs, NaN, large tensors and modules read the same in every view."""
    with chainrule.record() as rec:
        loss = make()
        loss.backward()
    assert differences(rec) == []
