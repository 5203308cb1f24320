"""What a scenario is: a town, a file of routes, weather, traffic. Read from YAML and checked at the border."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import carla
import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo, field_validator

from scenarios.errors import ScenarioError
from scenarios.route_subset import select_routes
from scenarios.route_weather import weather_at
from scenarios.routes import parse_routes
from scenarios.specs import RouteSpec
from scenarios.yaml_lines import read_yaml
from sensors.fog import THICKEST_FOG_VISIBILITY_M, THINNEST_FOG_VISIBILITY_M, fog_density
from sensors.fog_table import FogTable

SCENARIO_FOLDER = Path(__file__).parent

NAME = re.compile(r"^[A-Za-z0-9_-]+$")
Percent = Annotated[float, Field(ge=0.0, le=100.0)]

DROPLET_RADII_UM = (1.0, 20.0)
"""Least and most effective radius for which the thermal camera knows fog (`sensors.thermal.atmosphere`)."""
DropletRadius = Annotated[float, Field(ge=DROPLET_RADII_UM[0], le=DROPLET_RADII_UM[1])]


class _Strict(BaseModel):
    """`strict`: neither `true` nor a text in quotes is a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Weather(_Strict):
    """`carla.WeatherParameters` by their own names; fog is given in metres, see `Fog`."""

    sun_altitude_angle: float = Field(default=45.0, ge=-90.0, le=90.0)
    sun_azimuth_angle: float = Field(default=45.0, ge=0.0, le=360.0)
    cloudiness: Percent = 5.0
    precipitation: Percent = 0.0
    precipitation_deposits: Percent = 0.0
    wind_intensity: Percent = 10.0
    wetness: Percent = 0.0
    scattering_intensity: float = Field(default=1.0, ge=0.0)
    mie_scattering_scale: float = Field(default=0.03, ge=0.0)
    rayleigh_scattering_scale: float = Field(default=0.0331, ge=0.0)
    dust_storm: Percent = 0.0


class Fog(_Strict):
    """`visibility_m` is the meteorological optical range; the droplets' effective radius decides what LWIR gains.

    Its limits are those of CARLA's fog density: beyond them the RGB camera would show another fog than the thermal one.

    `other_droplet_radii_um` are those with which the fused arm is driven as well, so that no gain rests on one guess.
    """

    visibility_m: float = Field(ge=THICKEST_FOG_VISIBILITY_M, lt=THINNEST_FOG_VISIBILITY_M)
    droplet_radius_um: DropletRadius = 5.0
    other_droplet_radii_um: tuple[DropletRadius, ...] = Field(default=(), strict=False)  # YAML has lists

    @field_validator("other_droplet_radii_um")
    @classmethod
    def _are_others(cls, radii_um: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if len({*radii_um, info.data.get("droplet_radius_um")}) <= len(radii_um):
            raise ValueError("each radius once, and not droplet_radius_um again")
        return radii_um


class Ambient(_Strict):
    """The air that warms and cools what the thermal camera sees. `relative_humidity` is a share, 0..1.

    `local_time_h` stands for the sun of the last day; where it is left out the weather's sun tells it.
    """

    air_temperature_c: float = Field(ge=-40.0, le=50.0)
    relative_humidity: float = Field(ge=0.0, le=1.0)
    wind_mps: float = Field(default=1.0, ge=0.0, le=80.0)
    local_time_h: float | None = Field(default=None, ge=0.0, lt=24.0)


class Traffic(_Strict):
    """How many background vehicles and walkers live around the route."""

    vehicles: int = Field(default=0, ge=0, le=100)
    walkers: int = Field(default=0, ge=0, le=200)


class Limits(_Strict):
    """When a route is given up. The defaults are the leaderboard 2.x's."""

    blocked_s: float = Field(default=180.0, gt=0.0)
    scenario_timeout_s: float = Field(default=240.0, gt=0.0)
    route_timeout_base_s: float = Field(default=300.0, ge=0.0)
    route_timeout_speed_share: float = Field(default=0.1, gt=0.0, le=1.0)


class ScenarioDefinition(_Strict):
    """One scenario. `clear` names the twin in good conditions that the arm of this name drives; `thermal` the camera: a
    preset or a YAML file, a relative one beside the scenario's.
    """

    name: str = Field(pattern=NAME.pattern, max_length=100)
    title: str = ""
    town: str
    routes: str
    quick_routes: tuple[str, ...] = Field(default=(), strict=False)
    weather: Weather | None = None
    fog: Fog | None = None
    ambient: Ambient
    traffic: Traffic = Traffic()
    limits: Limits = Limits()
    clear: str | None = None
    thermal: str = "adk"
    source: str = Field(default="", exclude=True)
    _fog_table: FogTable | None = PrivateAttr(default=None)
    _drives_elsewhere: bool = PrivateAttr(default=False)

    @property
    def routes_path(self) -> Path:
        """Relative names are looked up beside the YAML file, then in `scenarios/routes`."""
        beside = Path(self.source).parent / self.routes
        return beside if beside.is_file() else SCENARIO_FOLDER / "routes" / self.routes

    @property
    def thermal_preset(self) -> str:
        """The name, or the path of the file."""
        is_file = self.thermal.endswith((".yaml", ".yml"))
        try:
            return str(Path(self.source).parent / Path(self.thermal).expanduser()) if is_file else self.thermal
        except RuntimeError as error:
            raise ScenarioError(f"{self.source}: thermal: {self.thermal}: {error}") from error

    def load_routes(self, quick: bool = False) -> tuple[RouteSpec, ...]:
        routes = parse_routes(self.routes_path)
        wrong = next((route for route in routes if route.town != self.town), None)
        if wrong is not None and not self._drives_elsewhere:
            raise ScenarioError(
                f"{wrong.source}: route {wrong.id} is in {wrong.town}, scenario {self.name} in {self.town}"
            )
        try:
            quick_routes = select_routes(routes, self.quick_routes)
        except ScenarioError as error:
            raise ScenarioError(f"{self.source}: quick_routes: {error}") from error
        chosen = quick_routes if quick and quick_routes else routes
        return tuple(replace(route, leaves_out=True) for route in chosen) if self._drives_elsewhere else chosen

    def clear_twin(self) -> ScenarioDefinition:
        """The scenario of the `clear` arm: itself when it names none.

        Its weather alone is the twin's: traffic and limits are those of this scenario, or the arms would be no pair.
        """
        if self.clear is None:
            return self
        twin = load_scenario(self._clear_source)
        if twin.town != self.town:
            raise ScenarioError(f"{self.source}: clear: {self.clear} lies in {twin.town}, this scenario in {self.town}")
        return twin.model_copy(update={"traffic": self.traffic, "limits": self.limits})

    @property
    def _clear_source(self) -> str | Path:
        beside = Path(self.source).parent / f"{self.clear}.yaml"
        return beside if beside.is_file() else str(self.clear)

    def with_droplets(self, radius_um: float) -> ScenarioDefinition:
        """The same scenario with other droplets in its fog, which the eye cannot tell apart."""
        assert self.fog is not None
        return self.model_copy(update={"fog": self.fog.model_copy(update={"droplet_radius_um": radius_um})})

    def on_routes(self, path: Path) -> ScenarioDefinition:
        """The same weather, traffic and limits on the routes of another file, each in its own town."""
        definition = self.model_copy(update={"routes": str(path.absolute()), "quick_routes": ()})
        definition._drives_elsewhere = True
        return definition

    def with_fog_table(self, table: FogTable) -> ScenarioDefinition:
        """The same scenario for a server whose fog was measured: its visibility is set by that table."""
        definition = self.model_copy()
        definition._fog_table = table
        return definition

    def weather_parameters(
        self, spec: RouteSpec | None = None, route_percentage: float = 0.0
    ) -> carla.WeatherParameters:
        """The world's weather; a scenario without `weather` takes the route's own, as the leaderboard does."""
        values: dict[str, float]
        if self.weather is not None:
            values = self.weather.model_dump()
        else:
            values = weather_at(spec.weathers if spec else (), route_percentage)
        if self.fog is not None:
            table = self._fog_table
            values = {
                **values,
                "fog_density": (table.fog_density if table else fog_density)(self.fog.visibility_m),
                "fog_distance": table.fog_distance if table else 0.0,
                "fog_falloff": table.fog_falloff if table else 0.0,
            }
        parameters = carla.WeatherParameters()
        for name, value in values.items():
            setattr(parameters, name, float(value))
        return parameters


def available_scenarios() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in SCENARIO_FOLDER.glob("*.yaml")))


