"""Each check of the step operators' contract catches one that breaks it."""

from __future__ import annotations

import pytest

from airflow_provider_pipes.testing import StepOperatorContract
from airflow_provider_pipes.testing.components import ComponentContract
from tests.testing.suites import assert_caught, checks, failing, run_third_party

pytest_plugins = ["pytester"]

CAUGHT = {
    "TestNamesNoCause": [("a_command_that_can_not_start_is_told", "where no job can be started")],
    "TestDoesNotWait": [("a_step_runs_and_its_values_come_and_go", "once the job succeeded, and not before")],
    "TestNeverFails": [
        ("a_failing_step_is_a_step_operator_error", "raises a StepOperatorError where the job")
    ],
    "TestRaisesItsOwn": [
        ("a_failing_step_is_a_step_operator_error", "RuntimeError('the job exited with 1')")
    ],
    "TestKeepsTheExitCode": [
        ("a_step_that_asks_to_be_skipped_is_skipped", "expected: [99]"),
        ("a_step_that_asks_for_no_retry_gets_none", "expected: [98]"),
        ("a_store_that_does_not_answer_is_told", "expected: [75, 75, 75]"),
    ],
    "TestTriesAgain": [("the_command_is_executed_once", "exactly once, failing or not\n  got:      2")],
    "TestAddsArguments": [("the_command_reaches_the_job_as_it_is", "never as arguments")],
    "TestGoesWithoutHooks": [
        ("the_stack_prepares_and_cleans_up_where_the_step_runs", "prepare_step_run is called in the job")
    ],
    "TestStrict": [("base_image_is_accepted_and_ignored", "derive it from BaseStepOperatorConfig")],
}
FINE = ("TestGood", "TestLetsSubprocessTell", "TestSaysThatItKeepsTheExitCode")


def test_every_check_of_a_step_operator_catches_one_that_breaks_it(pytester: pytest.Pytester) -> None:
    parts = [(suite, check) for suite, caught in CAUGHT.items() for check, _ in caught]
    outcomes = run_third_party(pytester, "broken_operators", FINE, parts)
    for suite in FINE:
        assert failing(outcomes, suite) == {}
    assert_caught(outcomes, [(suite, *each) for suite, caught in CAUGHT.items() for each in caught])
    assert {f"test_{check}" for _, check in parts} == checks(StepOperatorContract) - checks(ComponentContract)
