"""The pages of a home as an ASGI application: every address, and what it shows.

Starlette, which Prefect and MLflow bring, does what is needed here: routes, threads for functions that wait for the
database, parts of a video. The pages are rendered here, and forms are read from the address: each page can be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from biopose.assets import asset
from biopose.errors import BioposeError, FileFormatError, ModelError
from flows.pages.athlete import athlete
from flows.pages.body import glb_of, has_body
from flows.pages.compare import compare
from flows.pages.compare_groups import compare_chosen
from flows.pages.exports import FORMATS, exportable, exported
from flows.pages.models import models, with_registry
from flows.pages.night import first_night, night
from flows.pages.page_cache import DependsOn, PageCache
from flows.pages.questions import csv, question, questions
from flows.pages.reader import Reader, Row
from flows.pages.security import REPORT_POLICY, protected
from flows.pages.sign_in import SignIn
from flows.pages.squad import squad
from flows.pages.templates import environment
from flows.pages.trial import curves, trial
from flows.pages.trial_files import REPORT, SHOWN, TRIAL, TrialFiles
from flows.pages.visitors import KEY, IdentifiedOnly, Proxy, Sessions, Visitor
from flows.serving.own_requests import Application
from tasks.audit import NOBODY, Act, AuditLog, People
from tasks.prometheus_metrics import prometheus_metrics
from tasks.settings import Addresses, Settings
from warehouse.errors import NoWarehouseError, QueryError, QueryLimitError, UnknownNameError, WarehouseError
from warehouse.limits import Limits
from warehouse.open_snapshot import OpenSnapshot, Version, newest_version

HERE = Path(__file__).parent
PLOT_STYLE = Path(__file__).parents[2] / "biopose" / "report" / "templates" / "plot.css"
THREE = "web/three.js"  # of the assets
LIMITS = Limits(time_s=20.0, memory_gb=1.0)
Context = dict[str, Any]
Answer = Callable[[Reader, Mapping[str, str]], Any]
STATUS: dict[type[Exception], tuple[int, str]] = {  # the first that fits
    ModelError: (404, "Not found"),
    FileFormatError: (404, "Not found"),
    UnknownNameError: (404, "Not found"),
    QueryLimitError: (503, "This takes too long"),
    QueryError: (400, "This cannot be answered"),
    NoWarehouseError: (503, "Nothing is measured yet"),
    WarehouseError: (503, "The warehouse cannot be read"),
    BioposeError: (503, "The home cannot be used"),
}
NOTHING_YET = (
    "No ingest has stored a trial in this home yet. `biopose up` starts one every night, `biopose ingest INBOX` starts "
    "one now. Trials are shown from the first on; those that cannot be measured are listed under Last night."
)
HTTP_TITLES = {403: "Not allowed", 404: "Not found", 503: "This server is busy"}
LOCAL = "this machine"  # who looks at a home without users
NOBODY_KNOWN = Visitor(None, ())
LINKS = {"athlete": "/athlete/", "trial": "/trial/", "query": "/questions/"}


def application(
    settings: Settings, *, public_names: Collection[str] = (), proxy: Proxy | None = None, is_on_loopback: bool = True
) -> Application:
    """The pages of a home, protected.

    Args:
        settings: of the home.
        public_names: by which other machines reach the server.
        proxy: that signs users in; None: they sign in with a token.
        is_on_loopback: whether only this machine can reach the server; a home without users is shown to it alone.
    """
    log, sessions = AuditLog(settings.home), Sessions(settings)
    sign_in = SignIn(sessions, log, proxy)
    failures = dict.fromkeys((*STATUS, HTTPException), partial(_failure, settings))
    starlette = Starlette(routes=routes(settings, sign_in, log), exception_handlers=failures)
    identified = IdentifiedOnly(
        starlette, sign_in.refuse, sessions=sessions, log=log, proxy=proxy, is_on_loopback=is_on_loopback
    )
    return protected(identified, public_names)


def routes(settings: Settings, sign_in: SignIn, log: AuditLog) -> list[Route | Mount]:
    """Every address.

    Args:
        settings: of the home.
        sign_in: the endpoints of signing in.
        log: in which it is recorded who saw whom.
    """
    snapshot = OpenSnapshot(settings.snapshot, LIMITS)
    site = _Site(settings, snapshot, PageCache(snapshot), log)
    trial_path = "/trial/{team}/{session}/{trial}"
    return [
        Route("/", site.night),
        Route("/night", site.night),
        Route("/squad", site.squad),
        Route("/athlete/{team}/{athlete}", site.athlete),
        Route(trial_path, site.trial),
        Route(f"{trial_path}/curves.json", site.curves),
        Route(f"{trial_path}/files/{{file}}", site.file),
        Route(f"{trial_path}/body.glb", site.body),
        Route(f"{trial_path}/export/{{format}}", site.export),
        Route("/compare", site.compare),
        Route("/compare/groups", site.compare_groups),
        Route("/questions", site.questions),
        Route("/questions/{name}", site.question),
        Route("/questions/{name}/answer.csv", site.csv),
        Route("/models", site.models),
        Route("/about", site.about),
        Route("/account", sign_in.account),
        Route("/sign-in", sign_in.page, methods=["GET", "POST"]),
        Route("/sign-out", sign_in.sign_out, methods=["POST"]),
        Route("/metrics", site.metrics),
        Route("/health", lambda _: PlainTextResponse("ok")),
        Route("/static/plot.css", lambda _: FileResponse(PLOT_STYLE)),
        Route("/static/three.js", lambda _: FileResponse(asset(THREE), media_type="text/javascript")),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


@dataclass(frozen=True)
class _Site:
    """Responds to requests, each from one snapshot and with the rows of the visitor's teams; records who saw whom."""

    settings: Settings
    snapshot: OpenSnapshot
    cache: PageCache
    log: AuditLog

    def night(self, request: Request) -> Response:
        """What the last night stored, and what is in quarantine: a first night may leave nothing else."""
        version: Version | None = None
        try:
            context, version = self._ask(request, partial(night, settings=self.settings))
        except NoWarehouseError:
            context = first_night(self.settings, _visitor(request).teams)
            if context is None:
                raise
        reply = self._rendered(request, "night", context, version)
        self._record(request, "page night", People.of_teams(_visitor(request).teams))
        return reply

    def squad(self, request: Request) -> Response:
        """A squad's page; its form offers all teams and activities of the visitor."""
        asked, own = request.query_params.get("team", "any"), _visitor(request).teams
        teams = own if asked in ("any", "") else (asked,)
        return self._kept(
            request, "squad", squad, People.of_teams(teams), lambda state: (state.of(teams), state.choices(own))
        )

    def athlete(self, request: Request) -> Response:
        """An athlete's page."""
        given = request.path_params
        athlete_id = f"{given['team']}/{given['athlete']}"
        teams, answer = (str(given["team"]),), partial(athlete, athlete_id=athlete_id)
        return self._kept(
            request, "athlete", answer, People(athletes=(athlete_id,)), lambda state: state.of(teams)
        )  # the squad's others are of the team

    def trial(self, request: Request) -> Response:
        """A trial's page."""
        trial_id = _trial_id(request)
        answer = partial(trial, trial_id=trial_id, home=self.settings.home)
        return self._kept(request, "trial", answer, People(trials=(trial_id,)))

    def compare(self, request: Request) -> Response:
        """Two trials."""
        chosen = tuple(request.query_params.get(name, "") for name in ("first", "second"))
        answer = partial(compare, home=self.settings.home)
        return self._kept(request, "compare", answer, People(trials=chosen) if all(chosen) else NOBODY)

    def compare_groups(self, request: Request) -> Response:
        """Two groups of trials."""
        context, version = self._ask(request, compare_chosen)
        reply = self._rendered(request, "compare_groups", context, version, status=400 if context["error"] else 200)
        self._record(request, "page compare groups", context["people"])
        return reply

    def curves(self, request: Request) -> Response:
        """What the cursor on a trial's curves shows."""
        content, _ = self._ask(request, partial(curves, trial_id=_trial_id(request)))
        self._record(request, "file curves.json", People(trials=(_trial_id(request),)))
        return Response(content, media_type="application/json")

    def file(self, request: Request) -> Response:
        """A file of a trial, or a part of it."""
        name = request.path_params["file"]
        found = self._described(request)[0].file(name)
        if found is None:
            raise HTTPException(404, "This trial has no such file.")
        self._record(request, f"file {name}", People(trials=(_trial_id(request),)), act="download")
        return FileResponse(
            found.path,
            media_type=found.media_type,
            filename=f"{request.path_params['trial']}_{name}",
            content_disposition_type="inline" if name in SHOWN else "attachment",
            headers={"content-security-policy": REPORT_POLICY} if name == REPORT else None,
        )

    def body(self, request: Request) -> Response:
        """A trial's body and skeleton, animated."""
        files, described = self._described(request)
        found = files.file(TRIAL)
        if found is None:
            raise HTTPException(404, "The files of this trial are not in the home.")
        if not has_body(files, described):
            raise HTTPException(404, "A recording of markers or keypoints has a skeleton, and no body to be shown.")
        content = glb_of(found.path)
        self._record(request, "file body.glb", People(trials=(_trial_id(request),)), act="download")
        return Response(content, media_type="model/gltf-binary")

    def export(self, request: Request) -> Response:
        """A trial in another format."""
        wanted = request.path_params["format"]
        files, _ = self._described(request)
        if wanted not in exportable(files):
            raise HTTPException(404, "This trial cannot be had in this format.")
        content = exported(files, wanted)
        self._record(request, f"file .{wanted}", People(trials=(_trial_id(request),)), act="download")
        name = quote(f"{request.path_params['trial']}.{wanted}", safe="")
        headers = {"content-disposition": f"attachment; filename*=utf-8''{name}"}
        return Response(content, media_type=FORMATS[wanted][0], headers=headers)

    def questions(self, request: Request) -> Response:
        """All named queries; nobody's rows."""
        return self._rendered(request, "questions", *self._ask(request, questions))

    def question(self, request: Request) -> Response:
        """A named query's page."""
        name = request.path_params["name"]
        context, version = self._ask(request, partial(question, name=name))
        reply = self._rendered(request, "question", context, version, status=400 if context["error"] else 200)
        self._record(request, f"query {name}", context["people"])
        return reply

    def csv(self, request: Request) -> Response:
        """A named query's answer."""
        name = request.path_params["name"]
        (content, people), _ = self._ask(request, partial(csv, name=name))
        self._record(request, f"query {name} as CSV", people, act="download")
        headers = {"content-disposition": f"attachment; filename*=utf-8''{quote(f'{name}.csv', safe='')}"}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)

    def models(self, request: Request) -> Response:
        """Model versions; nobody's rows."""
        context, version = self._ask(request, models)
        return self._rendered(request, "models", with_registry(context, self.settings), version)

    def about(self, request: Request) -> Response:
        """Where things are, for who reads all: the home, and the pages of Prefect and MLflow if they are served."""
        context = {
            "title": "About these pages",
            "is_owner": _visitor(request).teams is None,
            "home": self.settings.home,
            "port": self.settings.pages_port,
            "served": Addresses.recorded(self.settings),
            "login": self.settings.prefect_login,
            "mlflow_is_own": self.settings.mlflow_server is None,
        }
        return self._rendered(request, "about", context, self.snapshot.newest())

    def metrics(self, request: Request) -> Response:
        """The state of the home for Prometheus, which is of all teams."""
        if _visitor(request).teams is not None:
            raise HTTPException(403, "The metrics are of all teams: `biopose user add monitor --all-teams`.")
        return Response(prometheus_metrics(self.settings), media_type=CONTENT_TYPE_LATEST)

    def _ask(self, request: Request, answer: Answer) -> tuple[Any, Version]:
        """What a page shows, and the version of the snapshot that it was read from."""
        asked, teams = dict(request.query_params), _visitor(request).teams
        return self.snapshot.answer(
            lambda connection: answer(
                Reader(connection, self.settings.queries, teams, self.snapshot.kept(teams)), asked
            ),
            teams=teams,
        )

    def _record(self, request: Request, what: str, people: People, *, act: Act = "view") -> None:
        if people != NOBODY and request.method == "GET":
            self.log.append_once(_visitor(request).name or LOCAL, act, what, people)

    def _described(self, request: Request) -> tuple[TrialFiles, Row]:
        """A trial's files, and its row of the query trial_description."""

        def description(read: Reader, _: Mapping[str, str]) -> Row:
            return read.rows("trial_description", trial=_trial_id(request))[0]

        described, _ = self._ask(request, description)
        return TrialFiles(self.settings.home, described["artifacts"]), described

    def _kept(
        self,
        request: Request,
        template: str,
        answer: Answer,
        people: People,
        depends_on: DependsOn = attrgetter("version"),
    ) -> HTMLResponse:
        """A page that is rendered once for each state of what it depends on, and for each set of teams."""

        def render() -> tuple[str, Version]:
            context, version = self._ask(request, answer)
            return _html(request, template, context, version), version

        visitor = _visitor(request)
        address = (visitor.teams, visitor.name is None, request.url.path, request.url.query)
        page, read, as_of = self.cache.get(address, depends_on, render)
        self._record(request, f"page {template}", people)
        return HTMLResponse(page.replace(_stamp(read), _stamp(as_of)))

    def _rendered(
        self, request: Request, template: str, context: Context, version: Version | None, *, status: int = 200
    ) -> HTMLResponse:
        return HTMLResponse(_html(request, template, context, version), status_code=status)


