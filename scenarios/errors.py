class ScenarioError(Exception):
    """A scenario, a route file or the world does not fit; the message is one line for the user."""
