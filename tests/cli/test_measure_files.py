"""Several files are measured with models that are loaded once, and what is wrong with one stops no other."""

import json
import os
from pathlib import Path

import pytest

from biopose.cli.command_line import progress_line
from biopose.cli.measure_files import files_of, requests_of
from biopose.cli.people_csv import read_people_csv, rows_of
from biopose.errors import FileFormatError
from biopose.pipeline import Models
from biopose.reconstruction.models import WeightFiles
from tests.body.bodies import needs_body_asset
from tests.commands import assert_refused, in_a_process, run
from tests.perception.real_people import CLIP, needs_networks

HEAD = "file,height_m,athlete,mass_kg,sex,activity\n"


def people(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_a_file_that_fails_stops_no_other_and_models_are_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    load = Models.load
    monkeypatch.setattr(Models, "load", lambda *given, **options: loads.append(1) or load(*given, **options))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "jump.mp4").symlink_to(CLIP)
    (tmp_path / "in" / "broken.mp4").write_bytes(CLIP.read_bytes()[:3_000])
    (tmp_path / "in" / "notes.txt").write_text("no video")
    csv = people(tmp_path, f"{HEAD}jump.mp4,1.65,,70,male,drop_jump\nbroken.mp4,1.7,,,,\n")
    options = ("--people", csv, "--out", tmp_path / "out", "--end-s", 0.2, "--threads", 1, "--no-overlay")
    done = run("measure", tmp_path / "in", *options)
    assert done.exit_code == 3, done.output
    assert "left out, no video" in done.stderr
    head, broken, jump, failed = done.stdout.splitlines()
    assert head.split() == ["file", "people", "frames", "quality", "untrusted", "seconds", "results"]
    assert broken.split()[:2] == ["broken.mp4", "failed"]
    assert jump.split()[:3] == ["jump.mp4", "1", "6"]
    assert failed.startswith(f"failed: {tmp_path / 'in' / 'broken.mp4'}: ")
    assert loads == [1]
    settings = json.loads((tmp_path / "out" / "jump" / "summary.json").read_text())["settings"]
    assert (settings["activity"], settings["subjects"][0]["mass_kg"]) == ("drop_jump", 70.0)
    assert not (tmp_path / "out" / "broken").exists()
    quiet = run("measure", tmp_path / "in" / "broken.mp4", *options[2:], "--people", people(tmp_path, csv.read_text()
        .replace("jump.mp4,1.65,,70,male,drop_jump\n", "")), "--quiet")  # fmt: skip
    assert (quiet.exit_code, quiet.stdout) == (1, "")
    assert quiet.stderr.startswith("Error: ")


@pytest.mark.slow
def test_a_height_that_is_not_given_is_asked_for_once_on_a_terminal_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("jump.mp4", "walk.mp4"):
        (tmp_path / "in" / name).write_bytes(b"no video")
    command = ("measure", tmp_path / "in", "--out", tmp_path / "out")
    assert_refused(run(*command), "Missing option '--height-m'", exit_code=2)
    here, terminal = os.openpty()
    os.write(here, b"178\n1.78\n")
    done = in_a_process(*command, stdin=terminal)
    os.close(terminal)
    os.close(here)
    assert done.stderr.count("Height in metres") == 2
    assert "178: expected metres, 0.5 to 2.6; centimetres? then it is 1.78" in done.stderr
    assert done.returncode == 1
    assert [line.split()[1] for line in done.stdout.splitlines()[1:3]] == ["failed", "failed"]


