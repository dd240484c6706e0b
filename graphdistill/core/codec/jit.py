"""The switch between compiled and plain Python: one source, two speeds, the same bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np
from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., Any])
Ints = Annotated[Any, "64-bit integers"]
"""A flat array of 64-bit integers, or a list of integers."""
Bytes = Annotated[Any, "bytes"]
"""A flat array of bytes, or a list of integers below 256."""
Table = Annotated[Any, "rows of 64-bit integers"]
"""An array of rows of 64-bit integers, or a list of lists; entries are ``table[row][column]``."""

try:
    if os.environ.get("GRAPHDISTILL_NO_JIT") == "1":
        raise ImportError
    import numba

    COMPILED = True
except ImportError:
    COMPILED = False
"""Whether the functions of this package are compiled by numba."""


_FUNCTIONS: list[Any] = []
"""All functions under :func:`jit`, in the order of their definition, callees before callers."""


def jit(function: F) -> F:
    """Compile a function of integers and arrays of integers with numba; unchanged if numba is absent.

    Set ``GRAPHDISTILL_NO_JIT=1`` to run the plain functions, which are the specification of the format. What is
    compiled must mean the same in both: 64-bit integers that never overflow, shifts of negative numbers that round
    down, flat arrays with indices of 0 or more. Arguments are ``int``, :data:`Ints`, :data:`Bytes` and named tuples of
    these; :func:`compile_all` compiles for exactly these types.
    """
    if not COMPILED:
        return function
    given = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_cache_folder(given))
    try:
        compiled: F = numba.njit(cache=True)(function)
    except (RuntimeError, OSError):  # there is no folder to keep compiled code in
        compiled = numba.njit(function)
    finally:
        numba.config.CACHE_DIR = given
    _FUNCTIONS.append(compiled)
    return compiled


@cache
def compile_all() -> None:
    """Compile all functions, or load them as compiled before; nothing if numba is absent.

    Left to itself, numba compiles a function anew for each constant that it is called with.
    """
    for function in _FUNCTIONS:
        hints = get_type_hints(function.py_func, include_extras=True)
        hints.pop("return")
        function.compile(tuple(_numba_type(hint) for hint in hints.values()))
        function.disable_compile()


def _numba_type(hint: Any) -> Any:
    if hint is int:
        return numba.int64
    if hasattr(hint, "_fields"):
        fields = get_type_hints(hint, include_extras=True)
        types = [_numba_type(fields[name]) for name in hint._fields]
        if len(set(types)) == 1:
            return numba.types.NamedUniTuple(types[0], len(types), hint)
        return numba.types.NamedTuple(types, hint)
    return {Ints: numba.int64[::1], Bytes: numba.uint8[::1], Table: numba.int64[:, ::1]}[hint]


@cache
def sources_digest() -> str:
    """Digest of the sources of this package: whatever it codes has the same bytes while this is the same."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _cache_folder(given: str) -> Path:
    """Folder of compiled functions by the content of all sources: numba itself compares one file for each function."""
    return (Path(given) if given else user_cache_path("graphdistill", appauthor=False)) / "numba" / sources_digest()


def array(values: Any, dtype: Any = np.int64) -> Any:
    """A flat array for functions under :func:`jit`: of numpy if they are compiled, else a list, which is faster then.

    Example:
        >>> [int(value) for value in array([3, 4])]
        [3, 4]
    """
    flat = np.ascontiguousarray(values, dtype=dtype)
    return flat if COMPILED else flat.tolist()


def zeros(size: int, dtype: Any = np.int64) -> Any:
    """A flat array of ``size`` zeros for functions under :func:`jit`."""
    return np.zeros(size, dtype) if COMPILED else [0] * size


def table(rows: int, columns: int) -> Any:
    """Rows of zeros for functions under :func:`jit`."""
    return np.zeros((rows, columns), np.int64) if COMPILED else [[0] * columns for _ in range(rows)]


def longer(values: Any, size: int) -> Any:
    """A flat array with zeros after its values, ``size`` in all."""
    if isinstance(values, list):
        return values + [0] * (size - len(values))
    return np.concatenate([values, np.zeros(size - len(values), values.dtype)])
