"""The pages of a home as an ASGI application: every address, and what it shows.

Starlette, which Prefect and MLflow bring, does what is needed here: routes, threads for functions that wait for the
database, parts of a video. The pages are rendered here, and forms are read from the address: each page can be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from biopose.assets import asset
from biopose.errors import FileFormatError, ModelError
from flows.pages.athlete import athlete
from flows.pages.body import glb_of
from flows.pages.compare import compare
from flows.pages.models import models, with_registry
from flows.pages.night import night
from flows.pages.page_cache import PageCache
from flows.pages.questions import csv, question, questions
from flows.pages.reader import Reader
from flows.pages.security import REPORT_POLICY, protected
from flows.pages.squad import squad
from flows.pages.templates import environment
from flows.pages.trial import curves, trial
from flows.pages.trial_files import REPORT, SHOWN, TrialFiles
from flows.serving.own_requests import Application
from tasks.settings import Addresses, Settings
from warehouse.errors import NoWarehouseError, QueryError, QueryLimitError, UnknownNameError, WarehouseError
from warehouse.limits import Limits
from warehouse.open_snapshot import OpenSnapshot, Version

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
}
LINKS = {"athlete": "/athlete/", "trial": "/trial/", "query": "/questions/"}


def application(settings: Settings) -> Application:
    """The pages of a home, protected.

    Args:
        settings: of the home.
    """
    site = _Site(settings, OpenSnapshot(settings.snapshot, LIMITS), PageCache())
    trial_path = "/trial/{team}/{session}/{trial}"
    routes = [
        Route("/", site.page("night", _night(settings))),
        Route("/night", site.page("night", _night(settings))),
        Route("/squad", site.kept_page("squad", squad)),
        Route("/athlete/{team}/{athlete}", site.athlete),
        Route(trial_path, site.trial),
        Route(f"{trial_path}/curves.json", site.curves),
        Route(f"{trial_path}/files/{{file}}", site.file),
        Route(f"{trial_path}/body.glb", site.body),
        Route("/compare", site.kept_page("compare", compare)),
        Route("/questions", site.page("questions", questions)),
        Route("/questions/{name}", site.question),
        Route("/questions/{name}/answer.csv", site.csv),
        Route("/models", site.models),
        Route("/about", site.about),
        Route("/health", lambda _: PlainTextResponse("ok")),
        Route("/static/plot.css", lambda _: FileResponse(PLOT_STYLE)),
        Route("/static/three.js", lambda _: FileResponse(asset(THREE), media_type="text/javascript")),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    failures = dict.fromkeys((*STATUS, HTTPException), site.failure)
    return protected(Starlette(routes=routes, exception_handlers=failures))


def _night(settings: Settings) -> Answer:
    return partial(night, settings=settings)


@dataclass(frozen=True)
class _Site:
    """Responds to requests, each from one snapshot."""

    settings: Settings
    snapshot: OpenSnapshot
    cache: PageCache

    def page(self, template: str, answer: Answer) -> Callable[[Request], Response]:
        """An endpoint that has no part of its address to look up."""
        return lambda request: self._rendered(request, template, *self._ask(request, answer))

    def kept_page(self, template: str, answer: Answer) -> Callable[[Request], Response]:
        """Likewise, of a page that is made of the snapshot alone."""
        return lambda request: self._kept(request, template, answer)

    def athlete(self, request: Request) -> Response:
        """An athlete's page."""
        given = request.path_params
        answer = partial(athlete, athlete_id=f"{given['team']}/{given['athlete']}")
        return self._kept(request, "athlete", answer)

    def trial(self, request: Request) -> Response:
        """A trial's page."""
        answer = partial(trial, trial_id=_trial_id(request), home=self.settings.home)
        return self._kept(request, "trial", answer)

    def curves(self, request: Request) -> Response:
        """What the cursor on a trial's curves shows."""
        content, _ = self._ask(request, partial(curves, trial_id=_trial_id(request)))
        return Response(content, media_type="application/json")

    def file(self, request: Request) -> Response:
        """A file of a trial, or a part of it."""
        name = request.path_params["file"]
        found = self._trial_files(request).file(name)
        if found is None:
            raise HTTPException(404, "This trial has no such file.")
        return FileResponse(
            found.path,
            media_type=found.media_type,
            filename=f"{request.path_params['trial']}_{name}",
            content_disposition_type="inline" if name in SHOWN else "attachment",
            headers={"content-security-policy": REPORT_POLICY} if name == REPORT else None,
        )

    def body(self, request: Request) -> Response:
        """A trial's body and skeleton, animated."""
        trial = self._trial_files(request).file("trial.parquet")
        if trial is None:
            raise HTTPException(404, "The files of this trial are not in the home.")
        return Response(glb_of(trial.path), media_type="model/gltf-binary")

    def question(self, request: Request) -> Response:
        """A named query's page."""
        answer = partial(question, name=request.path_params["name"])
        context, version = self._ask(request, answer)
        return self._rendered(request, "question", context, version, status=400 if context["error"] else 200)

    def csv(self, request: Request) -> Response:
        """A named query's answer."""
        name = request.path_params["name"]
        content, _ = self._ask(request, partial(csv, name=name))
        headers = {"content-disposition": f"attachment; filename*=utf-8''{quote(f'{name}.csv', safe='')}"}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)

    def models(self, request: Request) -> Response:
        """Model versions."""
        context, version = self._ask(request, models)
        return self._rendered(request, "models", with_registry(context, self.settings), version)

    def about(self, request: Request) -> Response:
        """Where things are: the home, and the pages of Prefect and MLflow if `biopose up` serves them."""
        context = {
            "title": "About these pages",
            "home": self.settings.home,
            "port": self.settings.pages_port,
            "served": Addresses.recorded(self.settings),
            "login": self.settings.prefect_login,
        }
        return self._rendered(request, "about", context, None)

    def failure(self, request: Request, error: Exception) -> Response:
        """The page of an error."""
        links: list[tuple[str, str]] = []
        if isinstance(error, HTTPException):
            status, title, message = error.status_code, "Not found", str(error.detail)
            message = "There is no page at this address." if message == "Not Found" else message
        else:
            status, title = next(found for kind, found in STATUS.items() if isinstance(error, kind))
            message = str(error)
        if isinstance(error, UnknownNameError) and error.kind in LINKS:
            links = [(name, LINKS[error.kind] + name) for name in error.nearest]
        context = {"title": title, "message": message, "links": links}
        return self._rendered(request, "failure", context, None, status=status)

    def _ask(self, request: Request, answer: Answer) -> tuple[Any, Version]:
        """What a page shows, and the version of the snapshot that it was read from."""
        asked = dict(request.query_params)
        return self.snapshot.answer(lambda connection: answer(Reader(connection, self.settings.queries), asked))

    def _trial_files(self, request: Request) -> TrialFiles:
        def folder(read: Reader, _: Mapping[str, str]) -> str:
            return str(read.rows("trial_description", trial=_trial_id(request))[0]["artifacts"])

        artifacts, _ = self._ask(request, folder)
        return TrialFiles(self.settings.home, artifacts)

    def _kept(self, request: Request, template: str, answer: Answer) -> HTMLResponse:
        """A page that is rendered once for each snapshot."""

        def render() -> tuple[str, Version]:
            context, version = self._ask(request, answer)
            return _html(request, template, context, version), version

        address = f"{request.url.path}?{request.url.query}"
        return HTMLResponse(self.cache.get(address, self.snapshot.newest(), render))

    def _rendered(
        self, request: Request, template: str, context: Context, version: Version | None, *, status: int = 200
    ) -> HTMLResponse:
        return HTMLResponse(_html(request, template, context, version), status_code=status)


def _html(request: Request, template: str, context: Context, version: Version | None) -> str:
    published = None if version is None else version.published
    return environment().get_template(f"{template}.html.j2").render(context, path=request.url.path, published=published)


def _trial_id(request: Request) -> str:
    given = request.path_params
    return f"{given['team']}/{given['session']}/{given['trial']}"
