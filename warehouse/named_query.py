"""Named queries: ours, in the folder `queries`, and a team's own beside them.

A named query is a file of SQL. Its first comment lines say what it answers, its grain, its parameters, a line each, and
an example; two further spaces continue a line:

    -- One metric of one athlete, session by session.
    -- Grain: a session, activity and side.
    -- athlete: one of athlete.athlete_id, such as blue/ann
    -- since: date, of the first session = 1900-01-01        what follows the = is the default
    -- Example: --param athlete=blue/ann

`-- Empty: ...` is why an answer can have no row, and is shown where it has none. Ours may state `-- Teams: others`:
whoever may read the rows of some teams alone gets the answer over all other teams.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from warehouse.errors import QueryError
from warehouse.parameters import Parameter

FOLDER = Path(__file__).parent / "queries"
OTHERS = "others"
LINE = re.compile(r"^(\w+): (.*?)(?: = (.*))?$")
IN_SQL = re.compile(r"\$([A-Za-z_]\w*)")


@dataclass(frozen=True)
class NamedQuery:
    """A query with a name.

    Attributes:
        name: of its file.
        description: what it answers.
        grain: what a row of the answer is; empty where the file does not say.
        note: what the answer does not tell; empty where the file does not say.
        no_rows: why an answer can have no row; empty where the file does not say.
        example: parameters as the command line takes them; empty where the file does not say.
        parameters: in the file's order.
        sql: the whole file.
        file: where it is.
        teams: whose rows a reader of some teams alone has the answer over, as the file states it: OTHERS, or empty.
    """

    name: str
    description: str
    grain: str
    note: str
    no_rows: str
    example: str
    parameters: tuple[Parameter, ...]
    sql: str
    file: Path
    teams: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it comes with BioPose."""
        return self.file.parent == FOLDER

    @property
    def is_of_other_teams(self) -> bool:
        """Whether its answer names nobody, so that a reader of some teams alone has it over all others."""
        return self.is_ours and self.teams == OTHERS

    @property
    def defaults(self) -> dict[str, str]:
        """Of the parameters that have one."""
        return {parameter.name: parameter.default for parameter in self.parameters if parameter.default is not None}


def named_queries(own: Path | None = None) -> dict[str, NamedQuery]:
    """All named queries, by name: ours, then those of a team's folder, if there is one; a folder in it is none.

    Raises:
        QueryError: a file of the folder has the name of one of ours, or cannot be read.
    """
    found = dict(_ours())
    for file in sorted(own.glob("*.sql")) if own is not None else ():
        if file.is_dir():
            continue
        if file.stem in found:
            raise QueryError(f"{file}: a query {file.stem} comes with BioPose; rename the file")
        found[file.stem] = _read(file)
    return found


@cache
def _ours() -> dict[str, NamedQuery]:
    """Ours do not change while a process runs."""
    return {file.stem: _read(file) for file in sorted(FOLDER.glob("*.sql"))}


def _read(file: Path) -> NamedQuery:
    try:
        sql = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise QueryError(f"{file}: cannot be read: {error.strerror}; correct or remove it") from error
    first, *others = _comment_lines(sql) or ["No description."]
    keyed = [found.groups() for line in others if (found := LINE.match(line))]
    texts = {key: meaning for key, meaning, _ in keyed if not key.islower()}
    used = set(IN_SQL.findall(sql))  # other keys, such as an author, are comments
    listed = [Parameter(*groups) for groups in keyed if groups[0].islower() and groups[0] in used]
    names = {parameter.name for parameter in listed}
    undescribed = dict.fromkeys(name for name in IN_SQL.findall(sql) if name not in names)
    parameters = (*listed, *(Parameter(name, "a value", None) for name in undescribed))
    return NamedQuery(
        name=file.stem,
        description=first,
        grain=texts.get("Grain", ""),
        note=texts.get("Note", ""),
        no_rows=texts.get("Empty", ""),
        example=texts.get("Example", ""),
        parameters=parameters,
        sql=sql,
        file=file,
        teams=texts.get("Teams", ""),
    )


def _comment_lines(sql: str) -> list[str]:
    """The comment before the SQL, continued lines joined."""
    lines: list[str] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        text = line[3:]
        if text.startswith("  ") and lines:
            lines[-1] += " " + text.strip()
        elif text.strip():
            lines.append(text.strip())
    return lines
