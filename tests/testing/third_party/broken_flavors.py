"""The suites of the flavors that each break one promise."""

from __future__ import annotations

from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.testing.components import ComponentContract
from tests.testing.third_party import flavors, heavy_flavors, numpy_flavors


class _Suite(ComponentContract):
    kind = StackComponentType.STEP_OPERATOR


class TestGood(_Suite):
    flavor = flavors.GoodFlavor


class TestTelling(_Suite):
    flavor = numpy_flavors.TellingFlavor


class TestLoose(_Suite):
    flavor = flavors.LooseFlavor


class TestSecret(_Suite):
    flavor = flavors.SecretFlavor


class TestForgetful(_Suite):
    flavor = flavors.ForgetfulFlavor
    config = {"namespace": "ml"}  # noqa: RUF012 - as an author writes it


class TestOddlyNamed(_Suite):
    flavor = flavors.OddlyNamedFlavor


class TestUnfinished(_Suite):
    flavor = flavors.UnfinishedFlavor


class TestSilent(_Suite):
    flavor = numpy_flavors.SilentFlavor


class TestHeavy(_Suite):
    flavor = heavy_flavors.HeavyFlavor


class TestWrongKind(ComponentContract):
    kind = StackComponentType.ORCHESTRATOR
    flavor = flavors.GoodFlavor
