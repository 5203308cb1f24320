"""The arms of the paired experiment: what differs between runs of the same agent on the same route and seed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError


@dataclass(frozen=True)
class Arm:
    """`fused`: the agent's camera frames pass through FusionProxy. `clear_twin`: in the clear day twin."""

    name: str
    fused: bool
    clear_twin: bool
    title: str


ARMS = {
    "rgb": Arm("rgb", fused=False, clear_twin=False, title="RGB alone"),
    "fused": Arm("fused", fused=True, clear_twin=False, title="RGB fused with thermal"),
    "clear": Arm("clear", fused=False, clear_twin=True, title="RGB, clear day (the agent's own ceiling)"),
}


def parse_arms(text: str) -> tuple[Arm, ...]:
    """Reads the comma-separated `--arms`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in ARMS]
    if unknown or not names:
        raise HarnessError(f"--arms {text}: choose from {', '.join(ARMS)}")
    if len(set(names)) != len(names):
        raise HarnessError(f"--arms {text}: each arm once")
    return tuple(ARMS[name] for name in names)
