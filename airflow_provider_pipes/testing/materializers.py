"""The contract of materializers."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.materializers import (
    Materializer,
    materializer_for,
    materializer_key,
    materializer_named,
)
from airflow_provider_pipes.artifacts.materializers.base import PREVIEW_LENGTH, type_name
from airflow_provider_pipes.artifacts.payloads import load_artifact, measure, save_artifact
from airflow_provider_pipes.errors import ArtifactError
from airflow_provider_pipes.models.documents import OutputReference
from airflow_provider_pipes.testing.differences import difference, shown
from airflow_provider_pipes.testing.expectations import expect, expect_equal, expect_error, expect_no_error

_DAY = 86_400.0


class _Unlike:
    """A value that refuses what values usually do."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("this value compares to nothing")

    def __bool__(self) -> bool:
        raise TypeError("this value is neither true nor false")

    __hash__ = None  # type: ignore[assignment]


# Steps return anything at all, and each materializer of the pipeline is asked about it.
_ANYTHING: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    "",
    "text",
    b"",
    b"bytes",
    [],
    [1, "a"],
    {},
    {"a": 1},
    (),
    {1},
    object(),
    int,
    len,
    _Unlike(),
)


class MaterializerContract:
    """Proves that values come back as they were, that equal values are equal files, and that damage is told.

    Derive from it, name the materializer and give some values that it takes::

        class TestModels(MaterializerContract):
            materializer = ModelMaterializer
            samples = (Model(1), Model(2))

    Attributes:
        materializer: The class under test, at the top level of a module.
        samples: Values that it takes, large and odd ones too.
        foreign: Values that it must not take, beside many that the suite knows.
        strategy: A Hypothesis strategy for values that it takes.
        deterministic: Whether equal values make equal files. The cache of the steps that take
            the value depends on it; say False only where the format can't.
        detects_damage: Whether files cut in half are an error. Say False only where half a file is a value.
    """

    materializer: ClassVar[type[Materializer]]
    samples: ClassVar[Sequence[Any]] = ()
    foreign: ClassVar[Sequence[Any]] = ()
    strategy: ClassVar[Any] = None
    deterministic: ClassVar[bool] = True
    detects_damage: ClassVar[bool] = True

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two values are the same; override it for types without a plain ``==``."""
        return bool(one == other)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each sample, and of each value that the materializer must not take."""
        for argument, values in (("sample", self.samples), ("anything", (*_ANYTHING, *self.foreign))):
            if argument in metafunc.fixturenames:
                ids = [f"{index}-{type(value).__name__}" for index, value in enumerate(values)]
                metafunc.parametrize(argument, values, ids=ids)

    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStorage:
        """A store for the test."""
        return LocalStorage(tmp_path / "store")

    @pytest.fixture
    def place(self, store: LocalStorage) -> Any:
        """Returns a new path in the store each time that it is called."""
        numbers = itertools.count()
        return lambda: f"values/{next(numbers)}"

    def test_there_are_samples(self) -> None:
        """Without values nothing is proved."""
        expect(self.samples, "samples holds at least one value that the materializer takes")

    def test_another_process_finds_it_by_its_name(self) -> None:
        """A reference names the materializer, and whoever reads the artifact imports it by that."""
        with expect_no_error(
            "the materializer is a whole class at the top level of a module, with a `name`, made without "
            "arguments"
        ):
            key = materializer_key(self.materializer())
            found = materializer_named(key)
        expect_equal(type(found), self.materializer, f"{key!r} leads to this materializer")
        expect(
            isinstance(self.materializer.version, int) and not isinstance(self.materializer.version, bool),
            "version is a whole number, raised when the files change their meaning",
            self.materializer.version,
        )

    def test_a_value_comes_back_as_it_was(self, sample: Any, store: LocalStorage, place: Any) -> None:
        """Saved and loaded, a value is equal and of the same type, with the type asked for and without."""
        expect_equal(self.materializer().can_save(sample), True, f"can_save takes {shown(sample)}")
        reference = self._saved(store, place(), sample)
        for expected in (None, type(sample)):
            with expect_no_error(f"what was saved can be loaded, with the type {expected} asked for"):
                back = load_artifact(store, reference, expected)
            self._expect_same(back, sample)

    def test_the_type_and_the_materializer_are_named(
        self, sample: Any, store: LocalStorage, place: Any
    ) -> None:
        """A reference tells people and other tools what lies there."""
        reference = self._saved(store, place(), sample)
        expect_equal(reference.type, type_name(type(sample)), "the reference names the value's type")
        key = materializer_key(self.materializer())
        expect_equal(reference.materializer, key, "the reference names the materializer")

    def test_it_is_chosen_for_its_values(self, sample: Any) -> None:
        """Among the materializers of a step it is the one asked for its own values."""
        chosen = materializer_for(sample, [self.materializer])
        expect_equal(type(chosen), self.materializer, f"it is chosen for {shown(sample)}")

    def test_equal_values_are_equal_files(
        self, sample: Any, store: LocalStorage, place: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The cache compares what a step takes by its files: no time, no random name, no order of the day."""
        if not self.deterministic:
            pytest.skip("the format does not make equal files of equal values")
        first = self._saved(store, place(), sample)
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + _DAY)
        try:
            again = copy.deepcopy(sample)
        except Exception:  # some values have no copies, and may be saved twice all the same
            again = sample
        second = self._saved(store, place(), again)
        expect_equal(
            second.sha256,
            first.sha256,
            "a value and its copy, saved a day apart, make the same file names and bytes; steps that take "
            "the value are otherwise never found in the cache",
        )

    def test_a_preview_is_one_short_line(self, sample: Any) -> None:
        """A preview goes into Airflow's database and a terminal: short, and nothing that does not print."""
        with expect_no_error("preview raises nothing"):
            preview = self.materializer().preview(sample)
        expect(
            isinstance(preview, str) and len(preview) <= PREVIEW_LENGTH and preview.isprintable(),
            f"a preview is one line of at most {PREVIEW_LENGTH} printable characters; override describe, "
            "which preview shortens, and not preview",
            preview,
        )

    def test_missing_files_are_a_clear_error(self, sample: Any, store: LocalStorage, place: Any) -> None:
        """What another version or a slip left out is told, with the artifact it is about."""
        reference = self._saved(store, place(), sample)
        folder = store.root / reference.path
        for file in _files(folder):
            file.unlink()
        (folder / "other").write_bytes(b"")
        self._expect_told(store, reference, folder, "load raises an error where its files are missing")

    def test_damaged_files_are_a_clear_error(self, sample: Any, store: LocalStorage, place: Any) -> None:
        """Files cut in half are never taken for a value."""
        if not self.detects_damage:
            pytest.skip("any bytes are a value of this format")
        reference = self._saved(store, place(), sample)
        folder = store.root / reference.path
        files = [file for file in _files(folder) if file.stat().st_size]
        for file in files:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        if files:
            contract = (
                "load raises an error where files are cut in half, or the suite says detects_damage = False"
            )
            self._expect_told(store, reference, folder, contract)

    def test_it_says_yes_or_no_to_any_value(self, anything: Any, store: LocalStorage, place: Any) -> None:
        """``can_save`` is asked about whatever a step returns: it raises nothing, and a yes is kept."""
        with expect_no_error(f"can_save answers for a {type(anything).__name__} and raises nothing"):
            answer = self.materializer().can_save(anything)
        expect(isinstance(answer, bool), "can_save returns True or False", answer)
        if any(anything is each for each in self.foreign):
            expect_equal(answer, False, f"can_save refuses {shown(anything)}")
        elif answer and not isinstance(anything, _Unlike) and type(anything) is not object:
            self._expect_same(load_artifact(store, self._saved(store, place(), anything)), anything)

    def test_values_of_the_strategy_come_back_as_they_were(self, tmp_path: Path) -> None:
        """Hypothesis looks for a value that does not come back."""
        if self.strategy is None:
            pytest.skip("the suite was given no Hypothesis strategy")
        from hypothesis import given, settings

        numbers = itertools.count()
        store = LocalStorage(tmp_path / "drawn")

        @settings(deadline=None)
        @given(value=self.strategy)
        def check(value: Any) -> None:
            reference = self._saved(store, f"values/{next(numbers)}", value)
            self._expect_same(load_artifact(store, reference), value)

        check()

    def _saved(self, store: LocalStorage, path: str, value: Any) -> OutputReference:
        __tracebackhide__ = True
        with expect_no_error(f"save writes {shown(value)} as files into the folder that it is given"):
            return save_artifact(store, path, value, self.materializer)

    def _expect_same(self, found: Any, expected: Any) -> None:
        __tracebackhide__ = True
        expect_equal(type(found), type(expected), f"{shown(expected)} comes back with its type")
        expect(
            self.equal(found, expected),
            f"a value comes back as it was: {shown(expected)}; can_save must say no to what changes",
            difference(found, expected),
        )

    def _expect_told(
        self, store: LocalStorage, reference: OutputReference, folder: Path, contract: str
    ) -> None:
        __tracebackhide__ = True
        # As if the files had been stored that way: it is the materializer that has to notice.
        payload = measure(folder)
        with expect_error(ArtifactError, contract):
            load_artifact(store, replace(reference, size=payload.size, sha256=payload.sha256))


def _files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]
