"""The command of every step process: find the entrypoint configuration, run it, say how it ended.

Exit codes: 0 done, 1 the step raised, 2 usage, 75 store unreachable (try again), 98 fail
without retry, 99 skip. The last line on stderr is one sentence.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import (
    ENTRYPOINT_CONFIG_SOURCE_OPTION,
    EXIT_USAGE,
    BaseEntrypointConfiguration,
    SkippedBefore,
)
from airflow_provider_pipes.entrypoints.lifeline import end_with_parent
from airflow_provider_pipes.errors import (
    FailWithoutRetry,
    PipesError,
    SkipStep,
    StoreUnreachableError,
    message_of,
)
from airflow_provider_pipes.runtime.masking import masked

EXIT_STEP_FAILED = 1
EXIT_STORE_UNREACHABLE = StoreUnreachableError.exit_code
EXIT_FAIL_WITHOUT_RETRY = 98
EXIT_SKIP = 99


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an entrypoint and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _end_with_finally_blocks)
    end_with_parent()
    try:
        _configuration(given).run()
    except SkippedBefore as skip:
        return _say(f"skipped, since step {skip.before!r} was skipped", EXIT_SKIP)
    except SkipStep as skip:
        return _say(f"the step asked to be skipped: {skip}", EXIT_SKIP)
    except FailWithoutRetry as failure:
        return _say(f"the step failed and asked for no retry: {failure}", EXIT_FAIL_WITHOUT_RETRY)
    except StoreUnreachableError as error:
        return _say(str(error), EXIT_STORE_UNREACHABLE)
    except PipesError as error:
        sys.stderr.write(masked(error.traceback_text))
        return _say(str(error), EXIT_STEP_FAILED)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # pytest and asyncio have some that are no Exception
        from airflow_provider_pipes.runtime.sources import user_traceback

        sys.stderr.write(masked(user_traceback(error)))
        return _say(f"the step raised {type(error).__name__}: {message_of(error)}", EXIT_STEP_FAILED)
    return 0


class Terminated(SystemExit):
    """SIGTERM arrived; not the plain SystemExit of a step that calls ``sys.exit``."""


def _configuration(arguments: list[str]) -> BaseEntrypointConfiguration:
    option = f"--{ENTRYPOINT_CONFIG_SOURCE_OPTION}"
    if option not in arguments[:-1]:
        _usage(f"expected {option} MODULE.CLASS among the arguments")
    source = arguments[arguments.index(option) + 1]
    module, _, name = source.replace(":", ".").rpartition(".")
    if module.partition(".")[0] != __package__.partition(".")[0]:
        from airflow_provider_pipes.entrypoints.deployed_code import activate_deployed_code

        activate_deployed_code(arguments)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        _usage(f"{option} {source!r} can't be imported: {error}")
    if not isinstance(found, type) or not issubclass(found, BaseEntrypointConfiguration):
        _usage(
            f"{option} {source!r} is no entrypoint configuration: derive it from BaseEntrypointConfiguration"
        )
    return found(arguments)


def _usage(message: str) -> NoReturn:
    raise SystemExit(_say(message, EXIT_USAGE))


def _say(sentence: str, code: int) -> int:
    # What the step raised may hold a secret that nobody but this process knows, as one of Kubernetes is.
    sys.stderr.write(" ".join(masked(sentence).split()) + "\n")
    return code


def _end_with_finally_blocks(signum: int, frame: FrameType | None) -> NoReturn:
    """A PID 1 without a handler ignores SIGTERM; and the user's ``finally`` blocks must run."""
    raise Terminated(128 + signum)


if __name__ == "__main__":
    sys.exit(main())
