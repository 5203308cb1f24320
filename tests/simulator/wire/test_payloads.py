from __future__ import annotations

import struct

import msgpack
import numpy as np
import pytest

from simulator.types import ActorDescription, ActorRecord, BoundingBox, Rotation, Transform, Vector3D
from simulator.wire import payloads
from simulator.wire.snapshot import SNAPSHOT_DTYPE, snapshot_payload


def test_the_header_holds_kind_frame_time_and_pose() -> None:
    pose = Transform(Vector3D(1, 2, 3), Rotation(4, 5, 6))
    head = payloads.header(payloads.SensorKind.RGB, 77, 3.85, pose)
    assert struct.unpack("<QQd6f", head) == (13, 77, 3.85, 1, 2, 3, 4, 5, 6)


def test_an_image_carries_its_size_and_its_own_pixels() -> None:
    bgra = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    size, pixels = payloads.image(bgra, 90.0)
    assert struct.unpack("<IIf", size) == (3, 2, 90.0)
    assert bytes(pixels) == bgra.tobytes()
    assert np.shares_memory(np.frombuffer(pixels, np.uint8), bgra)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3, 4), np.float32), np.zeros(4, np.uint8)]
)
def test_what_the_client_would_misread_is_not_sent(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be"):
        payloads.image(wrong, 90.0)


def test_readings_that_are_no_numbers_are_not_sent() -> None:
    with pytest.raises(ValueError, match="finite"):
        payloads.gnss(float("nan"), 0.0, 0.0)
    with pytest.raises(ValueError, match="finite"):
        payloads.imu((0.0, 0.0, float("inf")), (0.0, 0.0, 0.0), 0.0)


def test_a_collision_names_both_actors_whole() -> None:
    record = ActorRecord(3, 0, ActorDescription(1, "vehicle.a"), BoundingBox(actor_id=3), b"\x0e")
    own, other, impulse = msgpack.unpackb(payloads.collision(record, record, Vector3D(1.0, 2.0, 3.0)))
    assert own == other == [3, 0, [1, "vehicle.a", []], [[0, 0, 0], [0, 0, 0], [0, 0, 0], 3], b"\x0e", b""]
    assert impulse == [1.0, 2.0, 3.0]


def test_snapshot_rows_lie_where_the_client_reads_them() -> None:
    rows = np.zeros(2, SNAPSHOT_DTYPE)
    rows["id"] = 5, 6
    rows["state"] = 1
    rows["transform"][0] = 1, 2, 3, 4, 5, 6
    rows["vehicle.gear"][0], rows["vehicle.speed_limit"][0], rows["vehicle.traffic_light_id"][0] = 3, 50.0, 99
    rows["sign_id"][1], rows["light.state"][1] = b"signal7", 2
    head, body = snapshot_payload(rows, 4, 1.5, 0.05, flags=2)
    assert struct.unpack("<QdfiiiI", head) == (4, 1.5, np.float32(0.05), 0, 0, 0, 2)
    vehicle, light = bytes(body)[:119], bytes(body)[119:]
    assert struct.unpack_from("<IB6f", vehicle) == (5, 1, 1, 2, 3, 4, 5, 6)
    assert struct.unpack_from("<if", vehicle, 80) == (3, 50.0)
    assert struct.unpack_from("<I", vehicle, 90) == (99,)
    assert light[65:97] == b"signal7".ljust(32, b"\0")
    assert light[118] == 2
    assert len(light) == 119


def test_rows_of_another_size_are_not_sent() -> None:
    with pytest.raises(ValueError, match="119 bytes"):
        snapshot_payload(np.zeros(1, np.dtype([("id", "<u4")])), 1, 0.0, 0.05)
