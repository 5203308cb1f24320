from fusion.evaluation.tables import detection_markdown, markdown, segmentation_markdown


def test_a_mean_is_told_with_half_of_its_interval_and_what_a_fusion_lacks_stays_empty():
    both = {"EN": {"mean": 6.789, "low": 6.5, "high": 7.1, "count": 4}, "SCD": {"mean": 1.0, "low": 1.0, "high": 1.0, "count": 3}}  # fmt: skip # noqa: E501
    text = markdown({"night": {"average": both, "visible": {"EN": both["EN"]}}})
    assert text.splitlines() == [
        "## night (4 pairs)",
        "",
        "| fusion | EN | SCD |",
        "|---|---|---|",
        "| average | 6.79 ± 0.3 | 1 ± 0 |",
        "| visible | 6.79 ± 0.3 |  |",
    ]


def test_one_pair_alone_has_no_interval():
    one = {"EN": {"mean": 6.789, "low": None, "high": None, "count": 1}}
    assert "| visible | 6.79 |" in markdown({"night": {"visible": one}})


def test_a_class_without_boxes_has_no_precision():
    found = {"AP50": 0.5, "low": 0.25, "high": 0.75, "frames": 2, "boxes": 3}
    none = {"AP50": None, "low": None, "high": None, "frames": 2, "boxes": 0}
    text = detection_markdown({"day": {"visible": {"pedestrian": found, "vehicle": none}}})
    assert "## Detection, AP50, day (2 frames: 3 pedestrians, 0 vehicles)" in text
    assert "| visible | 0.500 (0.250 to 0.750) |  |" in text


def test_classes_come_in_one_order_and_only_those_that_are_there():
    one = {"IoU": {"car": 0.5, "road": 1.0}, "mean": 0.75, "low": 0.5, "high": 1.0, "frames": 2}
    text = segmentation_markdown({"all": {"visible": one, "thermal": one | {"IoU": {"road": 1.0}}}})
    assert "| fusion | mean | road | car |" in text
    assert "| visible | 0.750 (0.500 to 1.000) | 1.000 | 0.500 |" in text
    assert "| thermal | 0.750 (0.500 to 1.000) | 1.000 |  |" in text
