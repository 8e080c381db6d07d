"""An erased person has no row, no file and no byte in a home; everybody else's rows and files stay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose.errors import BioposeError, VideoError
from flows.cli.main import cli
from tasks import erasure
from tasks.comparison import read_policy
from tasks.dask_pool import DONE
from tasks.erased_people import ErasedPeople
from tasks.erasure import IdSearch, erase, plan_erasure, videos_in_inbox
from tasks.quarantine import Quarantine, quarantine_record
from tasks.settings import Settings
from tasks.video_hash import VideoHashes
from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.content import content_rows
from warehouse.errors import QueryError
from warehouse.load import load_trial
from warehouse.query import run_query
from warehouse.snapshot import publish_snapshot

# Ann was filmed alone and together with Bob; one of Bob's trials has a name that begins like one of hers.
ALONE, TOGETHER = SyntheticTrial("jump1"), SyntheticTrial("match", seed=1)
BOBS = [SyntheticTrial("match-bob", seed=2, athlete="bob"), SyntheticTrial("jump10", seed=3, athlete="bob")]
ANN_NEW = "blue/2026-12-03-jumps/jump"
VIDEOS = {"jump1": b"alone", "match": b"both", "match-bob": b"both", "jump10": b"bob"}
KEYS = {"jump1": "k1", "match": "k2", "match-bob": "k2", "jump10": "k3"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home as two nights leave it; the second was killed."""
    settings = Settings(home=tmp_path / "home")
    hashes = VideoHashes(settings.home / "video_hashes.json")
    for trial in (ALONE, TOGETHER, *BOBS):
        video = settings.inbox / f"{VIDEOS[trial.name].decode()}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(VIDEOS[trial.name])
        record = trial.record
        record["run"]["video_sha256"] = hashes.state(video).sha256
        folder = trial.write(settings.home / record["run"]["artifacts"])
        for name in ("overlay.mp4", "report.html", "coordinates.mot"):
            (folder / name).write_text(trial.run_id)
        perceived, motion = f"perceived/{KEYS[trial.name]}", f"motions/{trial.name}.safetensors"
        (folder / DONE).write_text(json.dumps([perceived, motion]))
        for file in (settings.artifacts / perceived / "0000.parquet", settings.artifacts / motion):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("pictures")
        load_trial(settings.warehouse, record, folder)
    hashes.save()
    publish_snapshot(settings.warehouse, settings.snapshot)
    (settings.artifacts / "motions" / "unfinished.safetensors").write_text("whose?")
    for trial in (ALONE, BOBS[1]):
        broken = quarantine_record(trial.trial_id, VideoError("broken"), stage="probe", key="", retry="again")
        Quarantine(settings.quarantine).put(broken)
    (settings.logs / "ingest.log").parent.mkdir()
    (settings.logs / "ingest.log").write_text(f"stored {ALONE.trial_id}\nstored {BOBS[1].trial_id}\n")
    for name in ("ann", "bob"):
        settings.report_of(f"blue/{name}").parent.mkdir(parents=True, exist_ok=True)
        settings.report_of(f"blue/{name}").write_text(f"<h1>blue/{name}</h1>")
    settings.prefect_home.mkdir()
    (settings.prefect_home / "prefect.db").write_text(ALONE.trial_id)
    return settings


def files(settings: Settings) -> set[str]:
    every = (path for path in settings.home.rglob("*") if path.is_file() and path.name != "record.json")
    return {str(path.relative_to(settings.home)) for path in every}


def erase_ann(settings: Settings) -> dict[str, object]:
    for record in settings.home.rglob("record.json"):  # of the tests alone
        record.unlink()
    return erase(settings, plan_erasure(settings, "blue/ann"))


def test_nothing_of_the_person_is_left_and_everything_of_others_but_pictures_of_the_person(settings: Settings) -> None:
    before = files(settings)
    done = erase_ann(settings)
    assert done["left"] == []
    bobs = {trial.record["run"]["artifacts"] for trial in BOBS}
    removed = {
        *(file for file in before if file.startswith(("artifacts/trials",)) and not any(b in file for b in bobs)),
        *(f"{BOBS[0].record['run']['artifacts']}/{name}" for name in ("overlay.mp4", "report.html")),
        "artifacts/perceived/k1/0000.parquet",
        "artifacts/perceived/k2/0000.parquet",
        *(f"artifacts/motions/{name}.safetensors" for name in ("jump1", "match", "match-bob", "unfinished")),
        f"quarantine/{ALONE.trial_id}.json",
        "prefect/prefect.db",
        "reports/blue/ann.html",
    }
    assert before - files(settings) == removed
    certificate = str(Path(str(done["certificate"])).relative_to(settings.home))
    assert files(settings) - before == {"erased.json", "audit.jsonl", "audit.key", certificate}
    assert (settings.logs / "ingest.log").read_text() == f"stored {BOBS[1].trial_id}\n"
    assert b"blue/ann" not in b"".join((settings.home / name).read_bytes() for name in files(settings))


def test_queries_read_a_snapshot_without_the_person(settings: Settings) -> None:
    erase_ann(settings)
    assert content_rows(settings.snapshot)["athlete"][0] == 1
    assert content_rows(settings.snapshot)["run"][0] == len(BOBS)


