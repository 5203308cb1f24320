"""Visibility by fog density as measured on one server: what makes "60 m" mean 60 m there."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

# Neither `true` nor a text in quotes.
Number = Annotated[float, Strict()]


class FogTableError(ValueError):
    """The table cannot be used; one line that says why."""


class FogEntry(BaseModel):
    """One density of CARLA's weather. uncertainty: relative deviation of the measured visibility."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fog_density: Number = Field(gt=0.0, le=100.0)
    visibility_m: Number = Field(gt=0.0)
    uncertainty: Number = Field(default=0.0, ge=0.0)


class FogTable(BaseModel):
    """What `python -m sensors.calibrate_fog` writes. fog_distance and fog_falloff: CARLA's, held for all entries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server_version: str
    town: str
    fog_distance: Number = 0.0
    fog_falloff: Number = 0.0
    entries: tuple[FogEntry, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _in_order(self) -> FogTable:
        densities = [entry.fog_density for entry in self.entries]
        if densities != sorted(set(densities)):
            raise ValueError("entries must come in order of fog_density, each density once")
        visibilities = [entry.visibility_m for entry in self.entries]
        if any(b >= a for a, b in pairwise(visibilities)):
            raise ValueError("visibility must fall as fog_density grows")
        return self

    def fog_density(self, visibility_m: float) -> float:
        """The density that gives this visibility: between entries by the logarithm of visibility.

        Thinner fog than the first entry's runs on towards density 0 along the first two; FogTableError for fog that
        is thicker than what was measured.
        """
        logs = np.log([entry.visibility_m for entry in self.entries])
        densities = [entry.fog_density for entry in self.entries]
        wanted = math.log(visibility_m)
        if wanted < logs[-1] - 1e-9:
            raise FogTableError(
                f"fog of {visibility_m:g} m is thicker than the fog table goes "
                f"({self.entries[-1].visibility_m:.0f} m at density {densities[-1]:g})"
            )
        if wanted > logs[0]:
            slope = (densities[1] - densities[0]) / (logs[1] - logs[0])
            return max(0.0, densities[0] + slope * (wanted - logs[0]))
        return float(np.interp(-wanted, -logs, densities))


def load_fog_table(path: Path) -> FogTable:
    """FogTableError is one line with the file's name."""
    try:
        return FogTable.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FogTableError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise FogTableError(f"{path}: {where}{': ' if where else ''}{problem['msg']}") from None
    except ValueError as error:
        raise FogTableError(f"{path}: not a fog table: {error}") from None
