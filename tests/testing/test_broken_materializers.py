"""Each check of the materializers' contract catches one that breaks it."""

from __future__ import annotations

import pytest

from airflow_provider_pipes.testing import MaterializerContract
from tests.testing.suites import assert_caught, checks, failing, run_third_party

pytest_plugins = ["pytester"]

CAUGHT = {
    "TestRounds": [
        ("a_value_comes_back_as_it_was", "a value comes back as it was: Ratio(0.25)"),
        ("values_of_the_strategy_come_back_as_they_were", "can_save must say no to what changes"),
    ],
    "TestChangesTheType": [("a_value_comes_back_as_it_was", "comes back with its type")],
    "TestNotesTheTime": [("equal_values_are_equal_files", "are otherwise never found in the cache")],
    "TestShowsAll": [("a_preview_is_one_short_line", "override describe")],
    "TestInvents": [("missing_files_are_a_clear_error", "where its files are missing\n  got:      no error")],
    "TestTakesHalf": [("damaged_files_are_a_clear_error", "where files are cut in half")],
    "TestTakesAll": [("it_says_yes_or_no_to_any_value", "comes back with its type")],
    "TestAsksForTruth": [("it_says_yes_or_no_to_any_value", "answers for a _Unlike and raises nothing")],
    "TestAnswersNone": [("it_says_yes_or_no_to_any_value", "can_save returns True or False")],
    "TestTakesNone": [
        ("it_is_chosen_for_its_values", "it is chosen for Ratio(0.25)"),
        ("the_type_and_the_materializer_are_named", "does not take this value"),
    ],
    "TestBareGrid": [
        ("a_value_comes_back_as_it_was", "Grid has no __eq__, so no two of them are equal"),
        ("damaged_files_are_a_clear_error", "or the suite says detects_damage = False"),
    ],
    "TestGridAsText": [
        (
            "a_value_comes_back_as_it_was",
            "  got:      Grid(cells='a\\nb')\n            cells: 'a\\nb' in place of 'a\\r\\nb'",
        ),
    ],
    "TestHidden": [("another_process_finds_it_by_its_name", "at the top level of a module")],
    "TestWithoutSamples": [("there_are_samples", "samples holds at least one value")],
}
FINE = ("TestGood",)


def test_every_check_of_a_materializer_catches_one_that_breaks_it(pytester: pytest.Pytester) -> None:
    parts = [(suite, check) for suite, caught in CAUGHT.items() for check, _ in caught]
    outcomes = run_third_party(pytester, "broken_materializers", FINE, parts)
    for suite in FINE:
        assert failing(outcomes, suite) == {}
    assert_caught(outcomes, [(suite, *each) for suite, caught in CAUGHT.items() for each in caught])
    assert {f"test_{check}" for _, check in parts} == checks(MaterializerContract)
