"""Recordings: asking by name or tensor, what is said when there is no answer, and files."""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import chainrule
from chainrule.live.javascript import script

HOSTILE = "</text><script>alert(1)</script>&\"'"


@pytest.fixture
def rec() -> chainrule.Recording:
    """Record two steps of a descent on one weight."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        for _ in range(2):
            loss = (w * 3 - 5) ** 2
            loss.backward()
            with torch.no_grad():
                w -= 0.125 * w.grad  # type: ignore[operator]
            w.grad = None
    return rec


def awkward() -> chainrule.Recording:
    """Record values that are hard to write: several dtypes, not finite, empty, constants, outputs, large."""
    w = torch.tensor([1.0, 0.0, -1.0], requires_grad=True)
    half = torch.tensor([0.1, 3e38], dtype=torch.bfloat16, requires_grad=True)
    with chainrule.record() as rec:
        mask = w > 0
        count = mask.sum()
        bad = (w / 0.0) * float("inf") + float("nan")
        top, index = torch.max(w * 2, 0)
        twice = half.float() * 2j
        empty = w[3:]
        big = (w[0] + torch.arange(2000.0)).sum()
        (bad.sum() + top + big + count + twice.real.sum() + empty.sum() + index).backward()
    return rec


def test_a_bare_name_means_the_latest_that_took_part(rec: chainrule.Recording) -> None:
    """Bound again, a name means the latest value in the pass asked about; numbered, exactly one; a tensor likewise."""
    assert rec.grad("w").item() == rec.grad("w#2").item() == pytest.approx(rec.grad("w", backward=-1).item())
    assert rec.grad("w", backward=0).item() == rec.grad("w#1", backward=0).item() == -12.0
    assert rec.grad("loss", backward=0).item() == 1.0
    with pytest.raises(chainrule.TraceError, match="`w` has no gradient in this backward pass: `loss#2`"):
        rec.grad("w#1")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gradient_is_the_users_own(dtype: torch.dtype) -> None:
    """A gradient is a detached copy with the value's dtype and shape: changing it changes no recording."""
    w = torch.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    with chainrule.record() as rec:
        h = w * 3
        h.sum().backward()
    found = rec.grad(h)
    assert (found.dtype, found.shape, found.requires_grad) == (dtype, (2,), False)
    found.zero_()
    assert rec.grad("h").tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("los", "Did you mean `loss`?"),
        ("zzz", "There are `w`, "),
        ("loss#7", "No value is called `loss#7`"),
        ("w.grad", "`w.grad#2` has no gradient: neither it nor anything that it was made from requires one"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_there_is(rec: chainrule.Recording, name: str, said: str) -> None:
    """An unknown name is answered with the nearest one, a value without a gradient with the reason."""
    with pytest.raises(chainrule.TraceError) as caught:
        rec.grad(name)
    assert said in str(caught.value)


def test_passes_that_are_not_there_say_how_many_there_are(rec: chainrule.Recording) -> None:
    """An unknown backward pass is an error in every view, with the numbers that there are."""
    for view in (rec.table, rec.figure, rec.graph):
        with pytest.raises(chainrule.TraceError, match="holds 2 backward passes, so there is no backward=2"):
            view(backward=2)
    with pytest.raises(chainrule.TraceError, match="a number from 0 to 1, or -1 for the last"):
        rec.grad("w", backward=-3)
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as once:
        w.exp().backward()
    with pytest.raises(chainrule.TraceError, match="Use 0, or -1 for the last"):
        once.table(backward=1)


@pytest.mark.parametrize("backward", ["last", [], None, True, 1.0, math.nan])
def test_what_is_no_number_of_a_pass_is_refused(rec: chainrule.Recording, backward: Any) -> None:
    """Every view says so of whatever is no whole number; `None` is known to those that can show more than one pass."""
    views: list[Callable[..., Any]] = [
        partial(rec.grad, "w"),
        partial(rec.derivation, "w"),
        partial(rec.check, w=1.0),
    ]
    views += [] if backward is None else [rec.table, rec.graph, rec.figure, rec.why]
    for view in views:
        with pytest.raises(chainrule.TraceError, match=r"^backward=.* is not the number of a backward pass"):
            view(backward=backward)


CALLED: Any = chainrule.record


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda rec: rec.grad(5), "value=5 is no name. Give one as text, such as value='loss'."),
        (lambda rec: rec.derivation(b"w"), "value=b'w' is no name"),
        (lambda rec: rec.why([]), "value=[] is no name"),
        (lambda rec: rec.check(self=1.0), "No value is called `self`"),
        (lambda rec: rec.table(name=5), "name=5 is no name. Give one as text, such as name='loss'."),
        (lambda rec: rec.table(module=["encoder"]), "such as module='encoder.layers.0'."),
        (lambda rec: rec.table(fold="no"), "fold='no' means nothing here. It can be True or False."),
        (lambda rec: rec.figure(direction="up"), "direction='up' means nothing here. It can be 'right' or 'down'."),
        (lambda rec: rec.figure(direction=None), "direction=None means nothing here"),
        (lambda rec: CALLED(keep="ALL"), "It can be 'auto' or 'all' or 'shapes'."),
        (lambda rec: CALLED(keep=["auto"]), "keep=['auto'] means nothing here"),
        (lambda rec: CALLED(local_gradients="no"), "local_gradients='no' means nothing here"),
    ],
)
def test_an_argument_that_cannot_be_is_refused(rec: chainrule.Recording, ask: Callable[..., Any], said: str) -> None:
    """What an argument cannot be is named, with what it can be."""
    with pytest.raises(chainrule.ChainruleError) as caught:
        ask(rec)
    assert said in str(caught.value)


