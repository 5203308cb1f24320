import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from more, and lose much where others are at work on the same cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same numbers in every test, whichever ran before it in its process."""
    torch.manual_seed(0)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python -m MODULE` as its users start it, but in this process: another would first load PyTorch."""

    def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", [module, *map(str, arguments)])
        capsys.readouterr()
        code: object = None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'fusion.*found in sys.modules", RuntimeWarning)
            try:
                runpy.run_module(module, run_name="__main__")
            except SystemExit as ended:
                code = ended.code
        said = capsys.readouterr()
        if isinstance(code, str):  # the interpreter prints it
            return subprocess.CompletedProcess(sys.argv, 1, said.out, f"{said.err}{code}\n")
        return subprocess.CompletedProcess(sys.argv, int(str(code or 0)), said.out, said.err)

    return run
