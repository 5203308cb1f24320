"""One process or several (`torchrun`, one machine or more) that share a batch; accelerate does the plumbing.

The student has a quarter of a million parameters: its gradients are averaged as one vector after the backward pass,
which gives what a single process would have computed from the whole batch, up to the order of additions.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fusion.errors import FusionError


class Processes:
    """This process among those that torchrun started; alone where there was no torchrun."""

    def __init__(self, device: str) -> None:
        self._state: Any = None
        self.index, self.count = 0, 1
        self.device = torch.device(device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise FusionError("no CUDA device is available: give --device cpu")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            try:
                from accelerate import PartialState
            except ImportError:
                raise FusionError("several processes need accelerate: pip install 'nightloop[train]'") from None
            self._state = PartialState(cpu=self.device.type == "cpu")
            self.index, self.count = self._state.process_index, self._state.num_processes
            self.device = self._state.device

    @property
    def is_first(self) -> bool:
        return self.index == 0

    def wait(self) -> None:
        """Until all are here."""
        if self._state is not None:
            self._state.wait_for_everyone()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process goes through the block before the others do."""
        if self._state is None:
            yield
        else:
            with self._state.main_process_first():
                yield

    def here(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch with its tensors on this process's device."""
        return {key: value.to(self.device) if isinstance(value, Tensor) else value for key, value in batch.items()}

    def average_gradients(self, module: nn.Module) -> None:
        if self._state is None:
            return
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        mean = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients])):
            gradient.copy_(part.view_as(gradient))

    def average_terms(self, terms: dict[str, float]) -> dict[str, float]:
        if self._state is None:
            return terms
        mean = self._mean(torch.tensor(list(terms.values()), dtype=torch.float32, device=self.device))
        return dict(zip(terms, mean.tolist()))

    def _mean(self, values: Tensor) -> Tensor:
        from accelerate.utils import reduce

        averaged: Tensor = reduce(values, "mean")
        return averaged
