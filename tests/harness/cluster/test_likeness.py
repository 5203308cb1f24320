"""A machine that is not like the one that collects is told from it, in one line."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import fusion
from agents.outside.process import examine
from harness.cluster.likeness import OwnPython, likeness, unlike
from tests.harness import tiny


def test_a_library_that_is_not_installed_is_one_version_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", lacking)
    wanted = likeness([])
    assert ("torch", "not installed") in wanted.versions
    assert unlike(wanted) == ""


def test_a_machine_is_like_itself_and_other_files_versions_and_code_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = tiny.agent_file(tmp_path, tiny.SENSITIVE_AGENT)
    wanted = likeness([Path(agent.name), Path(fusion.__file__)])
    assert unlike(wanted) == ""
    assert [path for path, _ in wanted.files] == [str(agent)]  # what comes with nightloop lies elsewhere elsewhere

    (version, number), *others = wanted.versions
    told = unlike(replace(wanted, versions=((version, "2.7"), *others)))
    assert told == f"python {number} in place of 2.7: install the same on every machine"
    assert unlike(replace(wanted, code="other")).startswith("another nightloop in ")
    assert unlike(replace(wanted, folder="/nowhere")).startswith("no folder /nowhere here")
    agent.write_text("changed")
    assert unlike(wanted) == f"{agent} is another file here: every machine must see the same one"
    agent.unlink()
    assert unlike(wanted).startswith(f"{agent} cannot be read here (No such file or directory)")


def test_an_agents_own_python_must_be_there_and_the_same(tmp_path: Path) -> None:
    agent = str(tiny.agent_file(tmp_path, tiny.SENSITIVE_AGENT))
    own = OwnPython(sys.executable, agent, examine(sys.executable, agent).versions)
    assert unlike(likeness([Path(agent)], own)) == ""
    other = replace(own, versions="Python 3.7.16, carla 0.9.15, numpy 1.21.6")
    assert unlike(likeness([Path(agent)], other)) == f"--agent-python has {own.versions} in place of {other.versions}"
    assert unlike(likeness([Path(agent)], replace(own, interpreter="/no/python"))) == (
        "--agent-python /no/python: no such interpreter"
    )
