"""How CARLA's planner, and with it the leaderboard, sees a way between two key points, in little.

The ends of lanes are nodes, rounded to whole metres; lanes are edges, as long as they are; each key point stands for
the lane nearest to it, at whose beginning the search starts and stops.
"""

from itertools import pairwise

import carla
import networkx as nx
import numpy as np


class LaneSearch:
    def __init__(self, carla_map):
        self.carla_map = carla_map
        self.graph = nx.DiGraph()
        self.lanes = {}
        for entry, follower in carla_map.get_topology():
            ends = tuple((round(w.transform.location.x), round(w.transform.location.y)) for w in (entry, follower))
            points = np.array([*_points(entry), _xy(follower)])
            along_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
            self.lanes[_key(entry)] = ends, points, along_m
            self.graph.add_edge(*ends, length_m=along_m[-1])

    def length_m(self, keypoints):
        """The length of the way through all key points, as an agent of the leaderboard would be told it."""
        return sum(self._between(*pair) for pair in pairwise([carla.Location(*point) for point in keypoints]))

    def _between(self, start, end):
        (start_ends, before_m), (end_ends, until_m) = self._place(start), self._place(end)
        return nx.dijkstra_path_length(self.graph, start_ends[0], end_ends[0], "length_m") - before_m + until_m

    def _place(self, location):
        """(ends of the lane nearest to a point, how far along it the point lies, m)."""
        here = self.carla_map.get_waypoint(location)
        ends, points, along_m = self.lanes[_key(here)]
        return ends, along_m[np.argmin(np.hypot(*(points - _xy(here)).T))]


def _points(entry):
    here = entry
    while _key(here) == _key(entry):
        yield _xy(here)
        onward = here.next(1.0)
        if not onward:
            return
        here = onward[0]


def _xy(waypoint):
    return waypoint.transform.location.x, waypoint.transform.location.y


def _key(waypoint):
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id
