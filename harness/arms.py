"""The arms of the paired experiment: what differs between runs of the same agent on the same route and seed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import HarnessError
from results.arms import BASELINE, CEILING, CONTROL, TREATMENT
from scenarios.definition import DROPLET_RADII_UM


@dataclass(frozen=True)
class Arm:
    """`fused`: the agent's camera frames pass through FusionProxy. `clear_twin`: in the clear day twin.

    `droplet_radius_um`: in the scenario's fog, as dense to the eye, but with droplets of this effective radius, which
    decides how far the thermal camera sees; None stands for the scenario's own. `naive`: by this fusion of
    `fusion.naive` instead of FusionProxy, for a comparison. `weights`: with these instead of the run's own.
    """

    name: str
    fused: bool
    clear_twin: bool
    title: str
    droplet_radius_um: float | None = None
    naive: str = ""
    weights: str = ""


ARMS = {
    BASELINE: Arm(BASELINE, fused=False, clear_twin=False, title="RGB alone"),
    TREATMENT: Arm(TREATMENT, fused=True, clear_twin=False, title="RGB fused with thermal"),
    CEILING: Arm(CEILING, fused=False, clear_twin=True, title="RGB, clear day (the agent's own ceiling)"),
}

WITHOUT_THERMAL = "sim_rgb"
"""Weights that were taught as `CONTROLLED` were but without thermal frames: the control of these and no others."""

COMPARED_ARMS = {
    CONTROL: Arm(CONTROL, True, False, "RGB restored by a network without thermal", weights=WITHOUT_THERMAL),
    "equalized": Arm("equalized", True, False, "RGB equalized (CLAHE), no thermal", naive="equalized"),
    "average": Arm("average", True, False, "average of RGB and thermal", naive="average"),
    "maximum": Arm("maximum", True, False, "the brighter of RGB and thermal", naive="maximum"),
    "luminance_swap": Arm("luminance_swap", True, False, "thermal in RGB's colours", naive="luminance swap"),
    "thermal": Arm("thermal", True, False, "thermal alone, as grey", naive="thermal"),
}
"""What FusionProxy has to be better than: what can be had without a thermal camera, fusions that anybody has in a line,
and heat alone."""

_OTHER_DROPLETS = re.compile(r"fused_(\d+(?:\.\d+)?)um")
CHOICES = f"{', '.join((*ARMS, *COMPARED_ARMS))}, or fused_10um for fog with droplets of 10 um (any radius)"


def arm_of(name: str) -> Arm:
    """The arm of a name; HarnessError where there is none."""
    if arm := ARMS.get(name) or COMPARED_ARMS.get(name):
        return arm
    if match := _OTHER_DROPLETS.fullmatch(name):
        return fused_with_droplets(float(match[1]))
    raise HarnessError(f"no arm named {name!r}: choose from {CHOICES}")


def fused_with_droplets(radius_um: float) -> Arm:
    """The fused arm in fog of other droplets than the scenario's."""
    least, most = DROPLET_RADII_UM
    if not least <= radius_um <= most:
        raise HarnessError(f"droplets of {radius_um:g} um: choose a radius from {least:g} to {most:g} um")
    radius = f"{radius_um:g}"  # the name says all of it
    return Arm(f"fused_{radius}um", True, False, f"RGB fused with thermal, droplets of {radius} um", float(radius))


def parse_arms(text: str) -> tuple[Arm, ...]:
    """Reads the comma-separated `--arms`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise HarnessError(f"--arms {text}: choose from {CHOICES}")
    try:
        arms = tuple(arm_of(name) for name in names)
    except HarnessError as error:
        raise HarnessError(f"--arms {text}: {error}") from None
    if len(set(arms)) != len(arms):
        raise HarnessError(f"--arms {text}: each arm once")
    return arms
