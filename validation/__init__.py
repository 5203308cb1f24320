"""What the two cameras show against what physics says: measurements through the renderer and the thermal camera.

`python -m validation` makes every plot of docs/validation.md. One file per law; each has a function that measures, with
the figures that the tests hold, and one that draws.
"""
