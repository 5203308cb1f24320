"""Walkers in poses of their own: their bodies are where their joints are."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.models import model_of
from simulator.models.poses import posed_name
from simulator.models.skeleton import walker_bones


def joints(number: int) -> dict[str, np.ndarray]:
    return {bone.name: bone.place.copy() for bone in walker_bones(number, 0.0)}


@pytest.mark.parametrize("number", [2, 5, 9, 30])
def test_a_walker_in_the_pose_of_its_stride_fills_the_same_space(number: int) -> None:
    name = f"walker.pedestrian.{number:04d}"
    (posed,) = model_of(posed_name(name, joints(number))).frames
    stride = model_of(name).frames[0]
    for edge in (np.min, np.max):
        assert edge(posed.vertices, axis=0) == pytest.approx(edge(stride.vertices, axis=0), abs=0.06)
    assert set(posed.materials.tolist()) <= set(stride.materials.tolist())


def test_a_raised_hand_is_seen_where_it_is() -> None:
    name, at = "walker.pedestrian.0002", joints(2)
    at["crl_foreArm__R"] = at["crl_arm__R"] + [0.0, 0.05, 0.30]
    at["crl_hand__R"] = at["crl_arm__R"] + [0.0, 0.10, 0.62]
    (posed,) = model_of(posed_name(name, at)).frames
    place = at["crl_hand__R"] - [0.0, 0.0, 0.93]
    assert np.linalg.norm(posed.vertices - place, axis=1).min() < 0.1
    assert posed.vertices[:, 2].max() > model_of(name).frames[0].vertices[:, 2].max() + 0.1
