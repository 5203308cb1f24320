"""The closed loop: paired runs of one unmodified agent on RGB and on fused frames."""

import os

from harness.namespaces import join_packages

# torch's threads spin while they wait for each other unless told not to before it loads: the simulator, the agent and
# other episodes need those cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# CARLA's own PythonAPI has a package `agents` too: ours must be found whichever stands first on the path.
join_packages()
