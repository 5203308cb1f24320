"""Agents that drive: the leaderboard's interface, its loaders, and the agents that come with nightloop.

CARLA's own PythonAPI has a package of this name (`agents.navigation`); both are found when both are on the path.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
