import pytest

from fusion.bench import floor_ms


def test_the_floor_counts_the_channels_that_a_path_reads_and_writes():
    """640x480 has 80x60 cells of 8 bins and 16 lanes; at 1 GB/s a million bytes take a millisecond."""
    grid = 2 * 80 * 60 * 8 * 16 * 4
    of_bytes = 640 * 480 * (5 + 5 + 4)  # BGRA and heat, twice; BGRA
    of_floats = 640 * 480 * 4 * (4 + 4 + 3)  # RGB and heat, twice; RGB
    assert floor_ms(640, 480, 4, 8, 1, 1.0) == pytest.approx((of_bytes + grid) / 1e6)
    assert floor_ms(640, 480, 3, 8, 4, 1.0) == pytest.approx((of_floats + grid) / 1e6)
