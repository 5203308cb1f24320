"""The world that every episode begins in: its town, synchronous, at one and the same time."""

from __future__ import annotations

from contextlib import ExitStack

import carla

from harness.errors import HarnessError
from harness.loop import STEP_S

BEGINS_AT_S = 0.5
"""Time of the world at which every episode begins, however long the client took to load it."""


def prepared_world(client: carla.Client, town: str, stack: ExitStack) -> carla.World:
    """The town's world, synchronous at 20 Hz as the leaderboard has it; given back asynchronous."""
    world = client.get_world()
    before, settings = world.get_settings(), world.get_settings()
    if before.synchronous_mode:  # as a client left it that was killed
        before.synchronous_mode, before.fixed_delta_seconds = False, None
    stack.callback(lambda: client.get_world().apply_settings(before))
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = STEP_S
    settings.deterministic_ragdolls = True
    settings.spectator_as_ego = False
    world.apply_settings(settings)
    # Until now it ran freely, for a number of ticks that nobody chose; a fresh episode begins at time 0.
    if world.get_map().name.split("/")[-1] == town:
        world = client.reload_world(False)
    elif any(name.split("/")[-1] == town for name in client.get_available_maps()):
        world = client.load_world(town, reset_settings=False)
    else:
        world = _generated_world(client, town)
    world.set_pedestrians_seed(0)
    # The client ticks a new world until it has heard of it: once, or more often on a machine with much to do.
    while world.get_snapshot().timestamp.elapsed_seconds < BEGINS_AT_S - STEP_S / 2.0:
        world.tick()
    return world


def _generated_world(client: carla.Client, town: str) -> carla.World:
    """Our towns on a server that does not have them: built from their OpenDRIVE text."""
    from simulator.towns import build_town

    try:
        opendrive = build_town(town).opendrive
    except ValueError as error:
        raise HarnessError(f"the server has no map {town}: {error}") from error  # nor when it is asked again
    return client.generate_opendrive_world(opendrive, carla.OpendriveGenerationParameters(), False)
