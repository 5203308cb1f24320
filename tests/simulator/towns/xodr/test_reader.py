from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.towns.designs import compose_fell, compose_mere, compose_ring
from simulator.towns.xodr.reader import parse_opendrive
from simulator.towns.xodr.records import Cubic, Geometry, OpenDriveError
from simulator.towns.xodr.writer import write_opendrive
from tests.simulator.towns.xodr.places import a_map, bridge_map, every_geometry, straight, town_road

NUMBERS = st.floats(-1e4, 1e4, allow_nan=False).map(lambda v: v + 0.0)


@pytest.mark.parametrize("made", [bridge_map(), a_map(every_geometry()), a_map(town_road())])
def test_what_is_written_reads_back_the_same(made: object) -> None:
    assert parse_opendrive(write_opendrive(made)) == made  # type: ignore[arg-type]


@pytest.mark.parametrize("compose", [compose_fell, compose_mere, compose_ring])
def test_composed_towns_read_back_the_same(compose: object) -> None:
    made = compose("Town", 7)  # type: ignore[operator]
    assert parse_opendrive(write_opendrive(made)) == made


@settings(max_examples=40, deadline=None)
@given(st.lists(NUMBERS, min_size=8, max_size=8), st.lists(NUMBERS, min_size=4, max_size=4), st.floats(0.1, 1e4))
def test_any_numbers_read_back_to_the_last_bit(shape: list[float], abcd: list[float], length: float) -> None:
    geometry = (Geometry(0.0, shape[0], shape[1], shape[2], length, "paramPoly3", tuple(shape), False),)
    road = straight(length, geometry=geometry, elevation=(Cubic(0.0, *abcd),))
    assert parse_opendrive(write_opendrive(a_map(road))).roads[1] == road


GOOD = write_opendrive(a_map(straight(50.0)))
BROKEN = {
    "": "the OpenDRIVE text is empty",
    "hello": "not well-formed XML",
    "<html/>": "the root element is <html>",
    "<OpenDRIVE/>": "there is no <road>",
    re.sub(r"<geometry.*?</geometry>", "", GOOD, flags=re.S): "road 1: its <planView> has no geometry",
    GOOD.replace('length="50.0" id', 'length="70.0" id'): "road 1: its geometry ends at s = 50.00 m",
    GOOD.replace('length="50.0" id', 'length="far" id'): "<road length='far'> is not a number",
    re.sub(r"<laneSection.*</laneSection>", "", GOOD, flags=re.S): "road 1: there is no <laneSection>",
    re.sub(r"<center>.*?</center>", "", GOOD, flags=re.S): "there is no centre lane",
    GOOD.replace('lane id="-2"', 'lane id="-3"'): "leave a gap",
    re.sub(r"<width [^>]*>", "", GOOD): "it has no <width>",
    GOOD.replace('type="driving"', 'type="shoulder"'): "there is no driving lane",
    GOOD.replace("<link />", '<link><successor elementType="road" elementId="9"/></link>', 1): "road 9, does not exist",
}


@pytest.mark.parametrize(("text", "complaint"), BROKEN.items(), ids=list(BROKEN.values()))
def test_a_broken_map_is_one_clear_line(text: str, complaint: str) -> None:
    with pytest.raises(OpenDriveError) as caught:
        parse_opendrive(text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_roads_with_one_id_are_told_apart_from_one() -> None:
    text = GOOD.replace("</road>", "</road>" + GOOD[GOOD.index("<road") : GOOD.index("</road>")] + "</road>")
    with pytest.raises(OpenDriveError, match="two roads with id 1"):
        parse_opendrive(text)


def test_speeds_in_other_units_become_kilometres_per_hour() -> None:
    road = replace(straight(50.0), types=((0.0, "town", 48.0),))
    text = write_opendrive(a_map(road)).replace('max="48.0" unit="km/h"', 'max="30" unit="mph"')
    assert parse_opendrive(text).roads[1].types[0][2] == pytest.approx(48.28, abs=0.01)