def load_scenario(name_or_path: str | Path) -> ScenarioDefinition:
    """A scenario that comes with nightloop, by name, or any YAML file; ScenarioError is one line with file and line."""
    try:
        path = Path(name_or_path).expanduser()
    except RuntimeError as error:
        raise ScenarioError(f"{name_or_path}: {error}") from error
    if path.suffix not in (".yaml", ".yml"):
        path = SCENARIO_FOLDER / f"{name_or_path}.yaml"
        if str(name_or_path) not in available_scenarios():
            names = ", ".join(available_scenarios())
            raise ScenarioError(
                f"no scenario named {str(name_or_path)!r}: choose one of {names}, or a path to a .yaml file"
            )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ScenarioError(f"{path}: cannot be read: {reason}") from error
    node, content = read_yaml(text, path)
    if not isinstance(node, yaml.MappingNode):
        raise ScenarioError(f"{path}:1: a scenario is a mapping of names to values")
    if "source" in content:  # a field of ours that no file may set
        raise ScenarioError(f"{path}:{_line_of(node, ('source',))}: source: Extra inputs are not permitted")
    if "name" not in content and not NAME.match(path.stem):
        raise ScenarioError(f"{path}:1: name: the file's name is none of letters, digits, - and _ alone: give another")
    try:
        definition = ScenarioDefinition(**{"name": path.stem, **content, "source": str(path)})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ScenarioError(f"{path}:{_line_of(node, problem['loc'])}: {where}: {problem['msg']}") from error
    if not definition.routes_path.is_file():
        line = _line_of(node, ("routes",))
        raise ScenarioError(
            f"{path}:{line}: routes: no file {definition.routes!r} beside it or in {SCENARIO_FOLDER / 'routes'}"
        )
    known = available_scenarios()
    if definition.clear is not None and isinstance(definition._clear_source, str) and definition.clear not in known:
        line = _line_of(node, ("clear",))
        raise ScenarioError(
            f"{path}:{line}: clear: no {definition.clear}.yaml beside it, nor one of {', '.join(known)}"
        )
    if len(set(definition.quick_routes)) < len(definition.quick_routes):
        raise ScenarioError(f"{path}:{_line_of(node, ('quick_routes',))}: quick_routes: each route once")
    return definition


def _line_of(node: yaml.Node | None, location: tuple[Any, ...]) -> int:
    """Line of a key path in a YAML document; of the deepest part that is there."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if str(k.value) == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
