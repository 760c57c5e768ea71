"""Names and texts that Airflow would not take, told with where they stand."""

from __future__ import annotations

from typing import Any

from airflow_provider_pipes.models.names import airflow_key_problem


def check_name(kind: str, name: Any, problems: list[str]) -> None:
    """Add to ``problems`` why Airflow would not take ``name`` as an id."""
    if not isinstance(name, str):
        problems.append(f"{kind}, name: expected text, got {name!r}")
        return
    problem = airflow_key_problem(kind, name)
    if problem:
        problems.append(problem)


def text_list(where: str, value: Any, problems: list[str]) -> tuple[str, ...]:
    """Return ``value`` if it is a list of text; anything else is a problem.

    A set is sorted: it has another order in each process, and a deployment's id must not.
    """
    kinds = (list, tuple, set, frozenset)
    if not isinstance(value, kinds) or not all(isinstance(each, str) for each in value):
        problems.append(f"{where}: expected a list of text, got {value!r}")
        return ()
    return tuple(sorted(value) if isinstance(value, set | frozenset) else value)


def check_text(where: str, text: Any, problems: list[str]) -> None:
    """Add to ``problems`` why Airflow's database would not take ``text``."""
    if not isinstance(text, str):
        problems.append(f"{where}: expected text, got {text!r}")
    elif "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        problems.append(
            f"{where}: holds a NUL character or a lone surrogate, which Airflow's database does not take; "
            "remove it"
        )
