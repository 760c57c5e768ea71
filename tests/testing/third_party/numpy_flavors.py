"""A flavor whose implementation needs a package, and does not say what to install."""

from __future__ import annotations

from airflow_provider_pipes.step_operators.base import BaseStepOperator
from tests.testing.third_party.flavors import _Flavor


class SilentFlavor(_Flavor):
    @property
    def implementation_class(self) -> type[BaseStepOperator]:
        import numpy as np

        from tests.testing.third_party.flavors import Operator

        return Operator if np else BaseStepOperator


class TellingFlavor(SilentFlavor):
    @property
    def install_hint(self) -> str:
        return "third-party[numpy]"
