"""What an agent may draw from is seeded, and libraries keep to their threads, also those that it has yet to import.

Runs in an agent's own Python too, which may be 3.7.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable

import numpy as np


def seed_libraries(seed: int, threads: int) -> None:
    """Python's, NumPy's and PyTorch's generators; threads of PyTorch and OpenCV."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002

    def set_up_torch(torch: Any) -> None:
        torch.manual_seed(seed)
        torch.set_num_threads(threads)

    _once_imported("torch", set_up_torch)
    _once_imported("cv2", lambda cv2: cv2.setNumThreads(threads))


def _once_imported(name: str, then: Callable[[Any], None]) -> None:
    """Calls then(module) now, or as soon as it is there: to import torch for those that never do would take seconds."""
    if name in sys.modules:
        then(sys.modules[name])
    else:
        sys.meta_path.insert(0, _OnImport(name, then))


class _OnImport:
    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self._name, self._then = name, then

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        loader: Any = spec.loader if spec else None
        if loader is not None:
            execute = loader.exec_module

            def execute_and_then(module: ModuleType) -> None:
                execute(module)
                self._then(module)

            loader.exec_module = execute_and_then
        return spec
