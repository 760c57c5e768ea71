"""Each check of the orchestrators' contract catches one that breaks it."""

from __future__ import annotations

import pytest

from airflow_provider_pipes.testing import OrchestratorContract
from airflow_provider_pipes.testing.components import ComponentContract
from tests.testing.suites import assert_caught, checks, failing, run_third_party

pytest_plugins = ["pytester"]

CAUGHT = {
    "TestStoresNothing": ("code_and_deployment_are_stored_before_steps_run", "the deployment is stored"),
    "TestRunsFirstStep": ("preparing_runs_no_step", "preparing a pipeline runs none of its steps"),
    "TestLeavesOutTheLast": ("steps_run_in_order_and_their_values_flow", "'third': 'not_run'"),
    "TestSwallowsFailures": ("a_failure_stops_what_depends_on_it", "'third': 'failed'"),
    "TestNamesRunsItself": ("a_run_name_is_used_once", "raises DuplicateRunNameError"),
    "TestNeverCaches": ("a_second_run_takes_results_from_the_cache", "results come from the cache"),
    "TestIgnoresParameters": ("other_parameters_are_no_cache_hit", "computes its own results"),
    "TestNeverTriesAgain": ("a_step_is_tried_again", "'flaky': 'failed'"),
    "TestFailsWhereSkipped": ("a_skipped_step_skips_what_needs_it", "a run with skipped steps succeeds"),
    "TestRunsAllHere": ("a_step_operator_runs_its_steps", "runs where that runs it"),
    "TestCleansUpTwice": ("post_run_is_called_once_also_after_a_failure", "once for each pipeline"),
    "TestAlwaysServes": ("it_serves_requests_only", "raises a RunError while no request is served"),
}
# An error that ends a request breaks every check, and is worded by each in the same way.
ENDS = {
    "TestEndsTheProcess": ("steps_run_in_order_and_their_values_flow", "nothing to do"),
    "TestFailsToCleanUp": ("steps_run_in_order_and_their_values_flow", "the folder is gone"),
}
FINE = ("TestGood", "TestPrepares", "TestNamesRunsItselfAndSaysSo")


def test_every_check_of_an_orchestrator_catches_one_that_breaks_it(pytester: pytest.Pytester) -> None:
    parts = [(suite, check) for suite, (check, _) in CAUGHT.items()]
    ends = [(suite, check) for suite, (check, _) in ENDS.items()]
    outcomes = run_third_party(pytester, "broken_orchestrators", FINE, [*parts, *ends])
    for suite in FINE:
        assert failing(outcomes, suite) == {}
    assert_caught(outcomes, [(suite, *caught) for suite, caught in (CAUGHT | ENDS).items()])
    for suite in ENDS:
        assert all("the contract: " in message for message in failing(outcomes, suite).values())
    assert {f"test_{check}" for _, check in parts} == checks(OrchestratorContract) - checks(ComponentContract)
