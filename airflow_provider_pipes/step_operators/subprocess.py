"""Runs steps in a child process of this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import StepOperatorError
from airflow_provider_pipes.step_operators.base import BaseStepOperator
from airflow_provider_pipes.step_operators.child_process import run_child

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepRunInfo


class SubprocessStepOperator(BaseStepOperator):
    """Runs the entrypoint command as a child process and passes its output on to the log."""

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        """Run the command here and wait for it.

        Raises:
            StepOperatorError: it could not be started, or did not exit with 0.
        """
        step = info.config.name
        command = _with_this_python(entrypoint_command)
        try:
            end = run_child(command)
        except (OSError, ValueError, IndexError) as error:
            raise StepOperatorError(f"step {step!r}: can't start {command[:1]}: {error}") from None
        if end.status:
            raise end.error_of_step(step)


def _with_this_python(command: list[str]) -> list[str]:
    # "python" is what images call it; here it may be missing, or be another environment's.
    if command and command[0] in ("python", "python3"):
        return [sys.executable, *command[1:]]
    return command
