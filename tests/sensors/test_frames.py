"""What the client reads out of the bytes of CARLA's images and of the actors around."""

import numpy as np

from sensors.frames import decode, tags_and_panes
from sensors.thermal.association import MARGIN_M, associate, box_frames
from sensors.thermal.heat import ActorState, HeatState

RNG = np.random.default_rng(5)


def test_every_byte_of_labels_and_depth_is_read_by_carlas_code():
    labels, depth = (RNG.integers(0, 256, (37, 53, 4), dtype=np.uint8) for _ in range(2))
    depth[0, 0], depth[0, 1] = 255, 0
    for cut in (slice(None), slice(1, None, 2)):  # also of a part of a picture
        tags, ids, metres = decode(labels[:, cut], depth[:, cut])
        blue, green, red, _ = labels[:, cut].astype(np.int64).transpose(2, 0, 1)
        assert np.array_equal(tags, red)
        assert np.array_equal(ids, green + 256 * blue)
        blue, green, red, _ = depth[:, cut].astype(np.int64).transpose(2, 0, 1)
        code = red + 256 * green + 65536 * blue
        assert np.array_equal(metres, (code * (1000.0 / 16777215.0)).astype(np.float32))
        assert (tags.dtype, ids.dtype, metres.dtype) == (np.uint8, np.uint16, np.float32)


def test_the_kind_of_pane_is_in_the_bits_that_no_tag_needs():
    tags, panes = tags_and_panes(np.array([[3, 3 + 64, 3 + 128, 14 + 192]], np.uint8))
    assert tags.tolist() == [[3, 3, 3, 14]]
    assert panes.tolist() == [[0, 1, 2, 3]]
    assert tags.dtype == panes.dtype == np.uint8


def actors_at_random(count):
    actors = []
    for number in range(count):
        pose = np.eye(4, dtype=np.float32)
        pose[:3, :3] = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
        pose[:3, 3] = RNG.normal(size=3) * 100.0
        centre, extent = (tuple(np.abs(RNG.normal(size=3)).tolist()) for _ in range(2))
        actors.append(ActorState(number, "vehicle.x", pose, centre, extent, HeatState()))
    return tuple(actors)


def test_an_actors_box_does_not_depend_on_who_else_is_there():
    actors = actors_at_random(40)
    frames, extents = box_frames(actors)
    for k, actor in enumerate(actors):
        alone = box_frames((actor,))
        assert np.array_equal(frames[k], alone[0][0])
        assert np.array_equal(extents[k], alone[1][0])
        corner = actor.pose.astype(np.float64) @ [*np.add(actor.centre, actor.extent), 1.0]
        assert np.allclose(frames[k, :, :3] @ corner[:3] + frames[k, :, 3], actor.extent, atol=1e-3)
    assert box_frames(())[0].shape == (0, 3, 4)
    assert box_frames(())[1].shape == (0, 3)


def test_an_instance_belongs_to_the_box_that_most_of_its_pixels_lie_in():
    """Three boxes ahead, side by side; ids that say nothing, one of them on a thing that stands nowhere."""
    height, width, focal_px = 40, 120, np.float32(60.0)
    places_m = (-6.0, 0.0, 6.0)
    actors = []
    for number, y in enumerate(places_m):
        pose = np.eye(4, dtype=np.float32)
        pose[:3, 3] = 12.0, y, 0.0
        actors.append(ActorState(number, "vehicle.x", pose, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), HeatState()))
    tags = np.zeros((height, width), np.uint8)
    ids, depth_m = np.zeros(tags.shape, np.uint16), np.full(tags.shape, 12.0, np.float32)
    for instance, y in zip((700, 65535, 3), places_m):
        middle = round(width / 2 + float(focal_px) * y / 12.0)
        tags[18:22, middle - 3 : middle + 3], ids[18:22, middle - 3 : middle + 3] = 14, instance
    tags[0, :9], ids[0, :9], depth_m[0, :9] = 12, 9, 300.0
    frames, extents = box_frames(actors)
    camera = np.eye(4, dtype=np.float32)[:3]
    owner = associate(tags, ids, depth_m, camera, focal_px, frames, extents)
    assert [int(owner[i]) for i in (700, 65535, 3, 9, 0)] == [0, 1, 2, -1, -1]
    assert (owner >= 0).sum() == 3
    near = associate(tags, ids, depth_m + np.float32(1.0 + 0.5 * MARGIN_M), camera, focal_px, frames, extents)
    assert near[65535] == 1, "the margin around a box"
    nobody = associate(tags, ids, depth_m, camera, focal_px, *box_frames(()))
    assert (nobody == -1).all()


def test_a_rider_is_told_from_its_bicycle_and_a_windscreen_belongs_to_its_car():
    height, width, focal_px = 40, 120, np.float32(60.0)

    def box(extent):
        pose = np.eye(4, dtype=np.float32)
        pose[:3, 3] = 12.0, 4.0, 3.0  # up to the right
        return ActorState(0, "vehicle.x", pose, (0.0, 0.0, 0.0), extent, HeatState())

    def owner(actors, share_behind=0.0):
        """Of 40 pixels that the boxes cover, some show the range of what is behind."""
        tags, ids = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint16)
        tags[3:7, 75:85], ids[3:7, 75:85] = 19, 5
        depth_m = np.full((height, width), 12.0, np.float32)
        depth_m[3:7, 75 : 75 + round(10 * share_behind)] = 300.0
        camera = np.eye(4, dtype=np.float32)[:3]
        return int(associate(tags, ids, depth_m, camera, focal_px, *box_frames(actors))[5])

    bicycle, rider, wheel = box((1.2, 1.2, 1.2)), box((1.0, 1.0, 0.9)), box((0.3, 0.3, 0.3))
    assert owner((rider, bicycle)) == 0
    assert owner((bicycle, rider)) == 1
    assert owner((wheel, bicycle)) == 1  # the smaller one only where it holds as many of the pixels
    assert [owner((bicycle,), share) for share in (0.6, 0.7, 0.8)] == [0, 0, -1]
