"""Actors' shapes: right size, right place, right parts."""

import numpy as np
import pytest

from simulator.models import MODELS, model_of, palette_of
from simulator.models.cycles import CYCLES
from simulator.models.vehicles import VEHICLES
from simulator.render.lamp_table import lamp_table
from simulator.render.lamps import lamps_of
from simulator.render.materials import SURFACES, Emission, Material
from simulator.render.templates import tags_of
from simulator.types import CityObjectLabel, VehicleLightState
from simulator.world.blueprints.catalogue import semantic_tags
from simulator.world.blueprints.props import PROPS as PROP_TYPES


def centre_of(mesh, material):
    corners = mesh.vertices[mesh.triangles[mesh.materials == material]]
    assert len(corners), f"no {material.name}"
    return corners.reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize("blueprint_id", MODELS)
def test_a_model_is_well_formed_and_fills_its_box(blueprint_id):
    model = model_of(blueprint_id)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for mesh in model.frames:
        assert mesh.vertices.dtype == np.float32
        assert np.isfinite(mesh.vertices).all()
        assert mesh.triangles.min() >= 0
        assert mesh.triangles.max() < len(mesh.vertices)
        assert len(mesh.triangles) == len(mesh.materials) == len(mesh.objects) <= 1400
        low, high = np.minimum(low, mesh.vertices.min(axis=0)), np.maximum(high, mesh.vertices.max(axis=0))
    assert np.allclose(high - low, 2 * np.array(model.extent), atol=0.02)
    assert np.allclose((high + low) / 2, np.array(model.centre), atol=0.02)


@pytest.mark.parametrize("blueprint_id", [*VEHICLES, *CYCLES])
def test_a_vehicle_has_the_size_of_its_catalogue_entry_and_stands_on_its_wheels(blueprint_id):
    model, size = model_of(blueprint_id), (VEHICLES | CYCLES)[blueprint_id]
    assert np.allclose(2 * np.array(model.extent), (size.length, size.width, size.height), atol=0.02)
    mesh = model.frames[0]
    assert abs(mesh.vertices[:, 2].min()) < 0.01
    lowest = mesh.triangles[mesh.vertices[mesh.triangles][:, :, 2].min(axis=1) < 0.01]
    assert len(lowest)
    assert abs(model.centre.x) < 0.02
    assert abs(model.centre.y) < 0.02


@pytest.mark.parametrize("blueprint_id", VEHICLES)
def test_lamps_of_a_car_sit_where_drivers_look_for_them(blueprint_id):
    mesh = model_of(blueprint_id).frames[0]
    length = VEHICLES[blueprint_id].length
    assert centre_of(mesh, Material.HEADLAMP)[0] > 0.4 * length
    assert centre_of(mesh, Material.TAIL_LAMP)[0] < -0.4 * length
    assert centre_of(mesh, Material.LEFT_INDICATOR)[1] < -0.2, "left is -y"
    assert centre_of(mesh, Material.RIGHT_INDICATOR)[1] > 0.2
    assert (mesh.materials == Material.CAR_GLASS).sum() >= 6


def test_beacons_are_lit_by_special1_and_by_no_indicator():
    lamps = lamps_of(model_of("vehicle.ford.ambulance").frames[0])
    roof_m = 2.2
    indicating = lamp_table([lamps], [int(VehicleLightState.RIGHT_BLINKER)], True)
    assert len(indicating.point_kind)
    assert indicating.point_centre[:, 2].max() < roof_m
    hurrying = lamp_table([lamps], [int(VehicleLightState.SPECIAL_1)], True)
    assert set(hurrying.point_kind) == {Emission.BEACON}
    assert hurrying.point_centre[:, 2].min() > roof_m


