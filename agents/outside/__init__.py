"""Agents in a Python of their own: `process` is our side, `host` theirs, `messages` what passes between them.

All but `process` run in the agent's Python, where nightloop is not installed: in the syntax of Python 3.7, with its
standard library and numpy alone. They are read there under the name `nightloop_agents` (see `__main__`).
"""
