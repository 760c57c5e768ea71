"""Runs the tests of a third party with the kit, and tells what came of them."""

from __future__ import annotations

import inspect
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PLUGIN = "airflow_provider_pipes.testing.plugin"
_SOURCES = Path(__file__).with_name("third_party")


@dataclass(frozen=True)
class Outcome:
    """What came of one test.

    Attributes:
        suite: Name of the class.
        test: Name of the test without its parameters.
        state: "passed", "failed", "error" or "skipped".
        message: What its failure says.
    """

    suite: str
    test: str
    state: str
    message: str


def plugin_options() -> list[str]:
    """Return what loads the plugin, where this package is installed without its entry points."""
    named = [each.value for each in entry_points(group="pytest11")]
    return [] if PLUGIN in named else ["-p", PLUGIN]


def run_tests(pytester: pytest.Pytester, *arguments: str) -> tuple[pytest.RunResult, list[Outcome]]:
    """Run pytest in a process of its own."""
    options = ["-p", "no:cacheprovider", "--junitxml=report.xml", *plugin_options()]
    result = pytester.runpytest_subprocess(*options, *arguments, timeout=280)
    report = ElementTree.parse(pytester.path / "report.xml")
    return result, [_outcome(case) for case in report.iter("testcase")]


def run_third_party(
    pytester: pytest.Pytester, name: str, whole: Iterable[str], parts: Iterable[tuple[str, str]]
) -> list[Outcome]:
    """Run suites of a module of ``third_party``: some as a whole, of others one check each."""
    file = _SOURCES / f"{name}.py"
    wanted = [f"{file}::{suite}" for suite in whole]
    wanted += [f"{file}::{suite}::test_{check}" for suite, check in parts]
    return run_tests(pytester, f"--confcutdir={_SOURCES}", "--tb=short", *wanted)[1]


def assert_caught(outcomes: Iterable[Outcome], caught: Iterable[tuple[str, str, str]]) -> None:
    """Fail unless each check failed for its suite, with a message that says what is expected."""
    found = list(outcomes)
    for suite, check, said in caught:
        messages = failing(found, suite)
        assert f"test_{check}" in messages, (suite, check, [each for each in found if each.suite == suite])
        assert said in messages[f"test_{check}"]


def failing(outcomes: Iterable[Outcome], suite: str) -> dict[str, str]:
    """Return the messages of a suite's tests that did not pass, by test."""
    found: dict[str, str] = {}
    for each in outcomes:
        if each.suite == suite and each.state in ("failed", "error"):
            found[each.test] = f"{found.get(each.test, '')}{each.message}\n"
    return found


def checks(contract: type) -> set[str]:
    """Return the names of a contract's tests."""
    return {name for name, _ in inspect.getmembers(contract, inspect.isfunction) if name.startswith("test_")}


def _outcome(case: ElementTree.Element) -> Outcome:
    suite = case.get("classname", "").rpartition(".")[2]
    test = case.get("name", "").partition("[")[0]
    for state, tag in (("failed", "failure"), ("error", "error"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return Outcome(suite, test, state, found.attrib.get("message", ""))
    return Outcome(suite, test, "passed", "")
