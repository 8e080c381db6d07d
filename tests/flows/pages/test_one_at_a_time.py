"""A file that takes a core is made for one request at a time; the others are soon refused, and hold no thread."""

from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from flows.pages import body, exports, one_at_a_time
from flows.pages.trial_files import TrialFiles


def test_while_a_file_is_made_other_requests_wait_for_a_limited_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_at_a_time, "LONGEST_WAIT_S", 0.01)
    with exports.LOCK, pytest.raises(HTTPException, match="ask for this one again") as refused:
        exports.exported(TrialFiles(tmp_path, "trial"), "csv")
    assert refused.value.status_code == 503
    with body.LOCK, pytest.raises(HTTPException, match="ask for this one again"):
        body.glb_of(tmp_path / "trial.parquet")
