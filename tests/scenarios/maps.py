"""Maps for tests: the real Elm02, and a straight street small enough to do sums on."""

from functools import lru_cache

import carla

from simulator.towns import build_town

# Two lanes each way along +x (CARLA: lane -1 at y = 1.75, lane -2 at y = 5.25), a sidewalk outside.
_LANE = """<lane id="{id}" type="{type}" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/>
<roadMark sOffset="0" type="{mark}" weight="standard" color="standard" width="0.12" laneChange="{change}"/></lane>"""


def _lane(lane_id: int, kind: str, change: str) -> str:
    return _LANE.format(id=lane_id, type=kind, mark="broken" if change != "none" else "solid", change=change)


STREET = f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="street"/>
<road name="" length="400" id="1" junction="-1"><type s="0" type="town"/>
<planView><geometry s="0" x="0" y="0" hdg="0" length="400"><line/></geometry></planView>
<elevationProfile/><lateralProfile/><lanes><laneSection s="0">
<left>{_lane(3, "sidewalk", "none")}{_lane(2, "driving", "none")}{_lane(1, "driving", "both")}</left>
<center><lane id="0" type="none" level="false"/></center>
<right>{_lane(-1, "driving", "both")}{_lane(-2, "driving", "none")}{_lane(-3, "sidewalk", "none")}</right>
</laneSection></lanes></road></OpenDRIVE>"""


@lru_cache
def street() -> carla.Map:
    return carla.Map("street", STREET)


@lru_cache
def street_in_a_junction() -> carla.Map:
    """The same street as a road of a junction."""
    junction = '<junction id="5" name="junction"></junction></OpenDRIVE>'
    return carla.Map("junction", STREET.replace('junction="-1"', 'junction="5"').replace("</OpenDRIVE>", junction))


@lru_cache
def elm02() -> carla.Map:
    return carla.Map("Elm02", build_town("Elm02").opendrive)
