"""YAML whose numbers are those of YAML 1.2: PyYAML's own loader takes `3e-2` for a text, for want of a point."""

from __future__ import annotations

import re

import yaml


class NumberLoader(yaml.SafeLoader):
    """As `yaml.SafeLoader`, but for that: who refuses texts where a number belongs must not refuse this one."""


NumberLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)
