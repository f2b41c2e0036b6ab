"""The pages App Service's front end answers with when no app can."""

from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: "Segoe UI", sans-serif; margin: 6em auto; max-width: 44em; color: #333 }}</style>
</head>
<body><h1>{heading}</h1>{paragraphs}</body>
</html>
"""


def _page(title: str, heading: str, *paragraphs: str) -> bytes:
    body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return _PAGE.format(title=escape(title), heading=escape(heading), paragraphs=body).encode()


STOPPED = _page(
    "Web App - Unavailable",
    "Error 403 - This web app is stopped.",
    "The web app you have attempted to reach is currently stopped and does not accept any requests. "
    "Please try to reload the page or visit it again soon.",
    "If you are the web app administrator, please find the common 403 error scenarios and resolution here "
    "(https://go.microsoft.com/fwlink/?linkid=2095007). For further troubleshooting tools and "
    "recommendations, please visit Azure Portal.",
)
"""403: the app behind this host is stopped."""

NOT_FOUND = _page(
    "Microsoft Azure Web App - Error 404",
    "404 Web Site not found.",
    "You may be seeing this error because the host name is not assigned to any app.",
)
"""404: no app has this host."""

BAD_GATEWAY = _page(
    "Bad Gateway",
    "Error 502 - Bad Gateway",
    "The app's process ended the connection before it had answered.",
)
"""502: the app died, or hung up, while it had the request."""

UNAVAILABLE = _page(
    "Service Unavailable",
    "Application Error",
    "The app's process is not running, or did not begin to listen in time. "
    "If you are the administrator, look at the app's log.",
)
"""503: there is no process that could answer."""

TIMED_OUT = _page(
    "Gateway Timeout",
    "Error 504 - Gateway Timeout",
    "The app did not respond within the specified time.",
)
"""504: the app took longer than the front end waits."""

WAITING_FOR_CONTENT = _page(
    "Microsoft Azure App Service - Welcome",
    "Your web app is running and waiting for your content",
    "Your web app is live, but we don't have your content yet.",
)
"""200: a slot to which nothing has been deployed."""

NO_DEFAULT_DOCUMENT = _page(
    "403 - Forbidden",
    "403 - Forbidden: Access is denied.",
    "This folder has no index.html, and folders are not listed.",
)
"""403: a static site's folder without a default document."""
