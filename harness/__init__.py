"""The closed loop: paired runs of one unmodified agent on RGB and on fused frames."""
