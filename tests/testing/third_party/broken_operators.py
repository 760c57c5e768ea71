"""The suites of the step operators that each break one promise."""

from __future__ import annotations

from airflow_provider_pipes.testing import StepOperatorContract
from tests.testing.third_party import operators


class TestGood(StepOperatorContract):
    flavor = operators.GoodFlavor


class TestLetsSubprocessTell(StepOperatorContract):
    flavor = operators.LetsSubprocessTellFlavor


class TestNamesNoCause(StepOperatorContract):
    flavor = operators.NamesNoCauseFlavor


class TestDoesNotWait(StepOperatorContract):
    flavor = operators.DoesNotWaitFlavor


class TestNeverFails(StepOperatorContract):
    flavor = operators.NeverFailsFlavor


class TestRaisesItsOwn(StepOperatorContract):
    flavor = operators.RaisesItsOwnFlavor


class TestKeepsTheExitCode(StepOperatorContract):
    flavor = operators.KeepsTheExitCodeFlavor


class TestSaysThatItKeepsTheExitCode(StepOperatorContract):
    flavor = operators.KeepsTheExitCodeFlavor
    passes_exit_codes = False


class TestTriesAgain(StepOperatorContract):
    flavor = operators.TriesAgainFlavor


class TestAddsArguments(StepOperatorContract):
    flavor = operators.AddsArgumentsFlavor


class TestGoesWithoutHooks(StepOperatorContract):
    flavor = operators.GoesWithoutHooksFlavor


class TestStrict(StepOperatorContract):
    flavor = operators.StrictFlavor
