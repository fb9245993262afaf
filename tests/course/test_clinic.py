"""The clinic: each broken program is broken, each cure cures, and the page of symptoms leads to the right case."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.support.course import LESSONS, ROOT, walk
from tests.support.visitors import VISITORS, Visitor

pytestmark = pytest.mark.slow

CLINIC = {path.stem: path for path in LESSONS if path.parent.name == "8_clinic"}
SYMPTOMS = ROOT / "docs/how-to/symptoms.md"


def near(found: list[float], wanted: list[float]) -> bool:
    """Tell whether losses are those that the course knows, to the digits that it shows."""
    return [round(number, 2) for number in found] == wanted


BROKEN = {
    "10_not_zeroed": "near(broken, [16.0, 8.29, 0.91, 1.54, 9.52]) and max(slower[15:]) > 15.9",
    "20_sum_for_mean": "gradients == [-120, -240] and isnan(train(loss_of, more)[-1]) and isnan(distances[-1])",
    "30_not_a_leaf": "passes == 1 and not can_learn(candidates['scaled after'])",
    "40_data": "near(broken[:3], [30.0, 21.67, 15.66])",
    "50_missing_squeeze": "abs(broken[0] - 0.25005) < 1e-5 and broken[999] > 0.2499",
    "60_detached": "without_gradient(both) == ['0.weight', '0.bias'] and not leads_back['torch.tensor(loss)']",
    "65_second_batch": "hangs_on_before(two_hours(torch.tensor(0.0))) == 1 and passes == 6",
    "70_symmetric_or_dead": "broken['A'][999] > 0.16 and broken['B'][999] > 0.16 and broken['C'][999] == 0.25",
    "80_vanishing": "abs(broken[59] - ((y - y.mean()) ** 2).mean().item()) < 1e-3",
    "90_fine_tuning": "broken == [30] * 5 and body_alone[59] > 12",
}
"""What shows, in each case, that the program is broken."""

CURED = {
    "10_not_zeroed": "near(cured, [16.0, 8.29, 4.3, 2.23, 1.16])",
    "20_sum_for_mean": "max(run[99] for run in cured) < 1e-9 and p.grad.isfinite().all()",
    "30_not_a_leaf": "near(train()[0], [30.0, 4.8, 0.77, 0.12, 0.02]) and train()[1].is_leaf",
    "40_data": "near(cured[:3], [30.0, 4.8, 0.77])",
    "50_missing_squeeze": "abs(cured[0] - 0.24755) < 1e-5 and cured[999] < 0.01",
    "60_detached": "cured.reasons == () and (w.grad.item(), b.grad.item()) == (10, -12)",
    "65_second_batch": "near(cured[:4], [0.25, 4.1, 0.87, 0.04]) and cured[19] < 1e-4 and retained.reasons",
    "70_symmetric_or_dead": "list(cured.values()) == [4, 4]",
    "80_vanishing": "cured[59] < 0.2 and fades['tanh', 'Xavier'] > 0.1 > 0.001 > fades['tanh', 'default']",
    "90_fine_tuning": "near(cured, [30, 4.8, 0.77, 0.12, 0.02]) and both[59] < 1e-3",
}
"""And that the cure cures."""

NAMED = {
    "20_sum_for_mean": ("found", "root at 0"),
    "30_not_a_leaf": ("found", "not a leaf"),
    "40_data": ("found", "changed unseen"),
    "60_detached": ("found", "taken out"),
    "65_second_batch": ("found", "freed"),
    "70_symmetric_or_dead": ("found['C']", "dead relu"),
    "80_vanishing": ("found", "vanished"),
    "90_fine_tuning": ("found", "old parameters"),
}
"""The cause that `why` names, where a lesson asks it."""


def holds(case: str, claim: str) -> object:
    """Evaluate a claim about what a lesson leaves behind."""
    return eval(claim, {**walk(CLINIC[case]).report.namespace, "near": near, "isnan": lambda number: number != number})


def test_each_case_is_tried() -> None:
    """Each lesson of the clinic is proved broken and cured, and somebody comes with a variation of it."""
    assert len(CLINIC) == 10
    assert set(BROKEN) == set(CURED) == set(CLINIC) == {visitor.case for visitor in VISITORS}


@pytest.mark.parametrize("case", CLINIC)
def test_a_broken_program_is_broken_and_cured(case: str) -> None:
    """The numbers of the broken program show its symptom, and with the cure it does what it should."""
    assert holds(case, BROKEN[case])
    assert holds(case, CURED[case])


@pytest.mark.parametrize("case", NAMED)
def test_why_names_the_cause(case: str) -> None:
    """Where a lesson asks `why`, the first reason is the lesson's subject."""
    found, cause = NAMED[case]
    assert holds(case, f"{found}.reasons[0].cause") == cause


def test_check_names_the_sum() -> None:
    """Held against a mean by hand, the recorded gradient of the second case is told as a sum."""
    assert "this takes a mean where the code sums" in " ".join(walk(CLINIC["20_sum_for_mean"]).report.printed.split())


# The page of symptoms ---------------------------------------------------------------------------------------------


@cache
def rows() -> tuple[tuple[tuple[str, ...], str], ...]:
    """Read the table that leads from a cause to a case: the words, and where the row leads."""
    text = SYMPTOMS.read_text("utf-8").partition("| the cause | go to |\n|---|---|\n")[2].partition("\n\n")[0]
    return tuple((tuple(re.findall("`([^`{]+)`", row.split("|")[1])), row.split("|")[2]) for row in text.splitlines())


def examined(visitor: Visitor) -> set[str]:
    """Do with a broken program what the page says."""
    found = visitor.run().why()
    return {reason.cause for reason in (*found.reasons, *found.hints)}


@pytest.mark.parametrize("visitor", VISITORS, ids=lambda visitor: visitor.run.__name__)
@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:The .grad attribute")
def test_the_page_leads_to_the_case(visitor: Visitor) -> None:
    """Of the rows of the table, the first that fits what `rec.why()` says leads to the right case."""
    said = examined(visitor)
    leads = next((leads for words, leads in rows() if said & set(words)), str(said))
    assert f"/lessons/8_clinic/{visitor.case}`" in leads


def test_the_page_knows_every_case() -> None:
    """Each case is reached from what `rec.why()` says, and from what people see."""
    message, _, seen = SYMPTOMS.read_text("utf-8").partition("## What do you see?")
    assert all(f"/lessons/8_clinic/{case}`" in message for case in CLINIC)
    assert {case for case in CLINIC if f"/lessons/8_clinic/{case}>" not in seen} <= {"30_not_a_leaf"}


def test_every_word_of_the_table_can_be_said() -> None:
    """No row waits for a word that neither the library nor `examine` says."""
    sources = [SYMPTOMS, *(ROOT / "src/chainrule/diagnosis").glob("*.[pj]*")]
    text = "".join(path.read_text("utf-8") for path in sources)
    for words, _ in rows():
        for word in words:
            assert f'"{word}"' in text or f'f"{word}: ' in text, word
