import math
from pathlib import Path

import pytest

from biopose.errors import FileFormatError
from biopose.io.ik_setup import IKSetup, read_ik_setup
from biopose.io.ik_tasks import CoordinateTask
from tests.io.samples import written
from tests.reference_data import LAB, needs_shared_data


def task_set(folder: Path, *tasks: str) -> Path:
    return written(folder / "setup.xml", f"<OpenSimDocument><IKTaskSet>{''.join(tasks)}</IKTaskSet></OpenSimDocument>")


def tool(folder: Path, properties: str, *tasks: str) -> IKSetup:
    """The properties begin on line 2, the tasks, one a line, after them."""
    return read_ik_setup(
        written(
            folder / "setup.xml",
            f"<OpenSimDocument Version='40600'><InverseKinematicsTool>\n{properties}\n<IKTaskSet><objects>\n"
            + "\n".join(tasks)
            + "\n</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>",
        )
    )


def task(name: str, inside: str = "<weight>1</weight>") -> str:
    return f'<IKMarkerTask name="{name}">{inside}</IKMarkerTask>'


def coordinate_task(name: str, *, weight: str = "10", inside: str = "") -> str:
    return f'<IKCoordinateTask name="{name}"><weight>{weight}</weight>{inside}</IKCoordinateTask>'


def manual(value: str) -> str:
    return f"<value_type>manual_value</value_type><value>{value}</value>"


# Marker tasks


def test_weights_are_read_in_order(tmp_path: Path) -> None:
    path = task_set(tmp_path, task("B", "<weight>2.5</weight>"), task("A", "<weight> 0 </weight>"))
    assert list((read_ik_setup(path).marker_weights or {}).items()) == [("B", 2.5), ("A", 0.0)]


def test_a_task_without_a_weight_weighs_one_and_is_named(tmp_path: Path) -> None:
    setup = read_ik_setup(task_set(tmp_path, task("A", "")))
    assert setup.marker_weights == {"A": 1.0}
    assert setup.notes[0].endswith("1 marker tasks have no <weight> and weigh 1 here, 0 in OpenSim: A")


@pytest.mark.parametrize(
    ("apply", "counts"), [("true", 1), (" True ", 1), ("1", 1), ("", 1), ("false", 0), ("FALSE", 0), ("0", 0)]
)
def test_only_tasks_that_are_applied_count(apply: str, counts: int, tmp_path: Path) -> None:
    path = task_set(tmp_path, task("A", f"<apply>{apply}</apply><weight>3</weight>"), task("B"))
    assert ("A" in (read_ik_setup(path).marker_weights or {})) == bool(counts)


def test_an_unclear_apply_is_refused(tmp_path: Path) -> None:
    path = task_set(tmp_path, "\n", task("A", "<apply>maybe</apply>"))
    with pytest.raises(FileFormatError, match=r"setup\.xml:2: found apply 'maybe' of marker A; expected true or false"):
        read_ik_setup(path)


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "heavy", "", "1 2", "1d3", "1_0", "0x1"])
def test_a_weight_that_is_none_is_refused_by_marker_and_line(weight: str, tmp_path: Path) -> None:
    path = task_set(tmp_path, task("A"), "\n", task("C7", f"<weight>{weight}</weight>"))
    with pytest.raises(
        FileFormatError, match=rf"setup\.xml:2: found weight '{weight}' of marker C7; expected a number"
    ):
        read_ik_setup(path)


def test_a_decimal_comma_is_refused_with_its_remedy(tmp_path: Path) -> None:
    path = task_set(tmp_path, task("C7", "<weight>0,5</weight>"))
    with pytest.raises(FileFormatError, match=r"setup\.xml:1: found weight '0,5' of marker C7; .* decimal point"):
        read_ik_setup(path)


def test_two_tasks_of_one_marker_may_not_disagree(tmp_path: Path) -> None:
    same = task_set(tmp_path, task("A"), task("A"))
    assert read_ik_setup(same).marker_weights == {"A": 1.0}
    path = task_set(tmp_path, task("A"), "\n", task("A", "<weight>5</weight>"))
    with pytest.raises(FileFormatError, match=r"setup\.xml:2: found another task of marker A, after line 1"):
        read_ik_setup(path)


def test_a_task_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"setup\.xml:1: found an IKMarkerTask without a name"):
        read_ik_setup(task_set(tmp_path, "<IKMarkerTask/>"))


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"setup\.xml:4: found a task 'IKFooTask'; expected IKMarkerTask or"):
        tool(tmp_path, "", '<IKFooTask name="A"/>')


def test_a_sets_default_objects_are_no_tasks(tmp_path: Path) -> None:
    setup = read_ik_setup(task_set(tmp_path, f"<defaults>{task('default')}</defaults>", task("A")))
    assert setup.marker_weights == {"A": 1.0}
    assert "<defaults> has no effect" in setup.notes[0]


# Coordinate tasks


