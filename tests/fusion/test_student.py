import numpy as np
import pytest
import torch

from fusion.cpu.small_view import CHANNELS, view_rows, view_shape
from fusion.shape import CELL_PX, COLOUR_FLOOR, StudentConfig, convolutions_of, tensor_shapes
from fusion.student import Residual, Student, colour_of
from fusion.weights.tensors import arrays_of


def make_student(seed: int = 0) -> Student:
    torch.manual_seed(seed)
    student = Student()
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
    return student.eval()


def test_an_untrained_student_hands_the_visible_frame_through():
    torch.manual_seed(0)
    visible, thermal = torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        assert float((Student()(visible, thermal) - visible).abs().max()) < 0.05


def test_an_untrained_student_is_guided_by_luminance_and_heat_alike():
    visible, thermal = torch.rand(1, 3, 5, 7), torch.rand(1, 1, 5, 7)
    red, green, blue = visible[0]
    total = 2.0 * (0.3 * red + 0.6 * green + 0.1 * blue + thermal[0, 0]) - 2.0
    student = Student()
    with torch.no_grad():
        guide = student.guide(visible, thermal)[0]
    assert torch.allclose(guide, (0.5 + 0.5 * total / (1.0 + total.abs())) * (student.config.bins - 1), atol=1e-5)


def test_two_convolutions_that_have_learnt_nothing_change_nothing():
    x = torch.rand(2, 8, 6, 5)
    with torch.no_grad():
        assert torch.equal(Residual(8)(x), x)


@pytest.mark.parametrize("origin", [(0, 0), (16, 40), (40, 56)])
def test_a_patch_is_fused_as_it_is_within_the_whole_frame(origin):
    student = make_student()
    visible, thermal = torch.rand(2, 3, 72, 104), torch.rand(2, 1, 72, 104)
    with torch.no_grad():
        grid = student.grid(visible, thermal)
        whole = student.apply_grid(grid, visible, thermal)
        y, x = origin
        patch = (slice(None), slice(None), slice(y, y + 32), slice(x, x + 48))
        part = student.apply_grid(grid, visible[patch], thermal[patch], origin)
    assert torch.allclose(part, whole[patch], atol=1e-5)


def test_a_map_reaches_no_further_than_its_neighbouring_cells():
    student = make_student()
    visible, thermal = torch.rand(1, 3, 96, 96), torch.rand(1, 1, 96, 96)
    with torch.no_grad():
        grid = student.grid(visible, thermal)
        before = student.apply_grid(grid, visible, thermal)
        grid[0, 5, 6] += 1.0
        changed = (student.apply_grid(grid, visible, thermal) - before).abs().amax(dim=(0, 1)) > 1e-6
    rows, columns = torch.where(changed)
    assert rows.min() >= 4.5 * CELL_PX
    assert rows.max() < 6.5 * CELL_PX
    assert columns.min() >= 5.5 * CELL_PX
    assert columns.max() < 7.5 * CELL_PX


