"""A small site that tests build, edit and build again."""

from __future__ import annotations

import pytest

from tests.support.project import Project


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small site of two lessons and a chapter, built once, in a folder with an odd name."""
    project = Project(tmp_path_factory.mktemp("small") / "a%20site")
    project.write_small_site()
    project.build()
    assert project.status == 0, project.complained
    assert sorted(project.executed()) == ["10_one.py", "20_two.py", "chapter"]
    assert "executing lesson 2 of 2: 20_two.py" in project.said
    return project


@pytest.fixture
def small(cold: Project) -> Project:
    """The small site as it was last built without a fault."""
    cold.restore()
    return cold
