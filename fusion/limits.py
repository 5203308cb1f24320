"""What the options of this package's commands may be. One table for all of them: a name means the same everywhere."""

import math
from collections.abc import Mapping
from typing import Any

from fusion.errors import FusionError
from fusion.shape import CELL_PX

LEAST = {
    "accumulate": 1, "batch": 1, "block": 1, "context_px": 0, "count": 1, "crop": 8, "every": 1, "frames": 1,
    "height": 32, "layers": 1, "limit": 0, "log_every": 1, "overlap": 0, "patch_px": 8, "rows": 1, "samples": 0,
    "scale": 1, "seed": 0, "steps": 1, "threads": 1, "tile": 0, "width": 32, "workers": 0,
}  # fmt: skip
SHARES = (
    "anchor_share", "ema", "eta", "evidence_patches", "held_out", "label_patches", "least_mean", "masked_share",
    "missing_share", "polarity_share", "rolling_frames", "share", "signal_patches",
)  # fmt: skip
MOST = {"drift_deg": 10.0, "drift_px": 30.0}
"""Limits of the drift between two cameras that the student is meant to bear: `augment.Disturbance`."""
POSITIVE = ("emphasis", "learning_rate", "tau_feat", "tau_pix")
NOT_NEGATIVE = (
    "contrast_detail", "contrast_gain", "drift_deg", "drift_px", "evidence_gain", "label_gain", "lambda_contrast",
    "lambda_edge", "lambda_feat", "lambda_flicker", "lambda_twin", "motion_blur_px", "parallax_px",
    "signal_gain",
)  # fmt: skip


def check(options: Mapping[str, Any], **least: int) -> None:
    """Raises FusionError for the first option that is out of range; `least` where a command needs more than the table
    asks for. A value that cannot be is told before anything is read: some would only show after hours, as NaN."""
    least = {**LEAST, **least}
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name == "device":
            _check_device(value)
        elif name == "json":
            if value and not value.parent.is_dir():  # known now, not after a minute of measuring
                raise FusionError(f"{flag} {value}: no folder {value.parent}")
        elif name in least and value < least[name]:
            raise FusionError(f"{flag} is {least[name]} or more, not {value}")
        elif name == "scale" and CELL_PX % value:  # else the student's trainer would tell, after hours of drawing
            raise FusionError(f"{flag} must divide the student's cells of {CELL_PX} px, {value} does not")
        elif name in SHARES and not 0.0 <= value <= 1.0:
            raise FusionError(f"{flag} {value} is not between 0 and 1")
        elif name in POSITIVE and not 0.0 < value < math.inf:
            raise FusionError(f"{flag} is more than 0, not {value:g}")
        elif name in MOST and value > MOST[name]:
            raise FusionError(f"{flag} is at most {MOST[name]:g}, not {value:g}")
        elif name in NOT_NEGATIVE and not 0.0 <= value < math.inf:
            raise FusionError(f"{flag} is 0 or more, not {value:g}")


def _check_device(name: str) -> None:
    if name == "cpu":
        return
    try:
        import torch  # late: some commands need it for nothing else, and it takes seconds

        device = torch.device(name)
        if device.type == "cuda":  # asked without touching it: each process of torchrun takes a card of its own
            if (device.index or 0) >= torch.cuda.device_count():
                raise RuntimeError("no such CUDA device is available")
        else:
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError, NotImplementedError) as error:
        raise FusionError(f"--device {name} cannot be used here: {str(error).splitlines()[0][:120]}") from None
