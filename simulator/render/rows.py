"""Names of the planes of a thread's row scratch (planes, width) float32: one image row on its way to a colour."""

X, Y, Z = 0, 1, 2
"""Position relative to the eye, world axes, m."""
NX, NY, NZ = 3, 4, 5
"""Shading normal, world axes, towards the viewer."""
RED, GREEN, BLUE = 6, 7, 8
"""Reflectance; later the radiance."""
GLOSS = 9
EMIT_RED, EMIT_GREEN, EMIT_BLUE = 10, 11, 12
"""Luminance of the surface's own light, cd/m2."""
DISTANCE = 13
"""From the eye, m; SKY_M and more for the sky."""
LIGHT_RED, LIGHT_GREEN, LIGHT_BLUE = 14, 15, 16
"""Illuminance, lux."""
SUN = 17
"""1 in the sun, 0 in shadow."""
SHINE_RED, SHINE_GREEN, SHINE_BLUE = 18, 19, 20
"""Luminance of lamps mirrored in wet or glossy surfaces, cd/m2."""
OPEN = 21
"""How much of the hemisphere is open to the sky."""
ROUGH = 22
"""Square of the roughness of the mirror lobe (GGX alpha^2)."""
PLANES = 23

SKY_M = 1.0e5
