"""The drives of a run, read from what lies on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from results.layout import RunFolder
from results.manifest import Manifest, read_manifest
from results.record import EpisodeRecord, RecordError, read_episode


def read_run(folder: RunFolder) -> tuple[Manifest, tuple[EpisodeRecord, ...]]:
    """The manifest and all finished episodes in the order of arms, routes and seeds of the manifest."""
    manifest = read_manifest(folder)
    routes = [route.id for route in manifest.routes]
    expected = [(arm, route, seed) for arm in manifest.arms for route in routes for seed in manifest.seeds]
    found: dict[tuple[str, str, int], EpisodeRecord] = {}
    for episode in folder.finished_episodes():
        record = read_episode(episode)
        if record.config_hash not in (manifest.config_hash, *manifest.extended):
            raise RecordError(f"{episode.path}: driven with another configuration than that of {folder.run}")
        found[record.arm, record.route_id, record.seed] = record
    strangers = sorted(found.keys() - set(expected))
    if strangers:
        arm, route, seed = strangers[0]
        raise RecordError(f"{folder.path}: route {route}, arm {arm}, seed {seed} is not part of the run in run.json")
    records = tuple(found[key] for key in expected if key in found)
    return _as_driven(manifest, records), records


def _as_driven(manifest: Manifest, records: Sequence[EpisodeRecord]) -> Manifest:
    """With the agent's track and the server's version as the drives found them: run.json was written before."""
    if not records:
        return manifest
    tracks, versions = ({getattr(r, name) for r in records} for name in ("track", "server_version"))
    server = {**manifest.server, "version": ", ".join(sorted(versions))}
    return replace(manifest, track=", ".join(sorted(tracks)), server=server)


def of_arm(records: Sequence[EpisodeRecord], arm: str) -> list[EpisodeRecord]:
    return [record for record in records if record.arm == arm]


def driving_scores(
    records: Sequence[EpisodeRecord], arm: str, version: str, without_crashed: bool = False
) -> dict[tuple[str, int], float]:
    """By (route, seed), of the drives that are there. Those that crashed are zero, or left out."""
    return {
        (record.route_id, record.seed): record.score(version).driving_score
        for record in of_arm(records, arm)
        if not (without_crashed and record.is_crash)
    }
