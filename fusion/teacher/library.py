"""The library `diffusers`, whose networks and schedules the teachers are made of."""

import importlib
import sys
from typing import Any

from fusion.errors import FusionError, one_line

NAME = "diffusers"


def load_diffusers() -> Any:
    """The module, imported when a teacher is made and not before: it brings torch's compiler and `transformers`, which
    takes ten seconds and more on a busy machine. Therefore a line says so first: silence would look like a hang."""
    if NAME not in sys.modules:
        print(f"loading {NAME}: some ten seconds", file=sys.stderr, flush=True)
    try:
        return importlib.import_module(NAME)
    except ImportError as error:
        reason = one_line(str(error))
        raise FusionError(f"a diffusion teacher needs {NAME}: pip install 'nightloop[train]' ({reason})") from None
