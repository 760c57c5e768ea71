"""Step operators that each break one promise; importable in the jobs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from airflow_provider_pipes.errors import StepOperatorError
from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.step_operators.base import (
    BaseStepOperator,
    BaseStepOperatorConfig,
    BaseStepOperatorFlavor,
)


class Good(BaseStepOperator):
    """The operator that a page of documentation makes."""

    def launch(self, info: Any, entrypoint_command: list[str]) -> None:
        python = sys.executable if entrypoint_command[0] == "python" else entrypoint_command[0]
        try:
            code = self.call([python, *entrypoint_command[1:]])
        except OSError as error:
            raise self.start_error(error) from error
        self.judge(code)

    def start_error(self, error: OSError) -> Exception:
        return StepOperatorError(f"the job can't start: {error}")

    def call(self, command: list[str]) -> int:
        return subprocess.run(command, check=False).returncode

    def judge(self, code: int) -> None:
        if code:
            error = StepOperatorError(f"the job exited with {code}")
            error.job_exit_code = code
            raise error


class LetsSubprocessTell(BaseStepOperator):
    """As short as it can be: what `subprocess` raises is left to the product."""

    def launch(self, info: Any, entrypoint_command: list[str]) -> None:
        subprocess.run([sys.executable, *entrypoint_command[1:]], check=True)


class NamesNoCause(Good):
    def start_error(self, error: OSError) -> Exception:
        return RuntimeError("it did not work")


class DoesNotWait(Good):
    def call(self, command: list[str]) -> int:
        subprocess.Popen(command)
        return 0


class NeverFails(Good):
    def judge(self, code: int) -> None:
        """Take any exit for a success."""


class RaisesItsOwn(Good):
    def judge(self, code: int) -> None:
        if code:
            raise RuntimeError(f"the job exited with {code}")


class KeepsTheExitCode(Good):
    def judge(self, code: int) -> None:
        if code:
            raise StepOperatorError(f"the job exited with {code}")


class TriesAgain(Good):
    def call(self, command: list[str]) -> int:
        return super().call(command) or super().call(command)


class AddsArguments(Good):
    def call(self, command: list[str]) -> int:
        return super().call([command[0], "-X", "dev", *command[1:]])


_WITHOUT_HOOKS = """
import contextlib, runpy, sys
import airflow_provider_pipes.runtime.runner as runner
runner.step_hooks = lambda *_: contextlib.nullcontext()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


class GoesWithoutHooks(Good):
    def call(self, command: list[str]) -> int:
        return super().call([command[0], "-c", _WITHOUT_HOOKS, *command[2:]])


class StrictConfig(StackComponentConfig):
    """Derived from the wrong base."""


class _Flavor(BaseStepOperatorFlavor):
    implementation: type[BaseStepOperator] = Good

    @property
    def name(self) -> str:
        return "third-party"

    @property
    def implementation_class(self) -> type[BaseStepOperator]:
        return self.implementation


class GoodFlavor(_Flavor):
    """Breaks none."""


class LetsSubprocessTellFlavor(_Flavor):
    implementation = LetsSubprocessTell


class NamesNoCauseFlavor(_Flavor):
    implementation = NamesNoCause


class DoesNotWaitFlavor(_Flavor):
    implementation = DoesNotWait


class NeverFailsFlavor(_Flavor):
    implementation = NeverFails


class RaisesItsOwnFlavor(_Flavor):
    implementation = RaisesItsOwn


class KeepsTheExitCodeFlavor(_Flavor):
    implementation = KeepsTheExitCode


class TriesAgainFlavor(_Flavor):
    implementation = TriesAgain


class AddsArgumentsFlavor(_Flavor):
    implementation = AddsArguments


class GoesWithoutHooksFlavor(_Flavor):
    implementation = GoesWithoutHooks


class StrictFlavor(_Flavor):
    @property
    def config_class(self) -> type[BaseStepOperatorConfig]:
        return StrictConfig  # type: ignore[return-value]
