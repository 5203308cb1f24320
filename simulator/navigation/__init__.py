"""The navigation mesh of a town: where the walkers of CARLA's own AI, which runs in the client, may go."""

from simulator.navigation.store import Navigation, NavigationFile

__all__ = ["Navigation", "NavigationFile"]
