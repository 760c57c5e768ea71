"""Variable names for the tasks of a DAG file, made from the names of steps."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from airflow_provider_pipes.models.canonical import sha256_hex

# So that `a >> b`, indented once, fits in 88 columns.
MAX_LENGTH = 40

# The names that a DAG file uses itself, whatever its pipeline.
_OF_THE_FILE = {
    "DAG", "IMAGE", "STORE", "UTC", "CronTriggerTimetable", "DeltaTriggerTimetable", "Param",
    "StepDockerOperator", "StepKubernetesPodOperator", "StepPythonOperator", "ZoneInfo", "airflow",
    "airflow_provider_pipes", "dag", "datetime", "os", "step_operator_class", "timedelta",
}  # fmt: skip
# Names must not depend on the version of Python, nor on whether `site` was loaded: so the one public builtin
# that 3.13 added is left out. All others, and the keywords, are the same in every version that we support.
_BUILTINS = {name for name in dir(builtins) if not name.startswith("_")} - {"PythonFinalizationError"}
_OF_SITE = {"copyright", "credits", "exit", "license", "quit"}
RESERVED = frozenset(_OF_THE_FILE | _BUILTINS | _OF_SITE | set(keyword.kwlist) | {"case", "match", "type"})


def variable_names(names: Sequence[str], also_taken: Collection[str] = ()) -> dict[str, str]:
    """Return a variable name for each of the step names, all of them different.

    A name that is a usable identifier stays as it is; others are made one, with a few digits of
    their hash where two would become the same. The order of ``names`` makes no difference.

    Args:
        names: The names of the steps.
        also_taken: Names that the DAG file uses itself, beside those that any may.
    """
    wished = {name: _beside(_identifier(name), also_taken) for name in names}
    holders = Counter(wished.values())
    variables = {name: wish for name, wish in wished.items() if wish == name or holders[wish] == 1}
    taken = set(variables.values()) | set(wished.values())
    for name in sorted(wished):
        if name not in variables:
            variables[name] = _free(_candidates(wished[name], name), taken)
            taken.add(variables[name])
    return {name: variables[name] for name in names}


def _beside(identifier: str, taken: Collection[str]) -> str:
    while identifier in taken:
        identifier = f"{identifier}_"
    return identifier


def _identifier(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    text = re.sub(r"[^A-Za-z0-9_]", "_", plain)
    if not text.strip("_"):
        text = f"step_{_digits(name)}"
    if text.startswith("__") or text[0].isdigit():
        text = f"step_{text.lstrip('_')}"
    if text in RESERVED:
        text = f"{text}_"
    return text if len(text) <= MAX_LENGTH else next(_candidates(text, name))


def _candidates(text: str, name: str) -> Iterator[str]:
    for length in range(6, 33, 2):
        yield f"{text[: MAX_LENGTH - length - 1]}_{_digits(name, length)}"


def _digits(name: str, length: int = 6) -> str:
    return sha256_hex(name.encode("utf-8", "surrogatepass"))[:length]


def _free(candidates: Iterator[str], taken: set[str]) -> str:
    return next(each for each in candidates if each not in taken)
