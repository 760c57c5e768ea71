from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.operators.docker_output import OutputLog


def lines_of(*pieces: bytes | tuple[bytes | None, bytes | None]) -> list[str]:
    """Return what is logged of pieces of standard output, or of both streams."""
    lines: list[str] = []
    OutputLog(lines.append).follow(each if isinstance(each, tuple) else (each, None) for each in pieces)
    return lines


def test_lines_are_put_together_from_pieces() -> None:
    assert lines_of(b"one\ntw", b"o\n\nthr", b"ee") == ["one", "two", "", "three"]


def test_the_streams_do_not_mix_within_a_line() -> None:
    assert lines_of((b"half", None), (None, b"Traceback\n"), (b" a line\n", None)) == [
        "Traceback",
        "half a line",
    ]


def test_a_progress_bar_shows_while_it_runs() -> None:
    assert lines_of(b"10%\r20%\r", b"30%\r\ndone\r", b"\n") == ["10%", "20%", "30%", "done"]


def test_a_character_may_be_cut_in_two() -> None:
    text = "naïve 🐋\n".encode()
    assert lines_of(*(bytes([each]) for each in text)) == ["naïve 🐋"]


def test_what_is_no_text_is_shown_as_far_as_it_goes() -> None:
    assert lines_of(b"a\xffb\n", b"\xc3") == ["a\N{REPLACEMENT CHARACTER}b", "\N{REPLACEMENT CHARACTER}"]


def test_output_without_line_ends_does_not_pile_up() -> None:
    lines = lines_of(*[b"x" * 10_000] * 10)
    assert max(map(len, lines)) <= 20_000
    assert "".join(lines) == "x" * 100_000


def test_the_last_line_with_text_is_kept() -> None:
    output = OutputLog(lambda line: None)
    output.follow([(b"first\n", None), (None, b"the reason\n\n"), (b"  \n", None)])
    assert output.last_line == "the reason"


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1)), st.data())
def test_lines_arrive_as_they_were_however_they_are_cut(lines: list[str], data: st.DataObject) -> None:
    rest, pieces = "".join(f"{line}\n" for line in lines).encode(), []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        pieces.append(rest[:size])
        rest = rest[size:]
    assert lines_of(*pieces) == lines