def test_coordinate_tasks_are_read(tmp_path: Path) -> None:
    path = task_set(
        tmp_path,
        coordinate_task("knee", weight="2", inside=manual("-1.5e-1")),
        coordinate_task("hip", inside="<value_type>default_value</value_type><value>7</value>"),
        coordinate_task("ankle", inside="<apply>false</apply>"),
    )
    assert read_ik_setup(path).coordinate_tasks == (
        CoordinateTask("knee", 2.0, "manual_value", -0.15, 1),
        CoordinateTask("hip", 10.0, "default_value", None, 1),
    )


@pytest.mark.parametrize(
    ("weight", "inside", "message"),
    [
        ("1,5", "", "found weight '1,5' of coordinate knee; expected a number of 0 or more"),
        ("-1", "", "found weight '-1' of coordinate knee"),
        ("1", manual("0,1"), "found value '0,1' of coordinate knee; expected a number; write a decimal point"),
        ("1", manual("abc"), "found value 'abc' of coordinate knee"),
        ("1", manual("0.1 0.2"), "found value '0.1 0.2' of coordinate knee"),
        ("1", manual(""), "found value '' of coordinate knee"),
        (
            "1",
            "<value_type>manual</value_type>",
            "found value_type 'manual' of coordinate knee; expected default_value",
        ),
        (
            "1",
            "<value_type>from_file</value_type>",
            "found value_type from_file of coordinate knee, and no coordinate_file",
        ),
        ("1", f"{manual('1')}<value>2</value>", "found <value> of coordinate knee again, after line 4"),
    ],
)
def test_a_malformed_coordinate_task_is_refused(weight: str, inside: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=rf"setup\.xml:4: {message}"):
        tool(tmp_path, "", coordinate_task("knee", weight=weight, inside=inside))


def test_a_coordinate_task_without_effect_is_named(tmp_path: Path) -> None:
    setup = tool(tmp_path, "", '<IKCoordinateTask name="knee"/>')
    assert setup.coordinate_tasks == ()
    assert setup.notes[0].endswith("setup.xml:4: the task of coordinate knee has the weight 0 and no effect")


def test_two_tasks_of_one_coordinate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"setup\.xml:5: found another task of coordinate knee, after line 4"):
        tool(tmp_path, "", coordinate_task("knee"), coordinate_task("knee"))


def test_without_a_marker_task_every_marker_counts(tmp_path: Path) -> None:
    assert tool(tmp_path, "", coordinate_task("knee")).marker_weights is None


# Properties of the tool


def test_properties_are_read(tmp_path: Path) -> None:
    setup = tool(
        tmp_path,
        "<time_range>0.5 1.2e0</time_range><accuracy>1e-7</accuracy><constraint_weight>20</constraint_weight>"
        "<report_errors>true</report_errors><model_file>../m.osim</model_file><marker_file>Unassigned</marker_file>"
        "<output_motion_file>out\\q.mot</output_motion_file>",
        task("A"),
    )
    assert setup.time_range_s == (0.5, 1.2)
    assert (setup.accuracy, setup.constraint_weight, setup.report_errors) == (1e-7, 20.0, True)
    assert setup.file("model_file") == tmp_path / ".." / "m.osim"
    assert setup.file("marker_file") is None
    assert setup.file("output_motion_file") == tmp_path / "out" / "q.mot"
    assert setup.notes == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-Inf Inf", (-math.inf, math.inf)),
        ("", (-math.inf, math.inf)),
        ("0.1, 0.2", (0.1, 0.2)),
        ("1 Infinity", (1, math.inf)),
    ],
)
def test_time_ranges_as_opensim_writes_and_reads_them(text: str, expected: tuple[float, float], tmp_path: Path) -> None:
    assert tool(tmp_path, f"<time_range>{text}</time_range>", task("A")).time_range_s == expected


@pytest.mark.parametrize(
    "text", ["0.1", "0.1 0.2 0.3", "0,1 0,2", "nan 1", "0.2 0.1", "0.1 end", "1d-1 2d-1", "0.1s 0.2s"]
)
def test_a_time_range_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        FileFormatError, match=rf"setup\.xml:2: found time_range '{text}'; expected two times in seconds"
    ):
        tool(tmp_path, f"<time_range>{text}</time_range>", task("A"))


@pytest.mark.parametrize(
    ("property_", "message"),
    [
        ("<accuracy>0,001</accuracy>", "found accuracy '0,001'; expected a number; write a decimal point"),
        ("<accuracy>0</accuracy>", "found accuracy '0'; expected a number above 0"),
        ("<constraint_weight>stiff</constraint_weight>", "found constraint_weight 'stiff'"),
        ("<report_errors>perhaps</report_errors>", "found report_errors 'perhaps'; expected true or false"),
        ("<accuracy>1e-5</accuracy><accuracy>1e-6</accuracy>", "found <accuracy> again, after line 2"),
    ],
)
def test_a_malformed_property_is_refused(property_: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=rf"setup\.xml:2: {message}"):
        tool(tmp_path, property_, task("A"))


