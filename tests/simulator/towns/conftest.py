from __future__ import annotations

import carla
import pytest

from simulator.towns import Town, build_town


@pytest.fixture(scope="session", params=["Elm01", "Elm02"])
def town(request: pytest.FixtureRequest) -> Town:
    return build_town(request.param)


@pytest.fixture(scope="session")
def carla_map(town: Town) -> carla.Map:
    return carla.Map(town.name, town.opendrive)
