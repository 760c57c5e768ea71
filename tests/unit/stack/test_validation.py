from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError, create_model, field_validator

from airflow_provider_pipes.stack.validation import field_problems


def problem_of(annotation: Any, value: Any) -> str:
    model: type[BaseModel] = create_model("Model", field=(annotation, ...))
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"field": value})
    return field_problems(caught.value, model)[0][1]


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        (int, "abc", "expected a whole number, got 'abc'"),
        (int, 1.5, "expected a whole number, got 1.5"),
        (int, "9" * 5000, "expected a whole number that is not that large, got '999"),
        (Annotated[int, Field(ge=1)], 0, "expected at least 1, got 0"),
        (Annotated[int, Field(gt=1)], 0, "expected more than 1, got 0"),
        (Annotated[int, Field(le=1)], 2, "expected at most 1, got 2"),
        (Annotated[int, Field(lt=1)], 2, "expected less than 1, got 2"),
        (Annotated[int, Field(multiple_of=4)], 2, "expected a multiple of 4, got 2"),
        (
            Annotated[float, Field(allow_inf_nan=False)],
            float("inf"),
            "expected a number that is neither infinite",
        ),
        (Annotated[str, Field(min_length=1)], "", "expected text that is not empty, got ''"),
        (Annotated[str, Field(min_length=2)], "a", "expected at least 2 characters, got 'a'"),
        (Annotated[str, Field(max_length=2)], "abc", "expected at most 2 characters, got 'abc'"),
        (Annotated[str, Field(pattern="a+")], "b", "expected text that matches a+, got 'b'"),
        (Annotated[list[int], Field(min_length=2)], [1], "expected at least 2, and got 1"),
        (Literal["short", "long"], "medium", "expected 'short' or 'long', got 'medium'"),
        (timedelta, "soon", "expected a length of time, got 'soon'"),
        (datetime, "soon", "expected a date and time, got 'soon'"),
        (date, "soon", "expected a date"),
        (Path, 3, "expected a path, got 3"),
        (set[int], 3, "expected a list, got 3"),
        (dict[str, int], 3, "expected a table, got 3"),
    ],
)
def test_no_word_of_pydantics_reaches_the_user(annotation: Any, value: Any, says: str) -> None:
    said = problem_of(annotation, value)
    assert said.startswith(says)
    for word in ("Input", "input", "parse", "valid", "Value error"):
        assert word not in said


class Shouting(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def _quiet(cls, value: str) -> str:
        raise ValueError("Not so loud, please")


def test_a_validators_own_words_are_left_as_they_are() -> None:
    with pytest.raises(ValidationError) as caught:
        Shouting(name="A")
    assert field_problems(caught.value, Shouting) == [(("name",), "Not so loud, please")]
