"""Measures what visibility each fog density has on a CARLA server, from depth and the contrast of RGB pictures.

python -m sensors.calibrate_fog --carla HOST:PORT --out fog.json

Fog at range d leaves the share exp(-b d) of every difference in brightness. The same view is taken without fog and at
each density, exposure held; in each ring of ranges (depth camera) the slope of the foggy picture over the clear one is
that share, whatever the air adds to both, and the fall of its logarithm over the rings is the extinction b. Visibility
is 3.912 / b (contrast of 2 %). The harness takes the file with --fog-table.
"""
