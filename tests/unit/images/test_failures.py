from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.images.builder import BuildRequest
from airflow_provider_pipes.images.failures import BuildOutput
from airflow_provider_pipes.images.recipe import NO_APT, NO_PYTHON
from tests.engines.image_builds import Heard


def hearing(*pieces: str, arguments: dict[str, str] | None = None) -> tuple[BuildOutput, Heard]:
    heard = Heard()
    output = BuildOutput(BuildRequest("i:t", "", {}, arguments=arguments or {}, listener=heard))
    for piece in pieces:
        output.hear(piece)
    return output, heard


@pytest.mark.parametrize("step", ["Step 2/9 : RUN a\n", "STEP 2/9: RUN a\n", "[1/2] STEP 2/9: RUN a\n"])
def test_the_lines_of_a_dockerfile_are_recognized(step: str) -> None:
    _, heard = hearing(step, "out\r\nput\n", " ---> Running in 1\n")
    assert heard.instructions == ["2/9 RUN a"]
    assert heard.lines == ["out", "put"]


@given(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1), st.integers(0, 50))
def test_a_line_in_two_pieces_is_one_line(line: str, cut: int) -> None:
    _, heard = hearing(line[:cut], line[cut:], "\n")
    assert heard.lines == ([] if line.startswith("--->") else [line])


def test_a_failure_shows_its_line_and_the_last_twenty_lines() -> None:
    output, _ = hearing(
        "Step 1/2 : FROM a\nearly\nStep 2/2 : RUN b\n", *(f"line {n}\n" for n in range(30)), "last"
    )
    error = str(output.failure("The command '/bin/sh -c b' returned a non-zero code: 3"))
    headline, *lines = error.splitlines()
    assert headline == (
        "image i:t can't be built; it failed at RUN b (step 2 of 2 of its Dockerfile): exit code 3; "
        "the end of its output:"
    )
    assert lines == [*(f"  | line {n}" for n in range(11, 30)), "  | last"]


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        (NO_PYTHON, "the parent image has no `python`: choose one"),
        (NO_APT, "apt_packages need a parent image of Debian or Ubuntu"),
    ],
)
def test_a_program_that_the_parent_image_misses_is_told_with_advice(printed: str, advice: str) -> None:
    output, _ = hearing("Step 2/2 : RUN b\n", f"{printed}\n")
    assert advice in str(output.failure("exit code 127"))


def test_a_failure_before_any_output_is_one_sentence() -> None:
    output, _ = hearing()
    assert str(output.failure("manifest unknown")) == "image i:t can't be built: manifest unknown"


def test_neither_output_nor_failure_shows_a_login() -> None:
    output, heard = hearing("get https://joe:pw@h\n", arguments={"INDEX": "https://joe:pw@h"})
    assert heard.lines == ["get https://***@h"]
    assert "pw" not in str(output.failure("no https://joe:pw@h"))


def test_a_parent_image_that_is_not_there_is_told_with_advice() -> None:
    output, _ = hearing("Step 1/2 : FROM r/python:9.99\n")
    assert str(output.failure("no such host")) == (
        "image i:t can't be built; it failed at FROM r/python:9.99 (step 1 of 2 of its Dockerfile): no such "
        "host; correct parent_image, or the FROM of the dockerfile, or see that the builder reaches its "
        "registry and may pull from it"
    )
