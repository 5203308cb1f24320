"""From a layout to a network of roads: streets, crossings and signals, as OpenDRIVE knows them."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.towns.crossings import Crossing, crossing_of
from simulator.towns.layout import Layout
from simulator.towns.road import Road, street_id
from simulator.towns.signals import Signal, junction_signals, speed_limits
from simulator.towns.streets import street_road


@dataclass(frozen=True)
class Network:
    roads: dict[int, Road]
    crossings: tuple[Crossing, ...]
    signals: tuple[Signal, ...]

    @property
    def streets(self) -> tuple[Road, ...]:
        return tuple(road for road in self.roads.values() if road.junction == -1)


def build_network(layout: Layout) -> Network:
    roads = {street_id(street.index): street_road(street, layout) for street in layout.streets}
    crossings, signals = [], []
    for junction in layout.junctions:
        crossing, connecting = crossing_of(junction, roads, first_id=100 + 20 * junction.index)
        crossings.append(crossing)
        roads.update({road.id: road for road in connecting})
        signals.extend(junction_signals(crossing, roads))
    signals.extend(speed_limits([roads[street_id(street.index)] for street in layout.streets]))
    return Network(roads, tuple(crossings), tuple(signals))
