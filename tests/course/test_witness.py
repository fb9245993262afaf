"""The witness that sets recorded gradients beside `.grad`."""

from __future__ import annotations

import dataclasses

import torch

import chainrule
from tests.support.witness import witnessed


def test_every_leaf_of_every_recorded_pass_is_witnessed() -> None:
    """Each leaf is met once a pass and recording, with its `.grad` from before; a wrong last bit is noticed."""
    before = chainrule.Recording.__init__, torch.autograd.backward
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
    right = seen.gradients[0].recorded
    assert right is not None
    assert not dataclasses.replace(seen.gradients[0], recorded=torch.nextafter(right, right + 1)).agrees
    assert before == (chainrule.Recording.__init__, torch.autograd.backward)
