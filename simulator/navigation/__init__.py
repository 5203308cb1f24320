"""The navigation mesh of a town: where the walkers of CARLA's own AI, which runs in the client, may go."""

from simulator.navigation.file import NavigationFile, navigation_file

__all__ = ["NavigationFile", "navigation_file"]
