"""What tests of training share."""

import pytest

from biopose.training.synthetic.shards import ShardFolder
from tests.training.tiny_images import make_tiny_pictures


@pytest.fixture(scope="session")
def tiny_pictures(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    """Shards of every split, made once; not to be changed."""
    return make_tiny_pictures(tmp_path_factory.mktemp("training"))
