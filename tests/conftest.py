"""What every test may need: one thread in torch, and a person's files, made once."""

import pytest
import torch

from tests.synthetic_person import SyntheticPerson, make_person


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # the tensors are small: more threads only wait for each other


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPerson:
    return make_person(tmp_path_factory.mktemp("person"))
