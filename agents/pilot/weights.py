"""The pilot's weights file, read with every doubt named in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from agents.loader import AgentLoadError
from agents.pilot.architecture import tensor_shapes

WEIGHTS = Path(__file__).parent / "pilot.safetensors"


def load_weights(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays by the names of `network.PilotNetwork.state_dict`; AgentLoadError where they are not such a network's."""
    if not path.is_file():
        raise AgentLoadError(f"pilot: no weights at {path}; leave out --agent-config to use the pilot's own")
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError, KeyError) as error:  # KeyError: numbers that NumPy does not have
        raise AgentLoadError(f"pilot: weights {path} cannot be read: {' '.join(str(error).split())}") from None
    if "things.weight" not in arrays or arrays["things.weight"].ndim != 4:
        raise AgentLoadError(f"pilot: weights {path} are not those of the pilot's network")
    wanted = tensor_shapes(arrays["things.weight"].shape[1])
    for name in sorted(wanted.keys() | arrays.keys()):
        have, want = (str(arrays[name].shape) if name in arrays else "missing"), str(wanted.get(name, "not there"))
        if have != want:
            raise AgentLoadError(f"pilot: weights {path}: '{name}' is {have}, in the network it is {want}")
        if not np.isfinite(arrays[name]).all():
            raise AgentLoadError(f"pilot: weights {path}: '{name}' holds NaN or infinity")
    return arrays
