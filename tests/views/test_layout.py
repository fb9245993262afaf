"""The layout: boxes stand apart, arrows end at their boxes, and few edges cross."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule
from chainrule.views.layout import CHARACTER, Box, Layout, Spot, _crossings, _order, layout
from tests.support.graphs import Plan, plans, record
from tests.support.terminal import printed

DIRECTIONS = st.sampled_from(["right", "down"])


def edges_of(box: Box) -> tuple[float, float, float, float]:
    """Give a box's left, top, right and bottom."""
    return box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2, box.y + box.height / 2


def overlap(a: Box, b: Box) -> bool:
    """Tell whether two boxes share any area."""
    (left, top, right, bottom), (left2, top2, right2, bottom2) = edges_of(a), edges_of(b)
    return left < right2 and left2 < right and top < bottom2 and top2 < bottom


def touches(point: tuple[float, float], box: Box) -> bool:
    """Tell whether a point lies on the border of a box."""
    left, top, right, bottom = edges_of(box)
    x, y = point
    inside = left - 1e-6 <= x <= right + 1e-6 and top - 1e-6 <= y <= bottom + 1e-6
    return inside and min(abs(x - left), abs(x - right), abs(y - top), abs(y - bottom)) < 1e-6


def shared() -> chainrule.Recording:
    """Record a graph in which one value is used at three depths."""
    a = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        b = a * a
        c = b + a
        d = c * b - a
        d.backward()
    return rec


def nothing() -> chainrule.Recording:
    """Record nothing."""
    with chainrule.record() as rec:
        pass
    return rec


def fine(drawn: Layout) -> bool:
    """Hold a picture against everything that a reader relies on."""
    boxes = {box.value: box for box in drawn.boxes}
    assert not [(a.name, b.name) for a, b in combinations(drawn.boxes, 2) if overlap(a, b)]
    for box in drawn.boxes:
        left, top, right, bottom = edges_of(box)
        assert min(left, top) >= 0
        assert right <= drawn.width
        assert bottom <= drawn.height
    for arrow in drawn.arrows:
        source, target = boxes[arrow.source], boxes[arrow.target]
        assert touches(arrow.forward[0], source)
        assert touches(arrow.forward[-1], target)
        assert len(arrow.forward) % 3 == 1
        if arrow.backward:
            assert touches(arrow.backward[0], target)
            assert touches(arrow.backward[-1], source)
        assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in arrow.forward)
    return True


@settings(max_examples=60, deadline=None)
@given(plans(steps=12), DIRECTIONS, st.sampled_from([None, -1]))
def test_boxes_stand_apart_and_arrows_end_at_them(plan: Plan, direction: str, backward: int | None) -> None:
    """No boxes overlap, all lie inside, and each arrow leads from one box's border to another's."""
    assert fine(layout(record(plan)[0].trace, backward, direction))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [shared, nothing])
def test_arrows_lead_along_the_graph(make: Callable[[], chainrule.Recording]) -> None:
    """Rightwards each result stands to the right of its inputs, downwards below them."""
    for direction, axis in (("right", "x"), ("down", "y")):
        drawn = layout(make().trace, None, direction)  # type: ignore[arg-type]
        boxes = {box.value: box for box in drawn.boxes}
        assert all(getattr(boxes[a.source], axis) < getattr(boxes[a.target], axis) for a in drawn.arrows)
        assert fine(drawn)


def test_each_use_has_its_arrow_and_its_local_gradient() -> None:
    """A value that an op takes twice has two arrows, each with its own local gradient."""
    w = torch.tensor(3.0, requires_grad=True)
    with chainrule.record() as rec:
        out = w / w
        out.backward()
    assert [arrow.local for arrow in layout(rec.trace, -1).arrows] == ["0.3333", "-0.3333"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(7, 13)), min_size=1, unique=True))
def test_ordering_never_crosses_more(pairs: list[tuple[int, int]]) -> None:
    """The order that is chosen never crosses more edges than the one it began with."""
    chains: list[list[Spot]] = [[(a, -1, 0), (b, -1, 1)] for a, b in pairs]
    rows = [list(dict.fromkeys(ends)) for ends in zip(*chains, strict=True)]
    behind = {source: [target for start, target in chains if start == source] for source in rows[0]}
    assert _crossings(_order([*rows[0], *rows[1]], chains), behind) <= _crossings(rows, behind)


def test_long_text_is_cut_in_the_picture() -> None:
    """A long expression ends in an ellipsis in its box, and stands in full in the table."""
    w = torch.tensor(3.0, requires_grad=True)
    with chainrule.record() as rec:
        a_result_with_a_name_of_some_length = w * 1.0 * 1.0 * 1.0 * 1.0 * 1.0 * 1.0 * 1.0 * 1.0
        a_result_with_a_name_of_some_length.backward()
    last = layout(rec.trace, -1).boxes[-1]
    assert last.name.endswith("…")
    assert len(last.name) == 34
    assert "a_result_with_a_name_of_some_length" in printed(rec)


@pytest.mark.parametrize("inputs", [[2.2, 3.2, 1.2], [2.0, 3.0, 1.0], [0.5, 1.0]])
def test_a_long_label_has_room_between_the_boxes(inputs: list[float]) -> None:
    """A local gradient with several numbers stands beside its edge and on no box."""
    x, y, w = torch.tensor(inputs), torch.tensor(3.0), torch.ones(len(inputs), requires_grad=True)
    with chainrule.record() as rec:
        y_hat = w @ x
        error = y_hat - y
        loss = error**2
        loss.backward()
    drawn = layout(rec.trace, -1, "right")
    (arrow,) = (arrow for arrow in drawn.arrows if "," in arrow.local)
    half = CHARACTER * (len(arrow.local) + 2) / 2
    for box in drawn.boxes:
        apart = abs(box.x - arrow.label[0]) >= box.width / 2 + half - 1e-6
        assert apart or abs(box.y - arrow.label[1]) >= box.height / 2, box.name
