"""The witness that sets recorded gradients beside `.grad`."""

from __future__ import annotations

import torch

import chainrule
from tests.support.witness import witnessed


def test_every_leaf_of_every_recorded_pass_is_witnessed() -> None:
    """Each leaf is met once a pass and recording, with its `.grad` from before; passes outside are not met."""
    with witnessed() as seen:
        a, b = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 3.0], requires_grad=True)
        (a * a).backward()
        with chainrule.record():
            loss = (a * b).sum()
            loss.backward(retain_graph=True)
            loss.backward()
        (a * a).backward()
    earlier = [None if gradient.before is None else gradient.before.tolist() for gradient in seen.gradients]
    assert sorted(earlier, key=str) == [4.0, 8.0, None, [2.0, 2.0]]
    assert all(gradient.agrees for gradient in seen.gradients)


def test_a_wrong_recording_is_noticed() -> None:
    """A recorded gradient that differs from `.grad` in its last bit does not agree."""
    with witnessed() as seen, chainrule.record():
        w = torch.tensor(0.1, requires_grad=True)
        (w * w).backward()
    right = seen.gradients[0].recorded
    assert right is not None
    assert seen.gradients[0].agrees
    wrong = type(seen.gradients[0])(
        torch.nextafter(right, right + 1), seen.gradients[0].before, seen.gradients[0].after
    )
    assert not wrong.agrees


def test_watching_changes_nothing() -> None:
    """A recording made under the witness is the one that is made without it, and all is put back afterwards."""

    def recorded() -> dict[str, object]:
        w = torch.tensor(3.0, requires_grad=True)
        with chainrule.record() as rec:
            loss = (w * w + w) ** 2
            loss.backward()
        return rec.trace.to_dict()

    before = chainrule.Recording.__init__, torch.autograd.backward
    with witnessed():
        watched = recorded()
    assert watched == recorded()
    assert before == (chainrule.Recording.__init__, torch.autograd.backward)
