"""What clients draw into pictures, and what they hide from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.render.camera import CameraModel
from simulator.render.materials import Material
from simulator.render.renderer import Renderer
from simulator.types import BoundingBox, Color, Rotation, Vector3D
from simulator.world import debug_shapes
from simulator.world.view import SceneView, Stroke
from tests.simulator.render import scene

SIZE, FOV_DEG = (160, 120), 90.0
POSE = (0.0, 0.0, 1.5, 0.0, 0.0, 0.0)
PINK = Color(255, 0, 255)
BOX, WALL = 7, 8


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    """A wall 20 m ahead and a box on the left before it, 10 m away."""
    town = scene.plain(
        ((20.0, 0.0, 0.0), (0.5, 30.0, 30.0), Material.BRICK, WALL),
        ((10.0, -4.0, 1.5), (0.5, 1.0, 1.0), Material.METAL, BOX),
    )
    made = Renderer(town, threads=2, model_of=scene.model_of)
    yield made
    made.close()


def _image(renderer: Renderer, kind: str, view: SceneView) -> NDArray[np.uint8]:
    renderer.restart()
    return renderer.image(1, CameraModel(*SIZE, FOV_DEG, kind), POSE, view)


def _changed(renderer: Renderer, *strokes: Stroke) -> NDArray[np.bool_]:
    """(H, W) which pixels of the RGB picture the strokes change."""
    view = scene.view(lamps=0)
    plain = _image(renderer, "rgb", view)
    drawn = _image(renderer, "rgb", replace(view, strokes=strokes))
    return (plain != drawn).any(axis=2)


def test_a_line_is_where_it_projects_to_and_nowhere_else(renderer: Renderer) -> None:
    line = debug_shapes.line(Vector3D(10.0, -5.0, 3.5), Vector3D(10.0, 5.0, 3.5), 0.2, PINK)
    rows, columns = np.nonzero(_changed(renderer, *line))
    # 80 px focal length, 10 m away: 8 px per m; 2 m above the lens is 16 px above the middle
    assert columns.min() == pytest.approx(80 - 40, abs=2)
    assert columns.max() == pytest.approx(80 + 40, abs=2)
    assert rows.mean() == pytest.approx(60 - 16 - 0.5, abs=0.5)
    assert np.ptp(rows) <= 3


def test_a_line_has_its_own_colour_by_day_and_by_night(renderer: Renderer) -> None:
    point = debug_shapes.point(Vector3D(10.0, 2.0, 1.5), 1.0, PINK)
    for weather in (scene.DAY, scene.NIGHT):
        picture = _image(renderer, "rgb", scene.view(lamps=0, weather=weather))
        drawn = _image(renderer, "rgb", replace(scene.view(lamps=0, weather=weather), strokes=tuple(point)))
        assert drawn[60, 96].tolist() == [255, 0, 255, 255]
        assert picture[60, 96].tolist() != [255, 0, 255, 255]


def test_what_stands_before_a_line_hides_it(renderer: Renderer) -> None:
    behind = debug_shapes.line(Vector3D(15.0, -12.0, 1.5), Vector3D(15.0, 6.0, 1.5), 0.3, PINK)
    changed = _changed(renderer, *behind)
    columns = np.nonzero(changed)[1]
    box = (80 + 80 * -5.0 / 9.5, 80 + 80 * -3.0 / 9.5)
    assert not ((columns > box[0] + 1) & (columns < box[1] - 1)).any()
    assert (columns < box[0] + 1).any()
    assert (columns > box[1] + 1).any()
    within_the_wall = debug_shapes.line(Vector3D(25.0, -6.0, 1.5), Vector3D(25.0, 6.0, 1.5), 0.3, PINK)
    assert not _changed(renderer, *within_the_wall).any()


def test_a_line_that_passes_the_camera_is_cut_not_mirrored(renderer: Renderer) -> None:
    line = debug_shapes.line(Vector3D(-30.0, 1.0, 0.5), Vector3D(18.0, 1.0, 0.5), 0.1, PINK)
    rows, columns = np.nonzero(_changed(renderer, *line))
    assert len(rows)
    assert rows.min() > 60
    assert columns.min() > 80
    assert not _changed(renderer, *debug_shapes.line(Vector3D(-30, 0, 0), Vector3D(-2, 0, 0), 0.1, PINK)).any()


def test_boxes_and_arrows_have_all_their_lines(renderer: Renderer) -> None:
    around = BoundingBox(Vector3D(10.0, 2.0, 1.5), Vector3D(1.0, 1.0, 1.0))
    edges = debug_shapes.box(around, Rotation(yaw=30.0), 0.05, PINK)
    assert len(edges) == 12
    lengths = [np.linalg.norm(np.subtract(e.end, e.begin)) for e in edges]
    assert lengths == pytest.approx([2.0] * 12)
    arrow = debug_shapes.arrow(Vector3D(10.0, 0.0, 1.5), Vector3D(10.0, 4.0, 1.5), 0.05, 0.5, PINK)
    changed = _changed(renderer, *arrow)
    assert changed[:, 80 + 29].sum() > changed[:, 80 + 10].sum()


@pytest.mark.parametrize("kind", ["depth", "semantic_segmentation", "instance_segmentation"])
def test_lines_are_not_in_other_cameras(renderer: Renderer, kind: str) -> None:
    view = scene.view(lamps=0)
    line = debug_shapes.line(Vector3D(10.0, -5.0, 1.5), Vector3D(10.0, 5.0, 1.5), 0.5, PINK)
    assert np.array_equal(_image(renderer, kind, view), _image(renderer, kind, replace(view, strokes=tuple(line))))


def test_a_hidden_object_uncovers_what_is_behind_and_comes_back(renderer: Renderer) -> None:
    view = scene.view(lamps=0)
    box_at = (60, int(80 - 80 * 4.0 / 9.5))
    before = {kind: _image(renderer, kind, view) for kind in ("rgb", "depth", "instance_segmentation")}
    hidden = _image(renderer, "instance_segmentation", replace(view, hidden=(BOX,)))
    assert before["instance_segmentation"][box_at][1] == BOX
    assert hidden[box_at][1] == WALL
    depth = _image(renderer, "depth", replace(view, hidden=(BOX,))).astype(float)
    metres = (depth[..., 2] + 256 * depth[..., 1] + 65536 * depth[..., 0]) / (2**24 - 1) * 1000.0
    assert metres[box_at] == pytest.approx(19.5, abs=0.01)
    for kind, picture in before.items():
        assert np.array_equal(_image(renderer, kind, view), picture)