def test_the_person_is_not_measured_again_and_videos_of_theirs_are_named(settings: Settings) -> None:
    found = [video.name for video in videos_in_inbox(settings, plan_erasure(settings, "blue/ann"))]
    assert found == ["alone.mp4", "both.mp4"]
    erase_ann(settings)
    assert ErasedPeople(settings.home).erased_at("blue/ann")
    assert ErasedPeople(settings.home).has_trial(ALONE.trial_id)
    assert not ErasedPeople(settings.home).has_trial(BOBS[1].trial_id)


def test_runs_that_are_not_in_the_warehouse_go_for_they_may_be_anybody_s(settings: Settings) -> None:
    unloaded = settings.artifacts / "trials" / ANN_NEW / "run"
    unloaded.mkdir(parents=True)
    (unloaded / DONE).write_text('["motions/jump10.safetensors"]')
    (unloaded / "overlay.mp4").write_text("ann")
    done = erase_ann(settings)
    assert not unloaded.exists()
    assert done["unloaded"] == 1
    assert (settings.artifacts / "motions" / "jump10.safetensors").exists()  # Bob's run was made from it, too


def test_who_is_in_quarantine_alone_can_be_erased_and_somebody_unknown_not(settings: Settings) -> None:
    records = {
        name: quarantine_record(name, VideoError("broken"), stage="probe", key="", retry="again", athlete=athlete)
        for name, athlete in (("blue/s/eve1", "blue/eve"), ("blue/s/eve10", "blue/bob"))
    }
    for record in records.values():
        Quarantine(settings.quarantine).put(record)
    assert erase(settings, plan_erasure(settings, "blue/eve"))["quarantined"] == 1
    assert Quarantine(settings.quarantine).get("blue/s/eve1") is None
    assert Quarantine(settings.quarantine).get("blue/s/eve10") == records["blue/s/eve10"]
    assert ErasedPeople(settings.home).erased_at("blue/eve")
    with pytest.raises(QueryError, match="there is no athlete 'blue/zoe'"):
        plan_erasure(settings, "blue/zoe")


def compared_with_another_release(settings: Settings, samples: list[list[SyntheticTrial]]) -> None:
    """Record rollouts of two releases that differ by 3 degrees, as one that finds 7 leaves them."""
    champion, candidate = measured_by_two_releases(settings, [ALONE, BOBS[1]])
    with opened_for_writing(settings.warehouse) as connection:
        for number, trials in enumerate(samples, start=1):
            row = [number, champion, candidate, read_policy(None)[1]]
            connection.execute("INSERT INTO rollout VALUES (?, ?, ?, 'gate', NULL, ?, '{}', NULL)", row)
            connection.execute(
                "INSERT INTO rollout_transition VALUES (?, 'compare', 'gate', 'ann', 'compared', now())", [number]
            )
            for trial in trials:
                connection.execute(
                    "INSERT INTO rollout_trial VALUES (?, ?, 'measured', NULL)", [number, trial.trial_id]
                )
            connection.execute(
                "INSERT INTO release_offset VALUES (?, 'knee_flexion_peak', 'deg', ?, NULL, NULL, ?, ?)",
                [number, 7.0, len(trials), len(trials)],
            )


def knee_offsets(settings: Settings) -> list[tuple[object, ...]]:
    found = run_query(settings.snapshot, "release_offsets", {"quantity": "knee_flexion_peak"})
    return found.select("rollout_number", "mean_difference", "trials", "athletes").rows()


def test_differences_of_releases_are_computed_without_the_person(settings: Settings) -> None:
    """Two releases measured one trial of either; a rollout without a sample of the person keeps what it has."""
    compared_with_another_release(settings, [[ALONE, BOBS[1]], [BOBS[1]]])
    done = erase_ann(settings)
    assert knee_offsets(settings) == [(1, pytest.approx(3.0), 1, 1), (2, 7.0, 1, 1)]
    assert done["rollouts_without_offsets"] == {}


@pytest.mark.parametrize("correction", [{"video": "d" * 64}, {"height_m": 1.9}, {"code_version": "0.2.0"}])
def test_differences_of_runs_that_were_not_compared_are_no_differences_of_releases(
    settings: Settings, correction: dict[str, object]
) -> None:
    """The rest of the sample was measured anew since: the difference is of inputs or code, too."""
    compared_with_another_release(settings, [[ALONE, BOBS[1]], [BOBS[1]]])
    video = correction.pop("video", None)
    load_by_another_release(settings, replace(BOBS[1], **correction), more_deg=13.0, video=video)
    done = erase_ann(settings)
    assert knee_offsets(settings) == [(2, 7.0, 1, 1)]
    why = "other runs than those compared stand for 1 of the 1 trials that are left"
    assert done["rollouts_without_offsets"] == {1: why}


