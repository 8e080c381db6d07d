"""What protects the pages: requests by their own name alone, reading alone, and no foreign content in a page."""

from __future__ import annotations

from collections.abc import Collection

from flows.serving.own_requests import Application, OwnRequestsOnly, Receive, Scope, Send

FORMS = ("/sign-in", "/sign-out")  # that are posted
METHODS = ("GET", "HEAD")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A report is one file: it has its style and images inside, and no script.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


class ReadOnly:
    """ASGI middleware that refuses every method but GET, HEAD, and POST of FORMS, and adds the headers that lack.

    Args:
        application: that responds to the others.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""

        async def with_headers(message: Scope) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                lacking = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in lacking if pair[0] not in present)]
            await send(message)

        posts = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in FORMS
        if scope["type"] != "http" or scope["method"] in METHODS or posts:
            await self._application(scope, receive, with_headers)
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"allow", ", ".join(METHODS).encode())]
        await with_headers({"type": "http.response.start", "status": 405, "headers": headers})
        await send({"type": "http.response.body", "body": b"These pages are read-only.\n"})


def protected(application: Application, public_names: Collection[str] = ()) -> Application:
    """An application behind all of it.

    Args:
        application: to be protected.
        public_names: by which other machines reach it.
    """
    return ReadOnly(OwnRequestsOnly(application, public_names))
