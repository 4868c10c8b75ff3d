"""The one way kernels of this package are compiled: numba, cached, bit-for-bit repeatable.

numba's cache watches only the file a kernel stands in, not those it calls into. So the cache folder's name
holds a hash of the sources that other modules' kernels use: whoever edits one of them gets fresh kernels.
NUMBA_CACHE_DIR, when set, is honoured as the parent folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import platformdirs
from numba.core import config

SHARED = ("compiled.py", "coverage.py", "head_data.py", "noise.py", "raster.py")  # a test holds this list
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Where compiled kernels over exactly these shared sources live."""
    digest = hashlib.sha256()
    for name in SHARED:
        digest.update(Path(__file__).with_name(name).read_bytes())
    parent = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("likeness")
    return Path(parent) / f"faces-kernels-{digest.hexdigest()[:16]}"


_CACHE = str(cache_folder())


def kernel(function: Kernel) -> Kernel:
    """Compile `function` without Python objects, on one thread; division by zero gives inf as in numpy."""
    return _compiled(function, None)


def typed_kernel(signature: str) -> Callable[[Kernel], Kernel]:
    """As `kernel`, for one signature (numba's notation): small functions that many kernels call with mixed types."""
    return lambda function: _compiled(function, signature)


def _compiled(function: Kernel, signature: str | None) -> Kernel:
    settings: Any = config  # its names are made at run time
    before = settings.CACHE_DIR
    settings.CACHE_DIR = _CACHE
    try:
        compiled: Any = numba.njit(signature, cache=True, error_model="numpy", fastmath=False)(function)
        return compiled
    finally:
        settings.CACHE_DIR = before