def _failure(settings: Settings, request: Request, error: Exception) -> Response:
    """The page of an error; what there is not is so as of the newest snapshot."""
    links: list[tuple[str, str]] = []
    if isinstance(error, HTTPException):
        status, message = error.status_code, str(error.detail)
        title = HTTP_TITLES.get(status, HTTPStatus(status).phrase)
        message = "There is no page at this address." if message == "Not Found" else message
    else:
        status, title = next(found for kind, found in STATUS.items() if isinstance(error, kind))
        is_empty = isinstance(error, NoWarehouseError) and settings.home.is_dir()
        message = NOTHING_YET if is_empty else str(error)
    if isinstance(error, UnknownNameError) and error.kind in LINKS:
        links = [(name, LINKS[error.kind] + name) for name in error.nearest]
        message = message.partition("; nearest: ")[0] if links else message  # they are listed below
    if _visitor(request).teams is not None:
        for folder in (settings.home, settings.home.resolve()):  # where the files of a trial are
            message = message.replace(f"{folder}/", "")
    context = {"title": title, "message": message, "links": links}
    version = newest_version(settings.snapshot) if isinstance(error, UnknownNameError) else None
    return HTMLResponse(_html(request, "failure", context, version), status_code=status)


def _html(request: Request, template: str, context: Context, version: Version | None) -> str:
    published = None if version is None else _stamp(version)
    signed_in = _visitor(request).name is not None
    page = environment().get_template(f"{template}.html.j2")
    return page.render(context, path=request.url.path, published=published, signed_in=signed_in)


def _stamp(version: Version) -> Markup:
    """When a snapshot was published, as pages state it."""
    at = version.published
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M} UTC</time>').format(at.isoformat(), at)


def _visitor(request: Request) -> Visitor:
    """Who asks; on open pages, such as that of a file of style that is not there, somebody who reads no row."""
    visitor: Visitor | None = request.scope[KEY]
    return visitor or NOBODY_KNOWN


def _trial_id(request: Request) -> str:
    given = request.path_params
    return f"{given['team']}/{given['session']}/{given['trial']}"