@pytest.mark.parametrize(
    ("property_", "note"),
    [
        ("<Time_Range>0 1</Time_Range>", "<Time_Range> ('0 1') is no property of InverseKinematicsTool"),
        ("<Time_Range>0 1</Time_Range>", "has no effect; is <time_range> meant?"),
        ("<colour>red</colour>", "<colour> ('red') is no property of InverseKinematicsTool and has no effect"),
        ("<report_marker_locations>true</report_marker_locations>", "report_marker_locations is not supported"),
        ("<coordinate_file>c.mot</coordinate_file>", "is not used: no task has value_type from_file"),
    ],
)
def test_what_is_not_applied_is_named(property_: str, note: str, tmp_path: Path) -> None:
    (found,) = tool(tmp_path, property_, task("A")).notes
    assert found.startswith(f"{tmp_path / 'setup.xml'}:2: ")
    assert note in found


def test_an_element_within_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"setup\.xml:4: found <b> within weight of marker A; expected its value"):
        tool(tmp_path, "", task("A", "<weight>1<b/>0</weight>"))


def test_what_lies_outside_the_tool_is_named(tmp_path: Path) -> None:
    tool_only = f"<InverseKinematicsTool>{task('A')}</InverseKinematicsTool>"
    text = f"<OpenSimDocument><time_range>0 1</time_range>\n{tool_only}</OpenSimDocument>"
    path = written(tmp_path / "setup.xml", text)
    setup = read_ik_setup(path)
    assert setup.time_range_s == (-math.inf, math.inf)
    assert setup.notes == (
        f"{path}:1: <time_range> is outside InverseKinematicsTool and has no effect; move it inside",
    )


def test_an_unknown_element_of_a_task_is_named(tmp_path: Path) -> None:
    (note,) = tool(tmp_path, "", task("A", "<weight>1</weight><wieght>3</wieght>")).notes
    assert note.endswith(
        "setup.xml:4: <wieght> ('3') is no property of IKMarkerTask and has no effect; is <weight> meant?"
    )


def test_tasks_may_lie_in_a_file_of_their_own(tmp_path: Path) -> None:
    written(tmp_path / "tasks.xml", f"<OpenSimDocument><IKTaskSet>{task('A')}</IKTaskSet></OpenSimDocument>")
    text = '<InverseKinematicsTool><IKTaskSet file="{}"/></InverseKinematicsTool>'
    assert read_ik_setup(written(tmp_path / "a.xml", text.format("tasks.xml"))).marker_weights == {"A": 1.0}
    with pytest.raises(FileFormatError, match=r"a\.xml:1: found the IKTaskSet file 'no\.xml', which is not there"):
        read_ik_setup(written(tmp_path / "a.xml", text.format("no.xml")))


# Files


@pytest.mark.parametrize("other", ["ScaleTool", "CMCTool", "InverseDynamicsTool", "Model", "IKTool"])
def test_the_set_up_of_another_tool_is_named(other: str, tmp_path: Path) -> None:
    path = written(tmp_path / "setup.xml", f"<OpenSimDocument>\n<{other}>{task('A')}</{other}></OpenSimDocument>")
    with pytest.raises(
        FileFormatError, match=rf"setup\.xml:2: found {other}; expected the set-up of inverse kinematics"
    ):
        read_ik_setup(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no element found"),
        ("time\tx\n0\t1\n", "expected an OpenSim set-up file"),
        ("<OpenSimDocument/>", "no IKMarkerTask"),
        ("<OpenSimDocument><IKMarkerTask name='A'>", "no element found"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><OpenSimDocument/>", "declaration of an entity 'b'"),
        ("<?xml version='1.0' encoding='U-TF-8'?><OpenSimDocument/>", "unknown encoding: U-TF-8; expected UTF-8"),
        (
            "<?xml version='1.0' encoding='base64'?><OpenSimDocument/>",
            "'base64' is not a text encoding.*; expected UTF-8",
        ),
        ("<a>" * 200, "<a> lies within 100 other elements"),
    ],
)
def test_another_file_is_refused_by_name(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=rf"setup\.xml.*: .*{message}"):
        read_ik_setup(written(tmp_path / "setup.xml", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"absent\.xml: found no such file"):
        read_ik_setup(tmp_path / "absent.xml")


@pytest.mark.parametrize("declaration", ["", "<?xml version='1.0' encoding='UTF-8'?>"])
def test_a_bare_ampersand_and_latin_1_are_read_as_by_opensim(declaration: str, tmp_path: Path) -> None:
    path = tmp_path / "setup.xml"
    tasks = "".join(map(task, ("A &amp; B", "C & D", "&nbsp;", "Fuß")))
    text = f"{declaration}<!-- A & B --><IKTaskSet>{tasks}</IKTaskSet>"
    path.write_bytes(text.encode("latin-1"))
    setup = read_ik_setup(path)
    assert list(setup.marker_weights or {}) == ["A & B", "C & D", "&nbsp;", "Fuß"]
    assert [note.rpartition(": ")[2] for note in setup.notes] == [
        "a byte that is not UTF-8; read as Latin-1",
        "2 bare & taken for themselves; XML writes &amp;",
    ]


@needs_shared_data
def test_an_experts_set_up() -> None:
    setup = read_ik_setup(LAB / "DJ1_expert_ik_setup.xml")
    assert len(setup.marker_weights or {}) > 20
    assert setup.accuracy == 1e-5
    assert setup.notes == ()
