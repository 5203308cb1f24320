"""Recordings of a simulation in CARLA's recorder format: written, replayed, told about in text."""