def test_rollouts_without_offsets_and_deleted_trials_of_nobody_known_are_reported(settings: Settings) -> None:
    compared_with_another_release(settings, [[ALONE, BOBS[1]], [ALONE]])
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE rollout SET policy = 'of = \"another version\"' WHERE rollout_number = 1")
        row = "('blue/2025-01-01-old/jump', 'd', now(), 'bob', false, NULL)"
        connection.execute(f"INSERT INTO deleted_trial VALUES {row}")
    done = CliRunner().invoke(cli, ["erase", "blue/ann", "--yes", "--home", str(settings.home)])
    assert "Rollout 1 has no release offsets now: the policy of rollout 1" in done.output
    assert "Rollout 2 has no release offsets now: no trial that both releases measured is left" in done.output
    assert "1 deleted trials are of an unknown athlete" in done.output
    with opened_for_writing(settings.warehouse) as connection:
        assert connection.execute("FROM release_offset").fetchall() == []


def measured_by_two_releases(settings: Settings, trials: list[SyntheticTrial]) -> tuple[str, str]:
    """Let another release measure knees by 3 degrees more; the ids of both."""
    for trial in trials:
        load_by_another_release(settings, trial, more_deg=3.0)
    with opened_for_writing(settings.warehouse) as connection:
        rows = connection.execute("SELECT release_id FROM release_model ORDER BY version").fetchall()
    first, second = (str(release) for (release,) in rows)
    return first, second


def load_by_another_release(
    settings: Settings, trial: SyntheticTrial, *, more_deg: float, video: object = None
) -> None:
    """Load another release's run of a trial, by default of the same video."""
    more = tuple((name, side, value + more_deg) for name, side, value in trial.metrics)
    other = replace(trial, seed=trial.seed + 10, metrics=more)
    record = other.record
    record["models"][0]["version"] = 2
    record["run"]["video_sha256"] = video or hashlib.sha256(VIDEOS[trial.name]).hexdigest()
    load_trial(settings.warehouse, record, other.write(settings.home / record["run"]["artifacts"]))


def test_a_link_to_another_disk_is_searched_and_an_inbox_around_the_home_hides_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    other = tmp_path / "other disk"
    other.mkdir()
    (other / "copy.txt").write_text(f"see {ALONE.trial_id}")
    (settings.home / "linked").symlink_to(other)
    around = Settings(home=settings.home, inbox=settings.home.parent)
    for record in settings.home.rglob("record.json"):
        record.unlink()
    done = erase(around, plan_erasure(around, "blue/ann"))
    assert done["left"] == ["linked/copy.txt"]
    assert done["files_searched"] > 20


def test_trials_of_others_from_the_same_videos_are_named_for_they_may_be_mixed_up(settings: Settings) -> None:
    assert plan_erasure(settings, "blue/ann").others_trials == (BOBS[0].trial_id,)
    assert erase_ann(settings)["others_trials_of_the_same_videos"] == 1
    assert plan_erasure(settings, "blue/bob").others_trials == ()


def test_a_folder_of_the_quarantine_that_is_called_like_a_record_stops_nothing(settings: Settings) -> None:
    (settings.quarantine / "blue" / "x.json").mkdir(parents=True)
    assert erase_ann(settings)["left"] == []


STEPS = ("erase_athlete", "publish_snapshot", "_remove", "_without_lines", "_search_home")


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_is_killed_is_ended_by_running_it_again(
    step: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(erasure, step, kill)
        with pytest.raises(KilledError):
            erase_ann(settings)
    assert ErasedPeople(settings.home).erased_at("blue/ann")  # a night in between does not measure them
    with pytest.raises(BioposeError, match="the erasure of blue/ann was interrupted"):
        plan_erasure(settings, "blue/bob")
    assert erase_ann(settings)["left"] == []
    assert content_rows(settings.warehouse)["run"][0] == len(BOBS)
    assert not (settings.home / erasure.PENDING).exists()


def test_a_file_that_still_holds_an_id_is_named(settings: Settings) -> None:
    (settings.home / "notes.txt").write_text(f"see {ALONE.trial_id}")
    (settings.home / ALONE.run_id).write_text("")
    (settings.home / "others.txt").write_text(f"see {BOBS[1].trial_id}")
    assert erase_ann(settings)["left"] == sorted([ALONE.run_id, "notes.txt"])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"blue/s/jump1", True),
        (b"xblue/s/jump1y", True),
        (b"blue/s/jump10", False),
        (b"blue/s/jump10blue/s/jump1", True),
    ],
)
def test_an_id_is_found_but_not_within_a_longer_one_of_somebody_else(content: bytes, found: bool) -> None:
    search: Callable[[bytes], bool] = IdSearch(["blue/s/jump1"], longer_ids=["blue/s/jump10"]).found_in
    assert search(content) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"stored blue/s/jump1: 40 frames", True),
        (b"/home/artifacts/trials/blue/s/jump1/run", True),
        (b"blue/s/jump1.", True),
        (b"blue/s/jump1.2", False),
        (b"blue/s/jump11", False),
        (b"blue/s/jump1-again", False),
        (b"dark-blue/s/jump1", False),
    ],
)
def test_in_text_a_name_goes_on_until_a_character_that_no_name_has(text: bytes, found: bool) -> None:
    assert IdSearch(["blue/s/jump1"]).found_in_text(text) is found
