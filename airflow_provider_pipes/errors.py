"""Every error that we raise on purpose.

A message says what and where, what was expected and what was found, and what to do.
The command line prints the message alone and exits with the class's ``exit_code``::

    PipesError
    ├── AuthoringError              a @step or @pipeline that can't be one
    │   └── PipelineBodyError       a value used that does not exist while a pipeline is compiled
    ├── TargetError                 what was asked for is not there, or is no pipeline
    ├── UserCodeError               the user's module raised while it was imported
    ├── CompileError                a pipeline with problems, all of them listed
    ├── ParameterError              values for a run that do not fit the pipeline's parameters
    ├── ConfigurationError          pipes.toml, PIPES_* variables, a component's config
    │   └── FlavorError             a flavor that is unknown, broken or named twice
    ├── DeployError                 a DAG file that can't be written or removed
    │   └── StaleDagError           `pipes deploy --check` found a difference
    ├── RunError                    a run that can't start, continue or be found
    │   ├── DuplicateRunNameError
    │   ├── RunNotFoundError
    │   └── RunFailedError          a step failed, so the run did
    ├── SchemaVersionError          a document written by a newer version
    ├── SnapshotError               code that does not load where it must run
    ├── ArtifactError               a value that can't be stored or read
    │   ├── ArtifactNotFoundError
    │   └── IntegrityError          content that does not match its SHA-256
    ├── StoreUnreachableError       the artifact store did not answer
    ├── StepOperatorError           a step operator that is missing or failed to launch
    ├── ContainerError              a container or pod that could not start, or ended without a result
    ├── ImageError                  an image that can't be built, pushed or found
    ├── PythonEnvironmentError      another Python for a step that is missing or can't be made
    ├── GpuError                    fewer GPUs than a step asked for
    ├── StepFailedError             the user's function raised
    └── LocalAirflowError           `pipes up` and `pipes down`

    StepControl                     raised by a user inside a step; no failure of ours
    ├── SkipStep
    └── FailWithoutRetry
"""

from __future__ import annotations

from collections.abc import Sequence


class PipesError(Exception):
    """Base of every error that carries a message meant for the user.

    Attributes:
        traceback_text: Where it tells what a user's own code raised: their frames, without ours.
    """

    exit_code = 1
    traceback_text = ""


class AuthoringError(PipesError):
    """A function can't be a step or a pipeline as it is written."""

    exit_code = 5


class PipelineBodyError(AuthoringError):
    """The pipeline's body used a value that exists only when a step runs."""


class TargetError(PipesError):
    """The pipeline asked for was not found, or is something else."""

    exit_code = 3


class UserCodeError(PipesError):
    """The user's own code raised while it was imported; ``traceback_text`` is theirs, without our frames."""

    exit_code = 4

    def __init__(self, message: str, traceback_text: str = "") -> None:
        super().__init__(message)
        self.traceback_text = traceback_text


class CompileError(PipesError):
    """A pipeline could not be compiled; ``problems`` lists everything that was found.

    Args:
        subject: What was compiled and where, as "pipeline 'churn' (pipelines/churn.py:12)".
        problems: One sentence each.
    """

    exit_code = 5

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        super().__init__(listing(f"cannot compile {subject}", problems))


class ParameterError(PipesError):
    """Values given for a run do not fit the pipeline's parameters."""

    exit_code = 11


class ConfigurationError(PipesError):
    """pipes.toml, a PIPES_* variable or a component's config is wrong."""

    exit_code = 6


class FlavorError(ConfigurationError):
    """A flavor is unknown, can't be imported, or has two sources."""


class DeployError(PipesError):
    """A DAG file could not be written or removed; nothing was changed."""

    exit_code = 7


class StaleDagError(DeployError):
    """A deployed DAG file differs from what its pipeline compiles to now."""

    exit_code = 1


class RunError(PipesError):
    """A run can't be started, continued or found."""

    exit_code = 9


class DuplicateRunNameError(RunError):
    """Another run of the pipeline already has this name."""

    exit_code = 8


class RunNotFoundError(RunError):
    """No run has this name."""


class RunFailedError(RunError):
    """A step of the run failed."""

    exit_code = 1


class SchemaVersionError(PipesError):
    """A document was written by a newer version than the one that reads it."""

    exit_code = 10


class SnapshotError(PipesError):
    """A code snapshot does not load where it must run."""

    exit_code = 12


class ArtifactError(PipesError):
    """A value can't be stored or read."""

    exit_code = 13


class ArtifactNotFoundError(ArtifactError):
    """Nothing is stored at a path."""


class IntegrityError(ArtifactError):
    """Stored content does not match the SHA-256 it was stored with."""


class StoreUnreachableError(PipesError):
    """The artifact store did not answer; trying again may help."""

    exit_code = 75


class StepOperatorError(PipesError):
    """A step operator is not in the stack, or could not run its job.

    Attributes:
        job_exit_code: What the job's entrypoint command exited with, where that is known.
    """

    exit_code = 14
    job_exit_code: int | None = None


class ContainerError(StepOperatorError):
    """A container or pod could not be started, was ended, or left no result."""


class ImageError(PipesError):
    """An image can't be built, pushed or found."""

    exit_code = 16


class PythonEnvironmentError(PipesError):
    """The interpreter that a step names is missing or no good, or its environment can't be made."""

    exit_code = 17


class GpuError(PipesError):
    """A step's process finds fewer GPUs than the step asked for."""

    exit_code = 18


class StepFailedError(PipesError):
    """The user's function raised; the original exception is ``__cause__``."""


class LocalAirflowError(PipesError):
    """The local Airflow could not be started or stopped."""

    exit_code = 15


class StepControl(Exception):  # noqa: N818 - what a user raises on purpose is no error
    """Raised inside a step to say how it ends."""


class SkipStep(StepControl):
    """Raise in a step to end it, and what depends on it, as skipped."""


class FailWithoutRetry(StepControl):
    """Raise in a step to fail it at once, whatever retries it has left."""


def message_of(error: BaseException) -> str:
    """Return what an error says, even where its own ``__str__`` raises."""
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__} whose text can't be shown>"


def said_of(whose: str, error: BaseException, where: str = "") -> str:
    """Return the sentence that tells what a class of the user's raised, or that it ended the process.

    Args:
        whose: As "orchestrator 'o'".
        error: What it raised.
        where: The method.
    """
    place = f" in {where}" if where else ""
    if isinstance(error, SystemExit):
        advice = "return from the method, or raise an exception to fail"
        return f"{whose} called sys.exit({error.code!r}){place}; {advice}"
    return f"{whose} raised {type(error).__name__}{place}: {message_of(error)}"


def is_plain_exit(error: BaseException) -> bool:
    """Return whether an error is a call of ``sys.exit``, and no signal (see entrypoints.entrypoint)."""
    return type(error) is SystemExit


def listing(headline: str, problems: Sequence[str]) -> str:
    """Return ``headline`` followed by one indented line for each problem."""
    return "\n".join([f"{headline}:", *(f"  - {problem}" for problem in problems)])
