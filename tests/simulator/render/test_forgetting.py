"""A renderer that has lived long holds no more than one that has just begun."""

from __future__ import annotations

import tracemalloc

import pytest

from simulator.render.camera import CameraModel
from simulator.render.renderer import Renderer
from tests.simulator.render import scene

EYE = (0.0, 0.0, 1.6, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("kind", ["rgb", "dvs", "optical_flow"])
def test_cameras_that_are_gone_leave_nothing_behind(kind: str) -> None:
    renderer = Renderer(scene.street(), threads=1, seed=0, model_of=scene.model_of)

    def live_and_die(sensor_id: int) -> int:
        """Bytes that are held afterwards."""
        camera = CameraModel(400 + 4 * sensor_id, 300, 90.0, kind)
        draw = {"dvs": renderer.events, "optical_flow": renderer.flow}.get(kind, renderer.image)
        for frame in (2 * sensor_id, 2 * sensor_id + 1):
            draw(sensor_id, camera, EYE, scene.view(frame=frame))
        renderer.forget(sensor_id)
        return tracemalloc.get_traced_memory()[0]

    live_and_die(0)
    tracemalloc.start()
    try:
        held = [live_and_die(sensor_id) for sensor_id in range(1, 12)]
    finally:
        tracemalloc.stop()
        renderer.close()
    assert held[-1] - held[0] < 2e6  # the planes of one of these sizes alone take 3 MB
