"""What hazards may know: simulation time and the ego's place on its route. No wall clock, no agent internals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """`time_s` since the route began; `ego_m` how far along the route the ego's origin is."""

    time_s: float
    delta_s: float
    ego_m: float
    ego_speed_mps: float
    ego_half_length_m: float

    def gap_m(self, place_m: float) -> float:
        """From the ego's front bumper to a place along the route; negative once passed."""
        return place_m - self.ego_m - self.ego_half_length_m

    def arrival_s(self, place_m: float) -> float:
        """When the ego's front reaches a place if it keeps its speed; infinite when it stands."""
        return self.gap_m(place_m) / self.ego_speed_mps if self.ego_speed_mps > 0.1 else float("inf")
