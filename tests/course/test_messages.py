"""Tests of the index of errors, as it was built."""

from __future__ import annotations

import pytest

from tests.support.messages import entries, without_numbers

pytestmark = pytest.mark.site


def test_there_are_many() -> None:
    """The index has more than twenty messages, and no two under one heading."""
    headings = [entry.heading for entry in entries()]
    assert len(headings) > 20
    assert len(set(headings)) == len(headings)


def test_a_heading_is_made_of_the_messages_words() -> None:
    """Each heading stands in the message below it, word for word, when numbers and shapes are left out."""
    assert [entry.heading for entry in entries() if without_numbers(entry.heading) not in entry.words] == []


def test_an_entry_has_a_cure_and_a_lesson() -> None:
    """Each entry says how to mend it, in code that runs, and leads to a lesson."""
    for entry in entries():
        assert entry.text.count("<strong>Cure:</strong>") == 1, entry.heading
        after = entry.text.partition("<strong>Cure:</strong>")[2]
        assert "cell_input" in after, entry.heading
        assert "<strong>Lesson:</strong>" in after, entry.heading
        assert "../lessons/" in after, entry.heading


def test_a_message_names_no_machine() -> None:
    """No message holds an address in memory, the place of a file, or a line of a traceback."""
    parts = ("0x", "/pytorch/build", "/__w/", "site-packages", "Traceback")
    assert [(entry.heading, part) for entry in entries() for part in parts if part in entry.message] == []