@pytest.mark.parametrize("size", [(64, 96), (40, 72)])
def test_beyond_the_middle_of_the_outermost_cells_theirs_are_the_only_maps(size):
    student = make_student()
    visible, thermal = torch.rand(1, 3, *size), torch.rand(1, 1, *size)
    with torch.no_grad():
        grid = student.grid(visible, thermal)
        before = student.apply_grid(grid, visible, thermal)
        whole = student.apply_grid(grid + 1.0, visible, thermal) - before
        last = [size[0] // CELL_PX - 1, size[1] // CELL_PX - 1]
        for axis, index in ((0, 0), (0, last[0]), (1, 0), (1, last[1])):
            edge = grid.clone()
            edge[(slice(None),) * (1 + axis) + (index,)] += 1.0
            rim = slice(0, 4) if index == 0 else slice(size[axis] - 4, size[axis])
            if index and grid.shape[1 + axis] > index + 1:  # beyond the frame its repeated border has cells, too
                edge[(slice(None),) * (1 + axis) + (index + 1,)] += 1.0
            pixels = (slice(None),) * (2 + axis) + (rim,)
            changed = (student.apply_grid(edge, visible, thermal) - before)[pixels]
            assert torch.allclose(changed, whole[pixels], atol=1e-5)


def test_a_colour_is_known_by_its_hue_however_faint_and_grain_is_none():
    lamp_at_night, lamp_in_fog, fog, grain = (
        torch.tensor(levels)[None, :, None, None] / 255.0
        for levels in ((250.0, 83.0, 46.0), (162.0, 146.0, 147.0), (160.0, 160.0, 160.0), (160.0, 164.0, 158.0))
    )
    for lamp in (lamp_at_night, lamp_in_fog):
        red, green, blue = colour_of(lamp).flatten()
        assert red > 0.5
        assert max(green, blue) <= 0.0
    assert colour_of(fog).abs().max() == 0.0
    assert colour_of(grain).abs().max() == 0.0
    mixed = torch.rand(2, 3, 5, 7)
    assert torch.allclose(colour_of(mixed.flip(1)), colour_of(mixed).flip(1), atol=1e-6)
    assert colour_of(mixed).abs().max() < 1.0 / (1.0 + COLOUR_FLOOR)


def test_the_last_lane_of_a_map_adds_the_colour():
    student = make_student()
    visible, thermal = torch.rand(1, 3, 32, 32), torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        grid = student.grid(visible, thermal)
        more = grid.clone()
        more[..., 15] += 0.5
        added = student.apply_grid(more, visible, thermal) - student.apply_grid(grid, visible, thermal)
    assert torch.allclose(added, 0.5 * colour_of(visible), atol=1e-5)


@pytest.mark.parametrize("config", [StudentConfig(), StudentConfig(4, 8, 8, 16, 24, 3)])
def test_what_a_student_learns_has_the_names_and_shapes_that_its_file_is_held_against(config):
    student = Student(config)
    assert tensor_shapes(config) == {name: tuple(tensor.shape) for name, tensor in student.state_dict().items()}
    strides = {name: stride for name, (_, _, _, stride) in convolutions_of(config).items()}
    modules = student.network.named_modules()
    assert strides == {name: module.stride[0] for name, module in modules if isinstance(module, torch.nn.Conv2d)}


def test_the_guide_table_is_the_guide_at_every_byte():
    student = make_student()
    table = torch.from_numpy(arrays_of(student).guide_table())
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (4, 20, 30))
    total = sum(table[channel][torch.from_numpy(frame[channel])] for channel in range(4))
    expected = (0.5 + 0.5 * total / (1.0 + total.abs())) * (student.config.bins - 1)
    values = torch.from_numpy(frame).float()[None] / 255.0
    with torch.no_grad():
        assert torch.allclose(student.guide(values[:, :3], values[:, 3:])[0], expected, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 50), (3, 5)])
def test_the_view_is_the_mean_over_blocks_of_the_frame_with_its_border_repeated(height, width):
    rng = np.random.default_rng(1)
    visible = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    thermal = rng.integers(0, 256, (height, width), dtype=np.uint8)
    rows, columns = view_shape(height, width)
    seen = np.empty((rows + 2, columns + 2, CHANNELS), np.float32)
    half = rows // 2  # in two parts, as two threads share it
    sums = [view_rows(visible.view(np.uint32)[..., 0], thermal, 0, seen, *part) for part in ((0, half), (half, rows))]
    whole = np.dstack([visible[..., :3], thermal]).astype(float) / 255.0
    padding = ((0, -height % 32), (0, -width % 32), (0, 0))
    padded = np.pad(whole, padding, mode="edge")
    expected = padded.reshape(rows, 4, columns, 4, 4).mean(axis=(1, 3))
    bordered = np.pad(expected, ((1, 1), (1, 1), (0, 0)), mode="edge")
    assert np.allclose(seen[..., :4], 2.0 * bordered - 1.0, atol=1e-5)
    assert np.allclose(seen[1:-1, :, 4], np.linspace(-1.0, 1.0, rows)[:, None], atol=1e-6)
    total, squares = np.sum(sums, axis=0)
    deviation = np.sqrt(squares / thermal.size - (total / thermal.size) ** 2)
    assert deviation == pytest.approx(float(thermal.astype(float).std()), abs=1e-6)
    swapped = np.empty_like(seen)
    view_rows(visible.view(np.uint32)[..., 0], thermal, 2, swapped, 0, rows)
    assert np.array_equal(swapped[..., [2, 1, 0, 3, 4]], seen)
