"""Signing in with a token, signing out, and the page that says who is signed in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from flows.pages.templates import environment
from flows.pages.visitors import KEY, SESSION_S, Proxy, Sessions, Visitor
from tasks.audit import AuditLog

LONGEST_FORM = 4096  # bytes
FORM_S = 3600  # that a form of signing in can wait
NO_USER = (
    "This server shows its pages to users alone, and the proxy before it gave the name of none. Open it through that "
    "proxy; who runs it adds users by `biopose user add NAME --team TEAM`."
)
NO_USERS = "Nobody has been given access yet: `biopose user add NAME --team TEAM` prints a token."


@dataclass(frozen=True)
class SignIn:
    """The endpoints.

    Attributes:
        sessions: of users.
        log: in which signing in is recorded.
        proxy: that signs users in, in place of these pages.
    """

    sessions: Sessions
    log: AuditLog
    proxy: Proxy | None

    async def refuse(self, scope: Any, receive: Any, send: Any) -> None:
        """Respond to a request of nobody known: with the form, at whatever address."""
        request = Request(scope)
        is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "text/html")
        address = f"{request.url.path}?{request.url.query}".rstrip("?") if is_page else "/"
        await self._form(request, goes_to=_own_path(address), message="")(scope, receive, send)

    async def page(self, request: Request) -> Response:
        """The form, or what it sent."""
        if request.method == "POST":
            return await self._sent(request)
        return self._form(request, goes_to="/", message="", status=200)

    async def sign_out(self, request: Request) -> Response:
        """End the session; the form of the page `account` sends it."""
        value = request.cookies.get(self.sessions.cookie, "")
        if not self.sessions.is_form_token(value, (await _fields(request)).get("form", "")):
            return self._form(request, goes_to="/account", message="Send this form from the page of your account.")
        self.sessions.end(value)
        reply = RedirectResponse("/sign-in", status_code=303)
        reply.delete_cookie(self.sessions.cookie, httponly=True, samesite="strict")
        return reply

    def account(self, request: Request) -> Response:
        """Who is signed in, and the form to sign out."""
        visitor: Visitor = request.scope[KEY]
        value = request.cookies.get(self.sessions.cookie, "")
        form = self.sessions.form_token(value) if value and self.proxy is None else ""
        return _rendered(request, "account", {"title": "Your account", "visitor": visitor, "form": form})

    async def _sent(self, request: Request) -> Response:
        fields = await _fields(request)
        goes_to = _own_path(fields.get("goes_to", "/"))
        if not self.sessions.is_form_token(request.cookies.get(self._form_cookie, ""), fields.get("form", "")):
            message = "The form was open for too long, or cookies are refused; send it again."
            return self._form(request, goes_to=goes_to, message=message)
        begun = await run_in_threadpool(self.sessions.begin, fields.get("token", "").strip())
        if begun is None:
            self.log.append("unknown", "refuse", "signing in with a token of nobody")
            return self._form(request, goes_to=goes_to, message="This is the token of no user; copy all of it.")
        user, value = begun
        self.log.append(user.name, "sign in", "with a token")
        reply = RedirectResponse(goes_to, status_code=303)
        _set_cookie(reply, request, self.sessions.cookie, value, int(SESSION_S))
        reply.delete_cookie(self._form_cookie, httponly=True, samesite="strict")
        return reply

    def _form(self, request: Request, *, goes_to: str, message: str, status: int = 401) -> Response:
        if self.proxy is not None:
            return _rendered(request, "failure", {"title": "Not allowed", "message": NO_USER, "links": []}, status=403)
        nonce = secrets.token_urlsafe(16)
        context = {
            "title": "Sign in",
            "message": message or ("" if self.sessions.users.all() else NO_USERS),
            "goes_to": goes_to,
            "form": self.sessions.form_token(nonce),
        }
        reply = _rendered(request, "sign_in", context, status=status)
        _set_cookie(reply, request, self._form_cookie, nonce, FORM_S)
        return reply

    @property
    def _form_cookie(self) -> str:
        return f"{self.sessions.cookie}_form"


def _set_cookie(reply: Response, request: Request, name: str, value: str, max_age_s: int) -> None:
    is_https = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")
    reply.set_cookie(name, value, max_age=max_age_s, httponly=True, samesite="strict", secure=is_https)


def _rendered(request: Request, template: str, context: dict[str, Any], *, status: int = 200) -> HTMLResponse:
    signed_in = request.scope.get(KEY) is not None and request.scope[KEY].name is not None
    html = environment().get_template(f"{template}.html.j2")
    content = html.render(context, path=request.url.path, published=None, signed_in=signed_in)
    return HTMLResponse(content, status_code=status, headers={"cache-control": "no-store"})


async def _fields(request: Request) -> dict[str, str]:
    """Of a form, the last value of each; nothing of one that is too long."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > LONGEST_FORM:
            return {}
    found = parse_qs(content.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in found.items()}


def _own_path(address: str) -> str:
    """An address of these pages; the first page in place of any other."""
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_own else "/"
