"""What happens when a step is executed inside Acme's jobs (documents 000 and 002)."""

from __future__ import annotations

import os
from typing import Any

from acme_pipes import diary
from airflow_provider_pipes.entrypoints import (
    StepEntrypointConfiguration,
    StepOperatorEntrypointConfiguration,
)

DIARY_OPTION = "acme_diary"
QUEUE_OPTION = "acme_queue"


class AcmeEntrypointConfiguration(StepEntrypointConfiguration):
    """Runs one step of a plan; the run has the name of Acme's execution."""

    def get_run_name(self, pipeline_name: str) -> str:
        return os.environ["ACME_EXECUTION"]

    def post_run(self, pipeline_name: str, step_name: str) -> None:
        queue = self.entrypoint_args[QUEUE_OPTION]
        diary.write(
            self.entrypoint_args[DIARY_OPTION],
            "entrypoint post_run",
            pipeline=pipeline_name,
            step=step_name,
            queue=queue,
            run=self.get_run_name(pipeline_name),
        )

    @classmethod
    def get_entrypoint_options(cls) -> set[str]:
        return super().get_entrypoint_options() | {DIARY_OPTION, QUEUE_OPTION}

    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        return super().get_entrypoint_arguments(**kwargs) + [  # noqa: RUF005 - as the documents write it
            f"--{DIARY_OPTION}",
            kwargs[DIARY_OPTION],
            f"--{QUEUE_OPTION}",
            kwargs[QUEUE_OPTION],
        ]


class NightlyEntrypointConfiguration(StepOperatorEntrypointConfiguration):
    """Runs the step of a job that a nightly step operator launched."""

    def post_run(self, pipeline_name: str, step_name: str) -> None:
        diary.write(os.environ["ACME_DIARY"], "nightly post_run", pipeline=pipeline_name, step=step_name)
