"""Rays and spheres sent through the true triangles of a town and its actors: lidar, radar, obstacle detection."""

from __future__ import annotations

from pathlib import Path

from simulator.stale import drop_stale_kernels

drop_stale_kernels(Path(__file__).parent)
