import numpy as np
import pytest
import torch

from fusion.training.prefetch import batches


def drawn(step: int) -> dict[str, object]:
    rng = np.random.default_rng([7, step])
    return {"step": step, "images": torch.from_numpy(rng.integers(0, 256, (2, 8, 8), dtype=np.uint8)), "at": [(1, 2)]}


def test_workers_change_nothing_but_the_time():
    here, ahead = (list(batches(drawn, 3, 20, workers)) for workers in (0, 2))
    assert [batch["step"] for batch in ahead] == list(range(3, 20))
    assert all(torch.equal(one["images"], other["images"]) for one, other in zip(here, ahead, strict=True))
    assert ahead[0]["at"] == [(1, 2)]


def test_no_step_left_is_no_batch():
    assert list(batches(drawn, 5, 5, 2)) == []


def test_what_a_worker_cannot_make_ends_the_training():
    def broken(step: int) -> int:
        raise ValueError(f"step {step} cannot be made")

    with pytest.raises(ValueError, match="step 0 cannot be made"):
        list(batches(broken, 0, 3, 1))
