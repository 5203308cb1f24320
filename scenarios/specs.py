"""Routes and scenarios as their files give them, before a map or a server is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from scenarios.errors import ScenarioError
from scenarios.route_weather import RouteWeather
from scenarios.xml_lines import finite


@dataclass(frozen=True)
class TriggerPoint:
    """Where on the route a scenario begins: metres and degrees in CARLA's axes."""

    x: float
    y: float
    z: float
    yaw: float


@dataclass(frozen=True)
class ScenarioSpec:
    """One `<scenario>`; `parameters` maps a child's tag to its attributes: `{"distance": {"value": "40"}}`."""

    name: str
    type: str
    trigger: TriggerPoint
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    source: str = ""  # file:line
    # Names that stand twice, with file:line of the second. The last counts, as for the leaderboard.
    repeated: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str) -> str:
        """A parameter's `value`, or its default when the file does not give it."""
        if name not in self.parameters:
            return default
        if "value" not in self.parameters[name]:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name} has no value")
        return self.parameters[name]["value"]

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """As `text`, for what must be one of a few words."""
        value = self.text(name, default)
        if value not in choices:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name}: {value!r} is none of {', '.join(choices)}")
        return value

    def number(self, name: str, default: float) -> float:
        text = self.text(name, "")
        if not text:
            return default
        value = finite(text)
        if value is None:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name}: {text!r} is not a number")
        return value

    def positive(self, name: str, default: float) -> float:
        """As `number`, for what must be greater than 0."""
        value = self.number(name, default)
        if value <= 0.0:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name}: {value:g} must be greater than 0")
        return value


@dataclass(frozen=True)
class RouteSpec:
    """One route as its file gives it; `keypoints` (x, y, z) in metres, joined by the planner."""

    id: str
    town: str
    keypoints: tuple[tuple[float, float, float], ...]
    scenarios: tuple[ScenarioSpec, ...] = ()
    weathers: tuple[RouteWeather, ...] = ()
    source: str = ""  # file:line
    # Of a benchmark's file: scenarios that do not fit the way are left out, as the leaderboard does, not refused.
    leaves_out: bool = False
