"""The suites of the orchestrators that each break one promise."""

from __future__ import annotations

from airflow_provider_pipes.testing import OrchestratorContract
from tests.testing.third_party import orchestrators


class TestGood(OrchestratorContract):
    flavor = orchestrators.GoodFlavor


class TestPrepares(OrchestratorContract):
    flavor = orchestrators.PreparesFlavor
    runs_steps = False


class TestStoresNothing(OrchestratorContract):
    flavor = orchestrators.StoresNothingFlavor
    runs_steps = False


class TestRunsFirstStep(OrchestratorContract):
    flavor = orchestrators.RunsFirstStepFlavor
    runs_steps = False


class TestLeavesOutTheLast(OrchestratorContract):
    flavor = orchestrators.LeavesOutTheLastFlavor


class TestSwallowsFailures(OrchestratorContract):
    flavor = orchestrators.SwallowsFailuresFlavor


class TestNamesRunsItself(OrchestratorContract):
    flavor = orchestrators.NamesRunsItselfFlavor


class TestNamesRunsItselfAndSaysSo(OrchestratorContract):
    flavor = orchestrators.NamesRunsItselfFlavor
    reuses_run_names = True


class TestNeverCaches(OrchestratorContract):
    flavor = orchestrators.NeverCachesFlavor


class TestIgnoresParameters(OrchestratorContract):
    flavor = orchestrators.IgnoresParametersFlavor


class TestNeverTriesAgain(OrchestratorContract):
    flavor = orchestrators.NeverTriesAgainFlavor


class TestFailsWhereSkipped(OrchestratorContract):
    flavor = orchestrators.FailsWhereSkippedFlavor


class TestRunsAllHere(OrchestratorContract):
    flavor = orchestrators.RunsAllHereFlavor


class TestCleansUpTwice(OrchestratorContract):
    flavor = orchestrators.CleansUpTwiceFlavor


class TestAlwaysServes(OrchestratorContract):
    flavor = orchestrators.AlwaysServesFlavor


class TestEndsTheProcess(OrchestratorContract):
    flavor = orchestrators.EndsTheProcessFlavor


class TestFailsToCleanUp(OrchestratorContract):
    flavor = orchestrators.FailsToCleanUpFlavor
