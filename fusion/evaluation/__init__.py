"""What a fused frame is worth: fusion metrics, frozen recognition networks, and how all of it bears a bad camera."""
