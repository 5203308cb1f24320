"""What a run is: everything that decides its numbers, and a hash of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results.manifest import config_hash


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides the numbers of a run; where and how fast it runs stands elsewhere.

    `agent` is a built-in name or a file path, `agent_checksum` the SHA-256 of what it is made of; `scenario_checksum`
    covers the scenario, its clear twin and its routes; `route_ids` are the routes driven, in order;
    `thermal_checksum` is that of the preset's file, empty for a preset that comes with nightloop;
    `fog_table_checksum` that of the server's fog table: a run without one has no such setting.
    `agent_python` which Python, carla and numpy the agent has, if it has its own: other runs have no such setting.
    `code_checksum` is of nightloop itself: half a run of one version and half of another is no comparison.
    `routes_file` names the file of `--routes`, if that was given; `town` is then every town in it.
    `plan_spacing_m` is that of `--plan-spacing`: without it agent and metric version decide.
    """

    scenario: str
    scenario_checksum: str
    town: str
    route_ids: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    agent: str
    agent_config: str
    agent_checksum: str
    weights: str
    weights_checksum: str
    thermal_preset: str
    thermal_checksum: str
    metric_version: str
    server: str
    code_checksum: str
    fog_table_checksum: str = ""
    agent_python: str = ""
    routes_file: str = ""
    plan_spacing_m: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        settings = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        for name in ("fog_table_checksum", "agent_python", "routes_file", "plan_spacing_m"):
            if not settings[name]:
                del settings[name]
        return settings

    @property
    def hash(self) -> str:
        return config_hash(self.to_dict())


@dataclass(frozen=True)
class EpisodeSpec:
    """One drive: a route in an arm with a seed."""

    route_id: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.route_id}-{self.arm}-seed{self.seed}"


def episodes_of(config: RunConfig) -> tuple[EpisodeSpec, ...]:
    """All drives of a run, the arms of one route and seed next to each other, so that pairs are complete early."""
    return tuple(
        EpisodeSpec(route_id, arm, seed)
        for seed in config.seeds
        for route_id in config.route_ids
        for arm in config.arms
    )


def checksum(*paths: Path) -> str:
    """SHA-256 over the contents of the files, in the order given; a folder stands for its files, sorted by name."""
    digest = hashlib.sha256()
    for path in paths:
        members = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        for file in members if path.is_dir() else [path]:
            digest.update(os.fsencode(file.name) + b"\0")
            with file.open("rb") as content:  # weights may be larger than the memory
                while chunk := content.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """The names of the settings in which two configurations differ."""
    return sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))


def extends(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether our run is theirs with more drives: every one of theirs would come out the same in ours."""
    more = ("arms", "seeds", "route_ids")
    return set(differences(ours, theirs)) <= set(more) and all(set(theirs[name]) <= set(ours[name]) for name in more)
