from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pipes.diagnosis.environment import (
    check_airflow_version,
    check_python,
    clock_observation,
    space_observation,
)
from airflow_provider_pipes.diagnosis.examination import Examination
from airflow_provider_pipes.diagnosis.findings import (
    Check,
    NotCheckableError,
    Observation,
    Round,
    Status,
    ok,
    problem,
    run_check,
)
from airflow_provider_pipes.diagnosis.rest import get, log_in
from airflow_provider_pipes.diagnosis.server import provider_observation
from airflow_provider_pipes.version import __version__


@pytest.fixture
def examination(tmp_path: Path) -> Examination:
    return Examination(tmp_path)


def seen(check: Check, examination: Examination) -> list[Observation]:
    return [each.observation for each in run_check(check, examination)]


def test_what_was_seen_before_a_crash_is_kept(examination: Examination) -> None:
    def ask(_: Examination) -> Iterator[Observation]:
        yield ok("first")
        raise KeyboardInterrupt("second")

    first, second = seen(Check("x", "x", ask), examination)

    assert first == ok("first")
    assert second.status is Status.PROBLEM
    assert "KeyboardInterrupt: second (test_findings.py:" in second.seen


def test_a_check_that_can_not_be_made_says_why(examination: Examination) -> None:
    def ask(_: Examination) -> Iterator[Observation]:
        raise NotCheckableError("the store does not work", "mend it")
        yield

    assert seen(Check("x", "x", ask), examination) == [
        Observation(Status.NOT_CHECKED, "the store does not work", "mend it")
    ]


def test_a_check_that_hangs_is_left_behind(examination: Examination) -> None:
    def ask(_: Examination) -> Iterator[Observation]:
        yield ok("before")
        time.sleep(60)

    begun = time.monotonic()
    check = Check("x", "x", ask, limit=0.2, slow_fix=lambda _: "hurry")

    assert seen(check, examination) == [ok("before"), problem("no answer within 0.2 s", "hurry")]
    assert time.monotonic() - begun < 5


def hang(_: Examination) -> list[Observation]:
    time.sleep(60)
    return []


def test_a_crash_while_a_fix_is_looked_for_is_a_finding(examination: Examination) -> None:
    def crash(_: Examination) -> str:
        raise RuntimeError("no fix")

    (found,) = seen(Check("x", "x", hang, limit=0.1, slow_fix=crash), examination)
    assert "RuntimeError: no fix" in found.seen


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10, 9), "problem"), ((3, 11, 0), "ok"), ((3, 13, 4), "ok"), ((3, 14, 0), "problem")],
)
def test_a_python_that_is_not_supported_is_a_problem(
    examination: Examination, version: tuple[int, ...], status: str
) -> None:
    (found,) = check_python(examination, version)
    assert found.status == status


@pytest.mark.parametrize(
    ("version", "status"),
    [("2.11.0", "problem"), ("3.2.9", "problem"), ("3.3.0", "ok"), ("3.14.1", "ok"), ("4.0.0", "problem")],
)
def test_an_airflow_that_is_not_supported_is_a_problem(
    examination: Examination, version: str, status: str
) -> None:
    (found,) = check_airflow_version(examination, version)
    assert found.status == status


def test_a_disk_that_is_nearly_full_is_told_before_it_is() -> None:
    statuses = [space_observation(free, "/srv").status for free in (10**10, 10**8, 10**6)]
    assert statuses == [Status.OK, Status.WARNING, Status.PROBLEM]


def test_a_clock_may_be_off_a_little() -> None:
    statuses = [clock_observation(skew).status for skew in (2, -60, 3600)]
    assert statuses == [Status.OK, Status.WARNING, Status.PROBLEM]


@pytest.mark.parametrize(
    ("theirs", "ours", "same_environment", "status"),
    [
        (__version__, __version__, False, "ok"),
        ("0.0.1", __version__, True, "problem"),
        (None, __version__, True, "problem"),
        (None, None, True, "not checked"),
        (None, None, False, "problem"),
    ],
)
def test_airflow_must_have_this_version(
    theirs: str | None, ours: str | None, same_environment: bool, status: str
) -> None:
    found = provider_observation(theirs, ours, "3.3.2", same_environment)
    assert found.status == status
    assert found.fix or status == "ok"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "ftp://127.0.0.1/x", "nonsense", "http://[bad", "http://h:x"]
)
def test_an_address_where_nothing_answers_raises_nothing(url: str) -> None:
    answer = get(url)
    assert (answer.status, answer.ok) == (0, False)
    assert answer.error
    assert log_in(url, "admin", "x") is None


def test_checks_of_other_machines_wait_together(examination: Examination) -> None:
    def ask(_: Examination) -> Iterator[Observation]:
        time.sleep(0.5)
        yield ok("there")

    checks = [Check(str(number), "x", ask, remote=True) for number in range(4)]
    made, begun = Round(checks, examination), time.monotonic()

    findings = [each for check in checks for each in made.findings(check)]

    assert time.monotonic() - begun < 1.5
    assert [(each.check, each.observation) for each in findings] == [(str(n), ok("there")) for n in range(4)]


def test_a_check_beside_a_slow_one_has_the_time_of_its_own(examination: Examination) -> None:
    def slow(_: Examination) -> Iterator[Observation]:
        time.sleep(30)
        yield ok("never seen")

    checks = [
        Check("slow", "x", slow, limit=0.5, remote=True),
        Check("fast", "x", lambda _: [ok("fast")], remote=True),
    ]
    made = Round(checks, examination)

    assert [made.findings(each)[0].observation.seen for each in checks] == ["no answer within 0.5 s", "fast"]
    assert made.findings(checks[1])[0].seconds < 0.4
