"""Small maps with what makes planning hard in CARLA's towns."""

from functools import lru_cache

import carla

_LANE = """<lane id="{id}" type="driving" level="false">{link}
<width sOffset="0" a="3.5" b="0" c="0" d="0"/>{marks}</lane>"""
_MARK = '<roadMark sOffset="{s}" type="broken" weight="standard" color="standard" width="0.12" laneChange="{change}"/>'


@lru_cache
def solid_ahead() -> carla.Map:
    """Two lanes along +x, y = 1.75 and 5.25, of 400 m; one may change between them on the first 200 m alone."""
    marks = _MARK.format(s=0, change="both") + _MARK.format(s=200, change="none")
    lanes = _lane(-1, marks=marks) + _lane(-2)
    return _map("solid ahead", _road(1, 0.0, 400.0, lanes))


@lru_cache
def short_lane() -> carla.Map:
    """One lane along +x, y = 1.75: roads of 100 m, 0.4 m and 100 m."""
    roads = [
        _road(1, 0.0, 100.0, _lane(-1, successor=-1), successor=("road", 2)),
        _road(2, 100.0, 0.4, _lane(-1, predecessor=-1, successor=-1), predecessor=("road", 1), successor=("road", 3)),
        _road(3, 100.4, 100.0, _lane(-1, predecessor=-1), predecessor=("road", 2)),
    ]
    return _map("short lane", *roads)


@lru_cache
def fork() -> carla.Map:
    """One lane along +x, y = 1.75, that parts at x = 100: straight on, and to the right on a circle of 40 m."""
    lane = _lane(-1, predecessor=-1, successor=-1)
    from_stem = {"predecessor": ("road", 1)}
    roads = [
        _road(1, 0.0, 100.0, _lane(-1), successor=("junction", 10)),
        _road(2, 100.0, 40.0, lane, **from_stem, successor=("road", 4), junction=10),
        _road(3, 100.0, 40.0, lane, **from_stem, successor=("road", 5), junction=10, curvature=-1.0 / 40.0),
        _road(4, 140.0, 100.0, _lane(-1, predecessor=-1), predecessor=("road", 2)),
        # Where an arc of one radian ends.
        _road(5, 133.659, 100.0, _lane(-1, predecessor=-1), predecessor=("road", 3), y=-18.388, heading=-1.0),
    ]
    connections = "".join(
        f'<connection id="{n}" incomingRoad="1" connectingRoad="{road}" contactPoint="start">'
        '<laneLink from="-1" to="-1"/></connection>'
        for n, road in enumerate((2, 3))
    )
    return _map("fork", *roads, f'<junction id="10" name="">{connections}</junction>')


def _map(name: str, *parts: str) -> carla.Map:
    header = '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name=""/>'
    return carla.Map(name, f"{header}{''.join(parts)}</OpenDRIVE>")


def _road(
    road_id: int,
    x: float,
    length_m: float,
    lanes: str,
    *,
    y: float = 0.0,
    heading: float = 0.0,
    curvature: float = 0.0,
    predecessor: tuple[str, int] | None = None,
    successor: tuple[str, int] | None = None,
    junction: int = -1,
) -> str:
    shape = f'<arc curvature="{curvature}"/>' if curvature else "<line/>"
    links = ""
    for name, link, end in (("predecessor", predecessor, "end"), ("successor", successor, "start")):
        if link is not None:
            point = f' contactPoint="{end}"' if link[0] == "road" else ""
            links += f'<{name} elementType="{link[0]}" elementId="{link[1]}"{point}/>'
    return f"""<road name="" length="{length_m}" id="{road_id}" junction="{junction}"><link>{links}</link>
<planView><geometry s="0" x="{x}" y="{y}" hdg="{heading}" length="{length_m}">{shape}</geometry></planView>
<elevationProfile/><lateralProfile/><lanes><laneSection s="0"><left/>
<center><lane id="0" type="none" level="false"/></center><right>{lanes}</right></laneSection></lanes></road>"""


def _lane(
    lane_id: int, *, predecessor: int = 0, successor: int = 0, marks: str = _MARK.format(s=0, change="none")
) -> str:
    links = {"predecessor": predecessor, "successor": successor}
    link = "".join(f'<{name} id="{lane}"/>' for name, lane in links.items() if lane)
    return _LANE.format(id=lane_id, link=f"<link>{link}</link>", marks=marks)
