"""Traffic lights: each junction shows one phase after the other, green, yellow, then red for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.towns.town import TrafficLightSite
from simulator.types import TrafficLightState

RED, YELLOW, GREEN = (int(s) for s in (TrafficLightState.RED, TrafficLightState.YELLOW, TrafficLightState.GREEN))
GREEN_S, YELLOW_S, RED_S = 10.0, 3.0, 2.0
"""CARLA's defaults; `RED_S` is how long all lights of a junction are red between two phases."""

_NEXT = {GREEN: YELLOW, YELLOW: RED}


@dataclass
class Junction:
    """Lights that take turns. `phases`: rows of the lights that are green together, in the order in which they come."""

    phases: tuple[tuple[int, ...], ...]
    current: int = 0
    stage: int = GREEN
    elapsed_s: float = 0.0
    frozen: bool = False

    @property
    def lights(self) -> tuple[int, ...]:
        return tuple(light for phase in self.phases for light in phase)


class Signals:
    """All traffic lights of a town; a light is named by its row, the place of its site in the town's list."""

    def __init__(self, sites: Sequence[TrafficLightSite], seed: int) -> None:
        self.states: NDArray[np.uint8] = np.full(len(sites), RED, np.uint8)
        self.times_s = {s: np.full(len(sites), t) for s, t in ((GREEN, GREEN_S), (YELLOW, YELLOW_S), (RED, RED_S))}
        names = sorted({site.junction for site in sites})
        self.junctions = [_junction(sites, name) for name in names]
        self.junction_of = {light: junction for junction in self.junctions for light in junction.lights}
        self.pole_index: NDArray[np.uint32] = np.array(
            [self.junction_of[light].lights.index(light) for light in range(len(sites))], np.uint32
        )
        """Place of each light among those of its junction."""
        self._junction_row = np.array([names.index(site.junction) for site in sites], np.intp)
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Back to the start: each junction somewhere in the green of a phase, the same for the same seed."""
        rng = np.random.Generator(np.random.Philox(key=[self._seed & 0xFFFFFFFF, 0x5160A1]))
        for junction in self.junctions:
            self._show(junction, int(rng.integers(len(junction.phases))), GREEN)
            junction.elapsed_s = float(rng.uniform(0.0, 0.8)) * self._duration_s(junction)

    def reset_group(self, light: int) -> None:
        self._show(self.junction_of[light], 0, GREEN)

    def step(self, delta_s: float) -> None:
        for junction in self.junctions:
            if junction.frozen:
                continue
            junction.elapsed_s += delta_s
            # a tolerance, or 200 steps of 0.05 s would be a step short of 10 s
            while junction.elapsed_s >= self._duration_s(junction) - 1e-6:
                rest = max(0.0, junction.elapsed_s - self._duration_s(junction))
                if junction.stage == RED:
                    self._show(junction, (junction.current + 1) % len(junction.phases), GREEN)
                else:
                    self._show(junction, junction.current, _NEXT[junction.stage])
                junction.elapsed_s = rest

    def set_state(self, light: int, state: TrafficLightState) -> None:
        """Shows `state` until its junction's next change; for good while it is frozen."""
        self.states[light] = state

    def show(self, light: int, state: TrafficLightState, elapsed_s: float, frozen: bool) -> None:
        """What a recording says of a light; its junction's clock goes on from there."""
        junction = self.junction_of[light]
        self.states[light] = state
        junction.elapsed_s, junction.frozen = elapsed_s, frozen

    def set_time_s(self, light: int, state: int, time_s: float) -> None:
        """How long the phase of this light is green or yellow, or how long all are red after it."""
        junction = self.junction_of[light]
        phase = next(lights for lights in junction.phases if light in lights)
        self.times_s[state][list(phase)] = max(time_s, 0.05)

    def freeze(self, light: int, frozen: bool) -> None:
        self.junction_of[light].frozen = frozen

    def freeze_all(self, frozen: bool) -> None:
        for junction in self.junctions:
            junction.frozen = frozen

    def elapsed_s(self) -> NDArray[np.float64]:
        """(n,) time since the junction of each light last changed."""
        return np.array([junction.elapsed_s for junction in self.junctions], np.float64)[self._junction_row]

    def frozen(self) -> NDArray[np.bool_]:
        return np.array([junction.frozen for junction in self.junctions], bool)[self._junction_row]

    def _duration_s(self, junction: Junction) -> float:
        return float(self.times_s[junction.stage][junction.phases[junction.current][0]])

    def _show(self, junction: Junction, phase: int, stage: int) -> None:
        junction.current, junction.stage, junction.elapsed_s = phase, stage, 0.0
        self.states[list(junction.lights)] = RED
        self.states[list(junction.phases[phase])] = stage


def _junction(sites: Sequence[TrafficLightSite], name: str) -> Junction:
    own = [(site.phase, light) for light, site in enumerate(sites) if site.junction == name]
    return Junction(
        tuple(tuple(light for phase, light in own if phase == p) for p in sorted({phase for phase, _ in own}))
    )
