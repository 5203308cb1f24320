"""The closed loop: paired runs of one unmodified agent on RGB and on fused frames."""

from harness.namespaces import join_packages

# CARLA's own PythonAPI has a package `agents` too: ours must be found whichever stands first on the path.
join_packages()
