import cv2
import numpy as np
import pytest

from fusion import FusionError
from fusion.pairs.labelled import boxes_of, labels_of, read_boxes
from fusion.pairs.layouts import read_pairs

VOC = """<annotation>
<object><name>People</name><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>16</xmax><ymax>25</ymax></bndbox></object>
<object><name>Lamp</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>
<object><name>Car</name><bndbox><xmin>30</xmin><ymin>20</ymin><xmax>50</xmax><ymax>36</ymax></bndbox></object>
</annotation>"""
EXPECTED = {"pedestrian": [(10, 5, 16, 25)], "vehicle": [(30, 20, 50, 36)]}


def write_pair(folder, visible, thermal, name):
    for kind in (visible, thermal):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / kind / name), np.zeros((40, 60, 3), np.uint8))


def boxes_in(folder):
    (pair,) = read_pairs(folder)
    path = labels_of(pair)
    return None if path is None else read_boxes(path, 60, 40)


def test_labels_are_boxes_around_instances():
    tags, instances = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint16)
    tags[5:25, 10:16], instances[5:25, 10:16] = 12, 7
    tags[20:36, 30:50], instances[20:36, 30:50] = 14, 8
    assert boxes_of(tags, instances) == EXPECTED


def test_a_pair_without_labels_has_none(tmp_path):
    write_pair(tmp_path, "vi", "ir", "1.png")
    assert boxes_in(tmp_path) is None


def test_pascal_voc_files_of_m3fd_and_llvip_are_read(tmp_path):
    write_pair(tmp_path / "m3fd", "Vis", "Ir", "1.png")
    (tmp_path / "m3fd" / "Annotation").mkdir()
    (tmp_path / "m3fd" / "Annotation" / "1.xml").write_text(VOC)
    assert boxes_in(tmp_path / "m3fd") == EXPECTED
    write_pair(tmp_path / "llvip", "visible/test", "infrared/test", "190001.jpg")
    (tmp_path / "llvip" / "Annotations").mkdir()
    path = tmp_path / "llvip" / "Annotations" / "190001.xml"
    path.write_text(VOC)
    assert boxes_in(tmp_path / "llvip") == EXPECTED
    path.write_text(VOC[:200])
    with pytest.raises(FusionError, match=r"190001\.xml is not a PASCAL VOC annotation"):
        boxes_in(tmp_path / "llvip")


def test_lines_of_class_and_shares_are_read_and_a_bad_one_is_named(tmp_path):
    write_pair(tmp_path, "vi", "ir", "1.png")
    (tmp_path / "labels").mkdir()
    path = tmp_path / "labels" / "1.txt"
    path.write_text("0 0.216667 0.375 0.1 0.5\n2 0.666667 0.7 0.333333 0.4\n9 0.5 0.5 0.1 0.1\n")
    found = boxes_in(tmp_path)
    for name, (expected,) in EXPECTED.items():
        assert found[name] == [pytest.approx(expected, abs=1e-3)]
    path.write_text("0 0.2 0.3 0.1 0.5\n2 0.6 seven 0.3 0.4\n")
    with pytest.raises(FusionError, match=r"1\.txt:2: not 'class x y width height'"):
        boxes_in(tmp_path)
