"""NumPy arrays and scalars in NumPy's own format, without pickles."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import Materializer, short_repr

_ARRAY = "array.npy"
_SCALAR = "scalar.npy"


class NumpyMaterializer(Materializer):
    """Arrays and scalars of every type that the npy format describes; objects are left to cloudpickle."""

    name = "numpy"

    def can_save(self, value: Any) -> bool:
        """Say whether ``value`` is an array or a scalar, of a type that the format keeps."""
        import numpy as np

        kind: Any = type(value)
        if issubclass(kind, np.generic):
            # A scalar string that ends in NUL loses it as an array.
            back = np.asarray(value)[()]
            return type(back) is kind and back.tobytes() == value.tobytes() and _is_kept(value.dtype)
        return kind is np.ndarray and _is_kept(value.dtype)

    def save(self, value: Any, directory: Path) -> None:
        """Write the array."""
        import numpy as np
        from numpy.lib import format as npy

        name = _SCALAR if isinstance(value, np.generic) else _ARRAY
        with (directory / name).open("wb") as file:
            # The version that takes any field name; numpy.save warns when it has to choose it.
            npy.write_array(file, np.asarray(value), version=(3, 0), allow_pickle=False)

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the array or scalar."""
        import numpy as np

        scalar = directory / _SCALAR
        if scalar.exists():
            return np.load(scalar, allow_pickle=False)[()]
        return np.load(directory / _ARRAY, allow_pickle=False)

    def describe(self, value: Any) -> str:
        """Return type and shape, and the values where there are few."""
        if not value.shape:
            return short_repr(value)
        shown = f": {value.tolist()}" if value.size <= 10 else ""
        return f"{value.dtype} array of shape {value.shape}{shown}"


def _is_kept(kind: Any) -> bool:
    from numpy.lib import format as npy

    if kind.hasobject or kind.metadata is not None:
        return False
    try:
        with warnings.catch_warnings():
            # numpy warns of what the description loses.
            warnings.simplefilter("error")
            return bool(npy.descr_to_dtype(npy.dtype_to_descr(kind)) == kind)
    except Exception:  # a type of another package that the format can't describe
        return False
