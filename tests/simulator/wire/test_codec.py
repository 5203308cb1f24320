from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import types as t
from simulator.wire.codec import CodecError, decode, encode

RECORDS: list[Any] = [
    t.Transform,
    t.BoundingBox,
    t.ActorDefinition,
    t.ActorRecord,
    t.VehicleControl,
    t.VehicleAckermannControl,
    t.WalkerControl,
    t.VehiclePhysicsControl,
    t.WeatherParameters,
    t.EpisodeSettings,
    t.MapInfo,
    t.LightState,
    t.EnvironmentObject,
    t.VehicleTelemetryData,
    tuple[int, str],
]

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False, width=32))
st.register_type_strategy(int, st.integers(0, 255))


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: getattr(r, "__name__", str(r)))
def test_every_record_survives_the_wire(record: Any) -> None:
    @settings(max_examples=15, deadline=None)
    @given(st.from_type(record))
    def round_trip(value: Any) -> None:
        packed = msgpack.packb(encode(value, record))
        assert decode(msgpack.unpackb(packed), record) == value

    round_trip()


def test_settings_travel_in_the_order_and_shape_that_the_client_reads() -> None:
    settings_ = t.EpisodeSettings(synchronous_mode=True, fixed_delta_seconds=0.05)
    assert encode(settings_, t.EpisodeSettings) == [
        True, False, [True, 0.05], True, 0.01, 10, 0.0, False, 3000.0, 2000.0, True,
    ]  # fmt: skip
    assert encode(t.EpisodeSettings(), t.EpisodeSettings)[2] == [False]


def test_numbers_become_what_the_strict_client_accepts() -> None:
    computed: dict[str, Any] = {"throttle": np.float32(0.5), "hand_brake": np.bool_(True), "gear": np.int64(2)}
    control = encode(t.VehicleControl(**computed), t.VehicleControl)
    assert [type(field) for field in control] == [float, float, float, bool, bool, bool, int]
    assert type(encode(t.EpisodeSettings(max_culling_distance=3), t.EpisodeSettings)[6]) is float


def test_enumerations_travel_as_integers() -> None:
    assert encode(t.CityObjectLabel.CAR, t.CityObjectLabel) == 14
    assert decode(14, t.CityObjectLabel) is t.CityObjectLabel.CAR
    assert decode(3, t.VehicleLightState) == t.VehicleLightState.POSITION | t.VehicleLightState.LOW_BEAM


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ([0.0, 0.0, 0.0, 0, False, False, 0], t.VehicleControl, "hand_brake: expected true or false, got 0"),
        ([0.0, 0.0, 0.0, False, False, False, 1.0], t.VehicleControl, "gear: expected an integer, got 1.0"),
        (
            [float("nan"), 0.0, 0.0, False, False, False, 1],
            t.VehicleControl,
            "throttle: expected a finite number, got nan",
        ),
        ([[0.0, 0.0], [0.0, 0.0, 0.0]], t.Transform, "location: expected an array of 3, got [0.0, 0.0]"),
        ([[[0, 0, 0], [0, "x", 0]]], tuple[t.Transform, ...], "[0].rotation.yaw: expected a number, got 'x'"),
        (99, t.TrafficLightState, "expected a TrafficLightState, got 99"),
        ([True], float | None, "expected [false] or [true, value], got [True]"),
        (b"x", str, "expected a text, got b'x'"),
        ("x", bytes, "expected bytes, got 'x'"),
        (True, int, "expected an integer, got True"),
        (
            [0.0, 0.0, 0.0, False, False, True, 3_000_000_000],
            t.VehicleControl,
            "gear: expected an integer from -2147483648 to 2147483647, got 3000000000",
        ),
        ([0, 256, 0], t.Color, "g: expected an integer from 0 to 255, got 256"),
        (2**32, int, "expected an integer from -2147483648 to 4294967295, got 4294967296"),
        (2**40, t.VehicleLightState, "expected an integer from 0 to 4294967295, got 1099511627776"),
        (-1, t.VehicleLightState, "expected an integer from 0 to 4294967295, got -1"),
        (1e39, float, "expected a number of 32 bits, got 1e+39"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(value: object, annotation: object, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(value, annotation)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "ends"), [(t.U8, (0, 255)), (t.I32, (-(2**31), 2**31 - 1)), (t.U64, (0, 2**64 - 1))]
)
def test_the_ends_of_a_width_are_within_it(annotation: object, ends: tuple[int, int]) -> None:
    assert tuple(decode(end, annotation) for end in ends) == ends


def test_a_wrong_value_is_not_sent() -> None:
    with pytest.raises(CodecError, match="gear: expected an integer"):
        encode(t.VehicleControl(gear=1.5), t.VehicleControl)  # type: ignore[arg-type]