def test_a_walker_stands_on_both_sides_of_its_origin_and_strides():
    model = model_of("walker.pedestrian.0003")
    assert len(model.frames) == 8
    assert model.extent.z == pytest.approx(0.93, abs=0.01)
    for mesh in model.frames:
        assert mesh.vertices[:, 2].min() == pytest.approx(-0.93, abs=0.01)
        assert all(SURFACES[Material(m)].tag == CityObjectLabel.PEDESTRIANS for m in np.unique(mesh.materials))
    reach = [np.ptp(mesh.vertices[mesh.triangles[mesh.materials == Material.SHOES]][..., 0]) for mesh in model.frames]
    assert max(reach) > 0.8
    assert min(reach) < 0.6
    mirrored = model.frames[6].vertices[:, 0].max() - model.frames[2].vertices[:, 0].max()
    assert abs(mirrored) < 0.01, "half a stride later the other leg leads"


def test_children_are_smaller_than_adults():
    assert model_of("walker.pedestrian.0012").extent.z < 0.75 * model_of("walker.pedestrian.0001").extent.z


def test_a_cyclist_pedals_and_is_a_rider_on_a_bicycle():
    model = model_of("vehicle.gazelle.omafiets")
    assert len(model.frames) == 8
    assert not np.array_equal(model.frames[0].vertices, model.frames[2].vertices)
    tags = {SURFACES[Material(m)].tag for m in np.unique(model.frames[0].materials)}
    assert {CityObjectLabel.RIDER, CityObjectLabel.BICYCLE} <= tags


def test_what_is_spawned_is_drawn_with_the_tags_that_its_blueprint_tells():
    for blueprint_id in [*VEHICLES, *CYCLES, *PROP_TYPES]:
        model = model_of(blueprint_id)
        drawn = set(np.concatenate([tags_of(frame, model.tag) for frame in model.frames]).tolist())
        assert drawn == set(semantic_tags(blueprint_id)), blueprint_id


@pytest.mark.parametrize(
    "blueprint_id", [name for name, size in CYCLES.items() if size.kind in ("motorcycle", "scooter")]
)
def test_a_motorcycle_is_a_motorcycle_from_fork_to_exhaust(blueprint_id):
    tags = tags_of(model_of(blueprint_id).frames[0])
    assert set(tags) == {CityObjectLabel.MOTORCYCLE, CityObjectLabel.RIDER}


def test_a_traffic_light_faces_along_y_with_red_on_top_and_its_arm_over_the_lane():
    mesh = model_of("traffic.traffic_light").frames[0]
    red, green = centre_of(mesh, Material.SIGNAL_RED), centre_of(mesh, Material.SIGNAL_GREEN)
    assert red[2] > green[2] + 0.5
    assert red[1] > centre_of(mesh, Material.POLE)[1] + 0.2
    assert mesh.vertices[:, 0].min() < -2.0
    assert {SURFACES[Material(m)].emission for m in np.unique(mesh.materials)} >= {
        Emission.SIGNAL_RED,
        Emission.SIGNAL_YELLOW,
        Emission.SIGNAL_GREEN,
    }


def test_unknown_blueprints_get_a_stand_in_of_their_kind():
    assert model_of("vehicle.acme.rocket") is model_of("vehicle.lincoln.mkz_2020")
    assert len(model_of("walker.pedestrian.0999").frames) == 8
    assert model_of("static.prop.unheardof").extent.x > 0
    with pytest.raises(KeyError, match=r"sensor\.camera\.rgb"):
        model_of("sensor.camera.rgb")


def test_palettes_obey_the_color_attribute_and_the_seed():
    white = palette_of("vehicle.tesla.model3", "255,255,255", 1)
    assert white.shape == (3, 3)
    assert white.dtype == np.float32
    assert np.allclose(white[0], 1.0)
    assert np.array_equal(palette_of("walker.pedestrian.0007", "", 4), palette_of("walker.pedestrian.0007", "", 4))
    assert len({palette_of("walker.pedestrian.0007", "", seed).tobytes() for seed in range(12)}) > 6
    with pytest.raises(ValueError, match="r,g,b"):
        palette_of("vehicle.tesla.model3", "red")