@pytest.mark.slow
@needs_networks
def test_weights_that_are_broken_end_the_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, load = tmp_path / "lifter.safetensors", Models.load
    broken.write_bytes(b"no weights")
    files = WeightFiles(lifter=broken)
    monkeypatch.setattr(Models, "load", lambda *given, **options: load(*given, files=files, **options))
    (tmp_path / "in").mkdir()
    for name in ("jump.mp4", "walk.mp4"):
        (tmp_path / "in" / name).symlink_to(CLIP)
    options = ("--height-m", 1.7, "--end-s", 0.2, "--threads", 1, "--no-overlay")
    done = run("measure", tmp_path / "in", "--out", tmp_path / "out", *options)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {broken}")
    assert "1 of 2" in done.stderr
    assert "2 of 2" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,height\na,1.7\n", "line 1: no column height_m"),
        ("file,height_m,name\na,1.7,x\n", "line 1: unknown column 'name'"),
        (HEAD, "has no row"),
        (
            f"{HEAD}a.mp4,178,,,,\n",
            "line 2: height_m is '178'; expected metres, 0.5 to 2.6; centimetres? then it is 1.78",
        ),
        (f"{HEAD}a.mp4,tall,,,,\n", "line 2: height_m is 'tall'; expected a number"),
        (f"{HEAD}a.mp4,1.7,,700,,\n", "line 2: mass_kg is '700'; expected kilograms, 10 to 300"),
        (f"{HEAD}a.mp4,1.7,,,,jump\n", "line 2: activity is 'jump'; expected"),
        (f"{HEAD}a.mp4,1.7,,,,,,\n", "line 2: has more values than there are columns"),
        (f"{HEAD},1.7,,,,\n", "line 2: file is empty"),
    ],
)
def test_what_is_wrong_in_people_csv_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileFormatError) as error:
        read_people_csv(people(tmp_path, text))
    assert message in str(error.value)


def test_a_csv_of_a_spreadsheet_with_semicolons_and_decimal_commas_is_read(tmp_path: Path) -> None:
    (row,) = read_people_csv(people(tmp_path, "\ufefffile; height_m;mass_kg\njump.mp4;1,78;72,5\n;;\n"))
    assert (row.file, row.height_m, row.mass_kg, row.athlete) == ("jump.mp4", 1.78, 72.5, "largest")


def test_files_without_a_row_and_rows_without_a_file_are_refused(tmp_path: Path) -> None:
    path = people(tmp_path, f"{HEAD}a.mp4,1.7,,,,\nb.mp4,1.8,0,,,walk\nb.mp4,1.7,1,,,run\n")
    rows = read_people_csv(path)
    with pytest.raises(FileFormatError, match=r"no row for c\.mp4"):
        rows_of(rows, [Path("a.mp4"), Path("x/b.mp4"), Path("c.mp4")], path)
    with pytest.raises(FileFormatError, match=r"line 3: b\.mp4 is not among the files"):
        rows_of(rows, [Path("a.mp4")], path)
    with pytest.raises(FileFormatError, match=r"line 4: b\.mp4 has another activity above"):
        rows_of(rows, [Path("a.mp4"), Path("x/b.mp4")], path)


def test_files_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    videos = [Path("a/jump.mp4"), Path("a/jump.mov"), Path("b/jump.mov"), Path("c/run.mp4")]
    requests = requests_of(videos, tmp_path, people=None, trial_of=lambda _: None)
    assert [one.out.name for one in requests] == ["jump.mp4", "jump.mov_1", "jump.mov_2", "run"]


def test_a_folder_without_a_video_and_a_file_given_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no video"):
        files_of([tmp_path])
    with pytest.raises(ValueError, match="is given twice"):
        files_of([tmp_path / "a.mp4", tmp_path / "a.mp4"])


def test_heights_are_given_once(tmp_path: Path) -> None:
    csv, video = people(tmp_path, f"{HEAD}a.mp4,1.7,,,,\n"), tmp_path / "a.mp4"
    video.touch()
    both = run("measure", video, "--people", csv, "--height-m", 1.7, "--out", tmp_path / "out")
    assert_refused(both, "--height-m has no effect with --people", exit_code=2)
    assert_refused(run("measure", video, "--out", tmp_path / "out"), "--height-m", exit_code=2)


def test_a_rate_of_progress_is_shown_once_it_means_something() -> None:
    assert progress_line("perceive", 16, 230, seconds=1e-9) == "perceive: 16 of 230 frames"
    assert progress_line("perceive", 0, 0, seconds=5.0) == "perceive: 0 frames"
    assert progress_line("perceive", 60, 230, seconds=2.0) == "perceive: 60 of 230 frames, 6 s left  (30.0 frames/s)"
