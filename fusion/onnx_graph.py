"""The student as an ONNX graph, written node by node: the formulas of `student`, for any size and batch.

Written out rather than traced: what an exporter makes of arithmetic on sizes that are not known yet is slow to find and
wrong for odd ones, and the graph has only a few kinds of nodes.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from fusion.shape import CELL_PX, COLOUR_FLOOR, LANES, PAD_PX, VIEW_PX
from fusion.student import Residual, Student

OPSET = 17


class _Writer:
    """Nodes and constants of a graph under way; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: Any, kind: type = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def whole(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def conv(self, layer: nn.Conv2d, x: str) -> str:
        size = layer.kernel_size[0]
        if size > 1:
            x = self("Pad", x, self.whole(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
        assert layer.bias is not None
        weights = self.constant(layer.weight.detach().numpy()), self.constant(layer.bias.detach().numpy())
        return self("Conv", x, *weights, kernel_shape=[size, size], strides=list(layer.stride))

    def residual(self, block: Residual, x: str) -> str:
        inner = self.conv(block.second, self("Relu", self.conv(block.first, x)))
        return self("Relu", self("Add", x, inner))

    def enlarged(self, x: str, factor: int) -> str:
        scales = self.constant([1.0, 1.0, factor, factor])
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self("Resize", x, "", scales, **mode)


def build(student: Student) -> onnx.ModelProto:
    """visible (batch, 3, height, width) RGB and thermal (batch, 1, height, width), float32 in [0, 1] -> fused.

    A frame whose thermal half is flat is not treated apart here: the runners in `fusion.runtimes` do that.
    """
    add = _Writer()
    frame = add("Concat", "visible", "thermal", axis=1)
    size = add("Gather", add("Shape", frame), add.whole(2, 3))
    padded = _padded(add, frame, size)
    grid = _grid(add, student, add("AveragePool", padded, kernel_shape=[VIEW_PX] * 2, strides=[VIEW_PX] * 2))
    guide = _guide(add, student, frame)
    lanes = add("Pad", grid, add.whole(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
    crop = add.whole(CELL_PX, CELL_PX), add("Add", size, add.whole(CELL_PX)), add.whole(2, 3)
    maps = ""
    for index in range(student.config.bins):
        first = index * LANES
        of_bin = add("Slice", lanes, add.whole(first), add.whole(first + LANES), add.whole(1))
        smooth = add("Slice", add.enlarged(of_bin, CELL_PX), *crop)
        distance = add("Abs", add("Sub", guide, add.constant(index)))
        share = add("Relu", add("Sub", add.constant(1.0), distance))
        part = add("Mul", smooth, share)
        maps = add("Add", maps, part) if maps else part
    sums = [add("Gather", maps, add.whole(3, 7, 11), axis=1)]
    for j in range(4):
        rows = add("Slice", maps, add.whole(4 * j), add.whole(4 * j + 3), add.whole(1))
        channel = add("Slice", frame, add.whole(j), add.whole(j + 1), add.whole(1))
        sums.append(add("Mul", rows, channel))
    share = add("Slice", maps, add.whole(LANES - 1), add.whole(LANES), add.whole(1))
    sums.append(add("Mul", share, _colour(add)))
    total = sums[0]
    for part in sums[1:]:
        total = add("Add", total, part)
    add("Clip", total, add.constant(0.0), add.constant(1.0), output="fused")

    def image(name: str, channels: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, "height", "width"])

    inputs, outputs = [image("visible", 3), image("thermal", 1)], [image("fused", 3)]
    graph = helper.make_graph(add.nodes, "FusionProxy", inputs, outputs, add.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="nightloop")
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def _colour(add: _Writer) -> str:
    """As `student.colour_of`, of the visible frame."""
    apart = add("Sub", "visible", add("ReduceMean", "visible", axes=[1], keepdims=1))
    beyond = add("Shrink", apart, lambd=COLOUR_FLOOR, bias=COLOUR_FLOOR)
    most = add("ReduceMax", add("Abs", beyond), axes=[1], keepdims=1)
    return add("Div", beyond, add("Add", most, add.constant(COLOUR_FLOOR)))


def _padded(add: _Writer, frame: str, size: str) -> str:
    """The frame extended to multiples of 32 pixels by repeating its border."""
    step = add.whole(PAD_PX)
    whole = add("Mul", add("Div", add("Add", size, add.whole(PAD_PX - 1)), step), step)
    return add("Pad", frame, add("Concat", add.whole(0, 0, 0, 0, 0, 0), add("Sub", whole, size), axis=0), mode="edge")


def _grid(add: _Writer, student: Student, view: str) -> str:
    """As `GridNetwork.forward`, but (batch, bins * 16, gh, gw)."""
    network, one, two = student.network, add.constant(1.0), add.constant(2.0)
    red = add("Slice", view, add.whole(0), add.whole(1), add.whole(1))
    ones = add("Add", add("Mul", red, add.constant(0.0)), one)
    row = add("Sub", add("CumSum", ones, add.constant(2, np.int64)), one)
    last = add("ReduceMax", row, axes=[2], keepdims=1)
    level = add("Sub", add("Mul", add("Div", row, last), two), one)
    seen = add("Concat", add("Sub", add("Mul", view, two), one), level, axis=1)
    fine = add("Relu", add.conv(network.skip, add("Relu", add.conv(network.stem, seen))))
    middle = add.residual(network.middle, add("Relu", add.conv(network.down_middle, fine)))
    coarse = add("Relu", add.conv(network.down_coarse, middle))
    for block in network.coarse:
        assert isinstance(block, Residual)
        coarse = add.residual(block, coarse)
    mean = add("ReduceMean", coarse, axes=[2, 3], keepdims=0)
    scene = [add.constant(tensor.detach().numpy()) for tensor in (network.scene.weight, network.scene.bias)]
    shift = add("Unsqueeze", add("Gemm", mean, *scene, transB=1), add.whole(2, 3))
    coarse = add("Relu", add("Add", coarse, shift))
    up = add.enlarged(add.conv(network.up_middle, coarse), 2)
    middle = add("Relu", add.conv(network.join_middle, add("Add", middle, up)))
    up = add.enlarged(add.conv(network.up_fine, middle), 2)
    fine = add("Relu", add.conv(network.join_fine, add("Add", fine, up)))
    return add.conv(network.head, fine)


def _guide(add: _Writer, student: Student, frame: str) -> str:
    """As `Student.guide`, (batch, 1, height, width)."""
    knots, curves = student.config.knots, student.curves.detach().numpy()
    steps = np.pad(np.diff(curves, axis=1), ((0, 0), (0, 1)))
    one, half = add.constant(1.0), add.constant(0.5)
    position = add("Mul", add("Clip", frame, add.constant(0.0), one), add.constant(float(knots)))
    below = add("Min", add("Floor", position), add.constant(knots - 1.0))
    first = add.constant(np.arange(4).reshape(1, 4, 1, 1) * (knots + 1), np.int64)
    index = add("Add", add("Cast", below, to=TensorProto.INT64), first)
    start, step = (add("Gather", add.constant(values.ravel()), index) for values in (curves, steps))
    value = add("Add", start, add("Mul", step, add("Sub", position, below)))
    total = add("ReduceSum", value, add.whole(1), keepdims=1)
    ratio = add("Div", total, add("Add", one, add("Abs", total)))
    return add("Mul", add("Add", half, add("Mul", half, ratio)), add.constant(student.config.bins - 1.0))
