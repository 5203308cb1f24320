"""The folder of a run: which one it is, whose it is meanwhile, and what run.json says of it."""

from __future__ import annotations

import argparse
import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harness.arms import COMPARED_ARMS, Arm, arm_of
from harness.config import RunConfig, differences, extends
from harness.errors import HarnessError
from harness.options import writable
from harness.versions import library_versions, version_of
from results.arms import CONTROLLED
from results.layout import RunFolder
from results.manifest import Manifest, RouteEntry, read_manifest, write_manifest
from results.record import RecordError
from scenarios.definition import ScenarioDefinition
from scenarios.fitting import title_of
from scenarios.specs import RouteSpec


def new_folder(options: argparse.Namespace, config: RunConfig) -> Path:
    """`runs/<scenario>-<agent>-<date>`; with --resume the newest run of the same configuration, or else of a part."""
    runs = Path("runs")
    if options.resume:
        parts = []
        for older in sorted(runs.glob(f"{config.scenario}-*"), reverse=True):
            try:
                held = read_manifest(RunFolder(older))
            except RecordError:
                continue
            if held.config_hash == config.hash:
                return older
            if extends(config.to_dict(), dict(held.config)) and not differences(
                versions_of(config), dict(held.versions)
            ):
                parts.append(older)
        if parts:
            return parts[0]
        raise HarnessError("--resume: no run of this configuration in runs/, nor of a part; name its folder with --out")
    return runs / f"{config.scenario}-{Path(config.agent).stem}-{time.strftime('%Y%m%d-%H%M%S')}"


def hold(folder: RunFolder, held: ExitStack) -> None:
    """Lets no other process write to the run's folder meanwhile: two would drive the same episodes."""
    writable(folder.path)
    try:
        descriptor = os.open(folder.path, os.O_RDONLY)
        held.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HarnessError(
            f"{folder.path}: another process is at work on this run; wait for it or choose another --out"
        ) from None
    except OSError:
        return  # some file systems have no locks


def claim(
    folder: RunFolder,
    config: RunConfig,
    definition: ScenarioDefinition,
    routes: tuple[RouteSpec, ...],
    resume: bool,
) -> None:
    """Writes run.json, or checks that the folder holds this very run, or a part of it, and may be gone on with."""
    extended: tuple[str, ...] = ()
    if folder.run.exists():
        held = read_manifest(folder)
        differing = differences(config.to_dict(), dict(held.config))
        others = [f"version of {name}" for name in differences(versions_of(config), dict(held.versions))]
        if others or (differing and not extends(config.to_dict(), dict(held.config))):
            raise HarnessError(
                f"{folder.path} holds another run (differs in {', '.join(differing + others)}); choose another --out"
            )
        if not resume and (differing or folder.finished_episodes()):
            part = f"a part of this run (without some {', '.join(differing)})" if differing else "this run already"
            raise HarnessError(f"{folder.path} holds {part}; go on with --resume or choose another --out")
        if not differing:
            return
        extended = (*held.extended, held.config_hash)
    elif any(folder.path.iterdir()):
        raise HarnessError(f"{folder.path} is not empty and holds no run; choose another --out")
    arms = [arm_of(name) for name in config.arms]
    manifest = Manifest(
        scenario=config.scenario,
        agent=config.agent,
        track="PRIVILEGED" if config.agent == "oracle" else "SENSORS",
        arms={arm.name: _weather(definition, arm) for arm in arms},
        routes=tuple(RouteEntry(r.id, title_of(r), r.town) for r in routes),
        seeds=config.seeds,
        config=config.to_dict(),
        config_hash=config.hash,
        server={"kind": config.server, "version": version_of("carla")},
        versions=versions_of(config),
        weights={"name": config.weights, "sha256": config.weights_checksum} | _weights_of_their_own(arms),
        metric_version=config.metric_version,
        droplets=_droplets(definition, arms),
        extended=extended,
        limits=definition.limits.model_dump(),
    )
    try:
        write_manifest(folder, manifest)
    except OSError as error:
        raise HarnessError(f"--out {folder.path}: cannot be written: {error.strerror}") from error


def _weather(definition: ScenarioDefinition, arm: Arm) -> str:
    """In words."""
    driven = definition.clear_twin() if arm.clear_twin else definition
    droplets = "" if arm.droplet_radius_um is None else f", droplets of {arm.droplet_radius_um:g} um"
    return (driven.title or driven.name) + droplets


def _weights_of_their_own(arms: Sequence[Arm]) -> dict[str, str]:
    """And of those that they are the control of."""
    from fusion import weights

    told: dict[str, str] = {}
    for arm in arms:
        if arm.weights:
            told[f"{arm.name}_sha256"] = weights.checksum(weights.locate(arm.weights))
            told[f"{arm.name}_controls_sha256"] = weights.shipped_checksum(CONTROLLED)
    return told


def _droplets(definition: ScenarioDefinition, arms: Sequence[Arm]) -> dict[str, dict[str, float]]:
    """Of FusionProxy's arms in fog: what the fog is made of, and how fast infrared fades in it beside light."""
    from sensors.thermal.atmosphere import fog_ratio

    if definition.fog is None:
        return {}
    radii_um = {
        arm.name: arm.droplet_radius_um or definition.fog.droplet_radius_um
        for arm in arms
        if arm.fused and arm.name not in COMPARED_ARMS
    }
    return {name: {"radius_um": r, "lwir_over_visible": fog_ratio(r)} for name, r in radii_um.items()}


def versions_of(config: RunConfig) -> dict[str, str]:
    own = {"agent_python": config.agent_python} if config.agent_python else {}
    return {"nightloop": version_of("nightloop")} | library_versions() | own
