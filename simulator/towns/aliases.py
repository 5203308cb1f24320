"""CARLA's own towns and which of ours is the most like each: for routes and scripts that name the former."""

from __future__ import annotations

CARLA_TOWNS: dict[str, str] = {
    "Town01": "Elm01",  # a small town with T junctions
    "Town02": "Elm02",  # a smaller one
    "Town03": "Ring01",  # a larger town with a roundabout
    "Town04": "Mere01",  # a highway loop
    "Town05": "Elm02",  # a grid with cross junctions
    "Town06": "Mere01",  # long highways with ramps
    "Town07": "Fell01",  # rural, narrow roads
    "Town10HD": "Elm01",  # inner city
    "Town12": "Ring01",  # large: rural, residential, city
    "Town13": "Fell01",
    "Town15": "Ring01",
}
