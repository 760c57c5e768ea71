"""The page of errors, from the tree in `errors.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_pipes import errors
from airflow_provider_pipes.errors import PipesError, StepControl
from docs.generate.docstrings import parsed
from docs.generate.markdown import code, fenced, page, plain, table

_INTRO = """
A message says what is wrong and where, what was expected and what was found, and what to do. All problems
that can be found at once are told at once. A traceback is shown for errors of your own code only.
"""
_JSON = """
With `--json`, an error still goes to stderr as text; its exit code tells a script what it is.
"""

# Codes that no class has.
_OTHER_CODES = {
    0: ("", "Done."),
    2: ("", "The command line itself is wrong: an option or an argument that there is not."),
    70: ("", "A mistake in this package; `PIPES_DEBUG=1` shows the traceback. Please report it."),
    74: ("", "The command's output could not be written, as to a disk that is full."),
    130: ("", "Interrupted by Control-C."),
}

_ADVICE = {
    "AuthoringError": "Change the function as the message says.",
    "PipelineBodyError": "Move what needs the value into a step: a pipeline's body runs when it is compiled.",
    "TargetError": "Name a file or module that has a pipeline, as `path/to/file.py:name`.",
    "UserCodeError": "Mend your module; the traceback is of your own code.",
    "CompileError": "Go through the list; every line names its step or input, and the place.",
    "ParameterError": "Give values of the types that the pipeline's arguments declare.",
    "ConfigurationError": "Correct pipes.toml or the variable at the place that the message names.",
    "FlavorError": "Install what the message names, or register the flavor by another name.",
    "DeployError": "Free the place in the dags folder, or choose another folder; nothing was changed.",
    "StaleDagError": "Run `pipes deploy`.",
    "RunError": "See `pipes runs list` for the runs that there are and their states.",
    "DuplicateRunNameError": "Take another name, or continue that run with `--resume`.",
    "RunNotFoundError": "See `pipes runs list`.",
    "RunFailedError": "Mend the step and continue with `pipes run TARGET --resume RUN`.",
    "SchemaVersionError": "Upgrade the older of the two installations.",
    "SnapshotError": "Add what is missing with `include=…`, or install it where steps run.",
    "ArtifactError": "Return another type, or name a materializer for the output.",
    "ArtifactNotFoundError": "Check that the store is the one that the run wrote to.",
    "IntegrityError": "Someone or something changed stored files: run the step again without the cache.",
    "StoreUnreachableError": "Check the network and the connection; then try again.",
    "StepOperatorError": "Add the step operator to the stack, or read the job's own log.",
    "ContainerError": "Do what the message says of the container's end: more memory, another image, a retry.",
    "ImageError": "Correct the line of the build that the message shows, or the login that it names.",
    "PythonEnvironmentError": "Correct the requirement or the interpreter that the message names.",
    "GpuError": "Give the step a host with as many GPUs, or ask for fewer; the message lists what it found.",
    "StepFailedError": "Mend the step's function; the original exception is shown.",
    "LocalAirflowError": "Read the log that the message names; `pipes down` ends what an earlier one left.",
}


def errors_page() -> str:
    """Return the page.

    Raises:
        LookupError: an error has no advice, or there is advice for none.
    """
    found = list(_tree(PipesError))
    if {each.__name__ for each in found[1:]} != set(_ADVICE):
        wrong = {each.__name__ for each in found[1:]} ^ set(_ADVICE)
        raise LookupError(f"docs/generate/errors.py and errors.py differ: {', '.join(sorted(wrong))}")
    classes = [
        (
            code(each.__name__),
            str(each.exit_code),
            plain(parsed(each.__doc__ or "").first),
            _ADVICE[each.__name__],
        )
        for each in found[1:]
    ]
    controls = [
        (code(each.__name__), plain(parsed(each.__doc__ or "").first))
        for each in StepControl.__subclasses__()
    ]
    return page(
        "Error classes and exit codes",
        "`errors.py`",
        _INTRO,
        "## Exit codes",
        table(("Code", "Classes", "Meaning"), _codes(found[1:])),
        _JSON,
        "## Classes",
        "All are in `airflow_provider_pipes.errors` and derive from `PipesError`; catch that one for all.",
        table(("Class", "Exit code", "Meaning", "What to do"), classes),
        "## Raised by you",
        "Raise one of these inside of a step to say how it ends:",
        table(("Class", "Meaning"), controls),
        "## The tree",
        fenced("text", _drawing()),
    )


def _tree(base: type[PipesError]) -> Iterator[type[PipesError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _tree(each)


def _codes(classes: list[type[PipesError]]) -> list[tuple[str, str, str]]:
    by_code: dict[int, list[type[PipesError]]] = {}
    for each in classes:
        by_code.setdefault(each.exit_code, []).append(each)
    rows = []
    for number in sorted({*by_code, *_OTHER_CODES}):
        named = by_code.get(number, [])
        meaning = _OTHER_CODES[number][1] if number in _OTHER_CODES else plain(_said(named))
        rows.append((str(number), ", ".join(code(each.__name__) for each in named), meaning))
    return rows


def _said(classes: list[type[PipesError]]) -> str:
    # Where several share a code, the base of the others says it for all.
    general = [
        each for each in classes if not any(issubclass(each, other) for other in classes if other is not each)
    ]
    return " ".join(parsed(each.__doc__ or "").first for each in general)


def _drawing() -> str:
    text = Path(inspect.getsourcefile(errors) or "").read_text(encoding="utf-8")
    drawn = text.split("::\n\n", 1)[1].split('"""', 1)[0]
    return inspect.cleandoc("\n" + drawn)
