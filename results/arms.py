"""The arms that the figures of a run are about, by name; `harness.arms` says what is done in each."""

BASELINE, TREATMENT, CEILING = "rgb", "fused", "clear"

CONTROL, CONTROLLED = "restored", "sim"
"""The arm that has what these weights of FusionProxy have but for the thermal frame."""
