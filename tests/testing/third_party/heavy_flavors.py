"""A flavor that can't be configured where its backend's package is not installed."""

from __future__ import annotations

import numpy as np

from tests.testing.third_party.flavors import _Flavor


class HeavyFlavor(_Flavor):
    numbers = np.zeros(1)
