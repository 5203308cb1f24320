import cv2
import numpy as np
import pytest

from fusion import FusionError
from fusion.pairs.signals import read_signals


def test_lit_lamps_are_found_and_nothing_else(tmp_path):
    tags, clear = np.zeros((40, 60), np.uint8), np.full((40, 60, 3), 90, np.uint8)
    tags[5:20, 10:16], tags[5:20, 40:46] = 7, 7
    clear[6:9, 11:15] = 230, 60, 50  # a red lamp
    clear[16:19, 41:45] = 40, 220, 120  # a green one
    clear[11, 12] = 250, 60, 50  # too small to tell
    clear[14:18, 11:15] = 132, 53, 55  # the glass of an unlit one in the sun
    clear[30:38, 5:30] = 250, 40, 40  # a red car
    cv2.imwrite(str(tmp_path / "a.png"), tags)
    assert set(read_signals(tmp_path / "a.png", clear)) == {(11.0, 6.0, 15.0, 9.0), (41.0, 16.0, 45.0, 19.0)}
    with pytest.raises(FusionError, match=r"a\.png is no picture of one tag per pixel"):
        read_signals(tmp_path / "a.png", clear[:20])
