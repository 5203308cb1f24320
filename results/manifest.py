"""What a run was asked to do, and with what: `run.json`, written before the first tick."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from results import atomic
from results.layout import RunFolder
from results.record import FORMAT, RecordError
from results.scores import DEFAULT_VERSION, METRIC_VERSIONS


@dataclass(frozen=True)
class RouteEntry:
    """`id` as in the route file, `name` what happens there ("pedestrian steps out"), in the words of the scenario."""

    id: str
    name: str = ""
    town: str = ""


@dataclass(frozen=True)
class Manifest:
    """`config` is everything that can change a result and nothing else (no folder, port or number of workers); its hash
    identifies the run. `arms` maps each arm to its weather in words. `server` has `kind` ("embedded" or "carla") and
    `version`; `weights` has `name` and `sha256`; `versions` are those of Python, carla, numpy, torch, nightloop, ...
    `droplets` has, for each fused arm that is driven in fog, `radius_um` (effective radius) and `lwir_over_visible`
    (extinction of long-wave infrared as a multiple of that of visible light). `extended` are the hashes of the runs
    that this one was before it got more arms, seeds or routes: their drives are kept. `limits` are the scenario's, by
    the names of `scenarios.definition.Limits`. No wall-clock figure belongs here."""

    scenario: str
    agent: str
    track: str
    arms: Mapping[str, str]
    routes: tuple[RouteEntry, ...]
    seeds: tuple[int, ...]
    config: Mapping[str, Any]
    config_hash: str
    server: Mapping[str, str]
    versions: Mapping[str, str]
    weights: Mapping[str, str] = field(default_factory=dict)
    metric_version: str = DEFAULT_VERSION
    droplets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    extended: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def expected_episodes(self) -> int:
        """Of one arm."""
        return len(self.routes) * len(self.seeds)


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the configuration as JSON with sorted keys: the same settings in any order, the same hash."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_manifest(folder: RunFolder, manifest: Manifest) -> None:
    atomic.write_json(folder.run, {"format": FORMAT, **asdict(manifest)})


def _check(manifest: Manifest) -> None:
    """ValueError where a file says something else than a run does."""
    for name in ("arms", "config", "server", "versions", "weights", "droplets", "limits"):
        if not isinstance(getattr(manifest, name), Mapping):
            raise ValueError(f"{name} maps nothing")
    for arm, droplets in manifest.droplets.items():
        if arm not in manifest.arms:
            raise ValueError(f"droplets of {arm!r}, which is no arm of the run")
        if not all(isinstance(droplets.get(key), (int, float)) for key in ("radius_um", "lwir_over_visible")):
            raise ValueError(f"droplets of {arm} without radius_um and lwir_over_visible")
    for name in ("scenario", "agent", "track", "config_hash"):
        if not isinstance(getattr(manifest, name), str):
            raise ValueError(f"{name} is no text")
    if manifest.metric_version not in METRIC_VERSIONS:
        raise ValueError(f"unknown metric version {manifest.metric_version!r}; known: {', '.join(METRIC_VERSIONS)}")


def read_manifest(folder: RunFolder) -> Manifest:
    try:
        kept: dict[str, Any] = json.loads(folder.run.read_text(encoding="utf-8"))
        values = {f.name: kept[f.name] for f in fields(Manifest) if f.name in kept}
        values["routes"] = tuple(RouteEntry(**route) for route in kept["routes"])
        values["seeds"] = tuple(int(seed) for seed in kept["seeds"])
        values["extended"] = tuple(str(one) for one in kept.get("extended", ()))
        manifest = Manifest(**values)
        _check(manifest)
        return manifest
    except FileNotFoundError as error:
        raise RecordError(f"{folder.path}: no run.json there, so this is not the folder of a run") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{folder.run}: not a readable run description ({error})") from error