def test_a_tensor_from_elsewhere_is_refused(rec: chainrule.Recording) -> None:
    """A tensor that was not used in the block is an error, even if its numbers are the same."""
    with pytest.raises(chainrule.TraceError, match="not in the recording"):
        rec.grad(torch.tensor(1.0))


def test_a_recording_shows_itself(rec: chainrule.Recording) -> None:
    """Printed it is the table, in a notebook the graph with the table inside."""
    assert str(rec) == repr(rec) == str(rec.table())
    shown = rec._repr_html_()
    assert shown.startswith("<chainrule-graph><figure")
    assert rec.table()._repr_html_() in shown


@pytest.mark.parametrize("make", ["rec", "awkward"])
def test_what_was_saved_is_loaded_again(make: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A recording comes back equal, whatever its dtypes and numbers, and every view of it reads the same."""
    rec = awkward() if make == "awkward" else request.getfixturevalue(make)
    rec.save(tmp_path / "rec.json")
    back = chainrule.load(tmp_path / "rec.json")
    assert back.trace.to_dict() == rec.trace.to_dict()
    assert str(back) == str(rec)
    assert back._repr_html_() == rec._repr_html_()
    assert str(back.derivation("w")) == str(rec.derivation("w"))
    assert back.grad("w").dtype == rec.grad("w").dtype
    back.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "rec.json").read_bytes()


def damaged(plain: dict[str, object], path: list[str | int], new: object) -> dict[str, object]:
    """Put something else at one place of a recording."""
    copy = json.loads(json.dumps(plain))
    *way, last = path
    at = copy
    for step in way:
        at = at[step]
    at[last] = new
    return copy  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (["values"], None),
        (["values", 0, "tensor", "shape"], [7]),
        (["values", 0, "tensor", "data"], "many"),
        (["values", 0, "more"], 1),
        (["ops", 0, "inputs"], [99]),
        (["passes", 0, "visits", 0, "node"], 1000),
        (["values", 0, "tensor", "dtype"], "S2000000000"),
        (["ops", 0, "letters"], ["ab"]),
        (["nodes", 1, "edges", 0, "node"], 2),
        (["passes", 0, "visits", 0, "flows", 0, "local", "shape"], [1]),
        (["arrays"], ["half a number"]),
    ],
)
def test_a_damaged_file_is_refused(
    rec: chainrule.Recording, path: list[str | int], new: object, tmp_path: Path
) -> None:
    """Whatever is missing or points nowhere, loading says that the recording is damaged."""
    (tmp_path / "rec.json").write_text(json.dumps(damaged(rec.trace.to_dict(), path, new)), encoding="utf-8")
    with pytest.raises(chainrule.FileError, match=r"damaged.*Save it again"):
        chainrule.load(tmp_path / "rec.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "is not JSON"),
        ("\x00\xff", "is not JSON"),
        ("[1, 2]", "This is no recording"),
        ("{}", "This is no recording"),
        ('{"format": 99}', "format 99.*reads up to 2.*pip install --upgrade"),
        ('{"format": 1}', "damaged"),
    ],
)
def test_other_files_are_refused(text: str, said: str, tmp_path: Path) -> None:
    """What is not JSON, no recording, or from a newer version is refused, each with its own words."""
    (tmp_path / "rec.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(chainrule.FileError, match=said):
        chainrule.load(tmp_path / "rec.json")


@pytest.mark.parametrize("name", ["rec.txt", "rec", "rec.JSON5"])
def test_an_unknown_ending_is_refused(rec: chainrule.Recording, name: str, tmp_path: Path) -> None:
    """A file that is neither .json nor .html is refused with both names that would do, and nothing is written."""
    with pytest.raises(chainrule.FileError, match=r"`rec.json`, to load it again, or `rec.html`"):
        rec.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [0, 2000])
def test_a_file_appears_whole_or_not_at_all(rec: chainrule.Recording, limit: int, tmp_path: Path) -> None:
    """When there is no room, the old file stays, nothing else is left, and the error says what to do."""
    resource = pytest.importorskip("resource")
    (tmp_path / "rec.json").write_text("old", encoding="utf-8")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1][1]))
    try:
        with pytest.raises(chainrule.FileError, match=r"File too large.*nothing was left.*that has room"):
            rec.save(tmp_path / "rec.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[1])
        signal.signal(signal.SIGXFSZ, before[0])
    assert [file.name for file in tmp_path.iterdir()] == ["rec.json"]
    assert (tmp_path / "rec.json").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, "None is no path"),
        (b"rec.json", "b'rec.json' is no path"),
        ("x" * 300 + ".json", "File name too long"),
        ("a\0b.json", "null"),
        ("folder.json", "Is a directory"),
        ("absent/rec.json", "No such file"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="other names cannot be there")
def test_a_file_that_cannot_be_has_an_error_that_says_why(
    rec: chainrule.Recording, name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no path, name or file is an error of ours, in saving and in loading, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    Path("folder.json").mkdir()
    for act in (rec.save, chainrule.load):
        with pytest.raises(chainrule.FileError, match=said):
            act(name)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.json"]


OURS = f"<script>{script()}</script>"


def test_names_are_text_in_every_view(tmp_path: Path) -> None:
    """Markup in a name or an expression stands in every page and picture as text."""
    table = {HOSTILE: torch.tensor(2.0, requires_grad=True)}
    with chainrule.record() as rec:
        loss = table["</text><script>alert(1)</script>&\"'"] * 3
        loss.backward()
    assert "<script>" in rec.trace.values[0].name
    rec.save(tmp_path / "rec.html")
    graph = rec.graph()
    for shown in (
        (tmp_path / "rec.html").read_text(encoding="utf-8").replace(OURS, ""),
        rec._repr_html_().replace(OURS, ""),
        rec.table()._repr_html_(),
        rec.derivation("loss")._repr_html_(),
        graph.element,
        graph.wide,
        graph.narrow,
    ):
        assert "<script" not in shown.replace('<script type="application/json">{"version":', "")
        assert "%3Cscript" not in shown
        assert "</text><" not in shown.replace("</text></svg>", "").replace("</text><text", "") or "<svg" in shown


def test_a_page_needs_nothing_else(rec: chainrule.Recording, tmp_path: Path) -> None:
    """A saved page holds its pictures and its style, and refers to no other file."""
    rec.save(tmp_path / "rec.html")
    page = (tmp_path / "rec.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert 'src="data:image/svg+xml,' in page
    assert OURS in page
    for word in ("http://", "https://", "<link", 'src="/', "import("):
        assert word not in page.replace("http://www.w3.org/2000/svg", "").replace("http%3A//www.w3.org/2000/svg", "")


@pytest.mark.parametrize("ask", ["rec.figure()", "import chainrule.plots"])
def test_an_extra_that_is_missing_is_named(ask: str) -> None:
    """Without matplotlib everything else works, and a figure names what to install."""
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
import torch, chainrule
with chainrule.record() as rec:
    torch.ones(2) + 1
print(rec)
try:
    {ask}
except ImportError as error:
    assert isinstance(error, chainrule.ChainruleError)
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1].endswith('Install it with `pip install "chainrule[lessons]"`.')


def test_a_recording_goes_to_another_process() -> None:
    """A pickled recording, or a copy, answers as the one that it was made of."""
    w = torch.tensor(3.0, requires_grad=True)
    with chainrule.record() as rec:
        loss = w**2
        loss.backward()
    for again in (pickle.loads(pickle.dumps(rec)), copy.deepcopy(rec)):
        assert str(again) == str(rec)
        assert again.grad("w") == 6.0


def test_a_gradient_from_elsewhere_is_told() -> None:
    """Where `.grad` is there and the pass has no gradient, the message says where it may be from."""
    w, v = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    (w * 3).sum().backward()
    with chainrule.record() as rec:
        cut = (w * 2).detach()
        (cut * v).sum().backward()
    with pytest.raises(chainrule.TraceError, match=r"was not computed from it\. Its `\.grad` is from another pass"):
        rec.grad(w)
    with pytest.raises(chainrule.TraceError, match=r"was not computed from it\. Use it on the way"):
        rec.grad("w")
