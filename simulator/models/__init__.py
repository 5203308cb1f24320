"""Shapes and colours of actors: low in triangles, right in size, recognisable at night from 10 m."""

from simulator.models.actor_model import ActorModel
from simulator.models.catalogue import MODELS, model_of
from simulator.models.palettes import palette_of

__all__ = ["MODELS", "ActorModel", "model_of", "palette_of"]
