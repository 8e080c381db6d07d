"""Who looks at the pages: nobody is asked on a home without users, else a session's cookie or a proxy's header says it.

A program, such as a monitor, gives a user's token as `Authorization: Bearer TOKEN` instead of signing in. It counts
where nothing else names somebody: a reverse proxy may pass a token of its own with every request.

A home without users answers the machine's own users alone, and as its owner, who reads all teams. Once it has a user,
every request needs one, from the machine itself as well.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse

from biopose.errors import BioposeError
from flows.serving.own_requests import Application, Receive, Scope, Send, header
from tasks.audit import AuditLog
from tasks.settings import Settings
from tasks.users import User, Users
from warehouse.team_rows import Teams

log = logging.getLogger(__name__)

SESSION_S = 12 * 3600.0
MOST_SESSIONS = 10_000
OPEN_PATHS = ("/health", "/sign-in", "/static/")  # show nothing of anybody
KEY = "visitor"  # of a request's scope


@dataclass(frozen=True)
class Visitor:
    """Who made a request.

    Attributes:
        name: None where the home has no users.
        teams: whose rows they read; None: all.
    """

    name: str | None
    teams: Teams


OWNER = Visitor(None, None)


@dataclass(frozen=True)
class Proxy:
    """A reverse proxy that signs users in.

    Attributes:
        header: of a request, in which it gives the user's name.
        address: from which alone the header is believed.
    """

    header: str
    address: str


class Sessions:
    """Sessions of users who signed in; they end with the server, after SESSION_S, and with the user.

    Args:
        settings: of the home.
    """

    def __init__(self, settings: Settings) -> None:
        self.users = Users(settings.home)
        self.cookie = f"biopose_{hashlib.sha256(str(settings.home).encode()).hexdigest()[:8]}"
        self._secret = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, tuple[User, float]] = OrderedDict()
        self._lock, self._one_hash = threading.Lock(), threading.Lock()

    def begin(self, token: str) -> tuple[User, str] | None:
        """The user of a token and the value of their new session's cookie; None where it is no token."""
        user = self.of_token(token)
        if user is None:
            return None
        value = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_key(value)] = (user, time.monotonic() + SESSION_S)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return user, value

    def of_token(self, token: str) -> User | None:
        """The user of a token; one is hashed at a time, so that guesses take no more than a core."""
        with self._one_hash:
            return self.users.of_token(token)

    def end(self, value: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_key(value), None)

    def user(self, value: str) -> User | None:
        """The user of a session that has not ended."""
        with self._lock:
            user, ends_s = self._sessions.get(_key(value), (None, 0.0))
        if user is None or time.monotonic() > ends_s or self.users.all().get(user.name) != user:
            return None
        return user

    def form_token(self, value: str) -> str:
        """What a form that is sent with a cookie must hold, so that no other page can send it."""
        return hmac.new(self._secret, value.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, value: str, given: str) -> bool:
        """Whether a form holds it."""
        return bool(value) and hmac.compare_digest(self.form_token(value).encode(), given.encode())


class IdentifiedOnly:
    """ASGI middleware that lets requests of known visitors pass, and hands all others to what refuses them.

    Args:
        application: that responds to visitors; finds them in the scope.
        refusing: that responds to all others.
        sessions: of users.
        log: in which tokens of nobody are recorded.
        proxy: that signs users in; None: they have sessions.
        is_on_loopback: whether the server is reached from this machine alone.
    """

    def __init__(
        self,
        application: Application,
        refusing: Application,
        *,
        sessions: Sessions,
        log: AuditLog,
        proxy: Proxy | None,
        is_on_loopback: bool,
    ) -> None:
        self._application, self._refusing = application, refusing
        self._sessions, self._log = sessions, log
        self._proxy, self._is_on_loopback = proxy, is_on_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        is_open = scope["path"].startswith(OPEN_PATHS)
        try:
            visitor = self._visitor(scope)
            if visitor is None and not is_open and (token := self._own_token(scope)) is not None:
                visitor = await run_in_threadpool(self._of_token, token)
        except BioposeError as error:
            log.error("nobody is let in: %s", error)
            await PlainTextResponse("The users of this server cannot be checked.", 503)(scope, receive, send)
            return
        scope[KEY] = visitor
        await (self._application if visitor or is_open else self._refusing)(scope, receive, send)

    def _visitor(self, scope: Scope) -> Visitor | None:
        if self._proxy is not None:
            name = _name_by(self._proxy, scope)
            user = self._sessions.users.all().get(name) if name else None
        elif not self._sessions.users.all() and self._is_on_loopback:
            return OWNER
        else:
            user = self._sessions.user(cookie(scope, self._sessions.cookie))
        return None if user is None else Visitor(user.name, user.teams)

    def _own_token(self, scope: Scope) -> str | None:
        """The token of a request; none of one that the proxy gives somebody's name for."""
        is_named = self._proxy is not None and _name_by(self._proxy, scope)
        return None if is_named else bearer_token(scope)

    def _of_token(self, token: str) -> Visitor | None:
        user = self._sessions.of_token(token)
        if user is None:
            self._log.append_once("unknown", "refuse", "a request with a token of nobody")
            return None
        return Visitor(user.name, user.teams)


def _name_by(proxy: Proxy, scope: Scope) -> str | None:
    """The user's name that a proxy gives with a request; it is believed from the proxy's address alone."""
    is_proxy = scope["client"] is not None and scope["client"][0] == proxy.address
    return header(scope, proxy.header.lower().encode()) if is_proxy else None


def bearer_token(scope: Scope) -> str | None:
    """The token that a program sends with a request; None where it sends none."""
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie(scope: Scope, name: str) -> str:
    """A cookie's value; "" where there is none."""
    return cookie_parser(header(scope, b"cookie") or "").get(name, "")


def _key(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
