"""Evergreen's pages inside Airflow: read-only, for whoever is logged in."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from evergreen.settings import Settings

# Airflow gives a plugin's application no authentication of its own.
app = FastAPI(
    title="Evergreen", dependencies=[Depends(requires_authenticated())], docs_url=None, redoc_url=None, openapi_url=None
)

_HEADERS = {
    # A page shows names that came from data: nothing on it may run or load anything.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_DRAWN = ".evidently.html"
_DRAWN_HEADERS = _HEADERS | {
    # Evidently draws by script. In a sandbox without an origin of its own, a script reaches no cookie, no API and no network.
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'",
}


@app.get("/reports/{path:path}", response_class=HTMLResponse)
def report(path: str) -> HTMLResponse:
    """Return a page below the reports folder."""
    from evergreen.files import Files, join_uri

    settings = Settings()
    parts = path.split("/")
    if not path.endswith(".html") or any(part in {"", ".", ".."} for part in parts):
        raise HTTPException(404, "no such page")
    try:
        page = Files.from_settings(settings).read_bytes(join_uri(settings.reports_uri, *parts))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise HTTPException(404, "no such page; it may have been removed by retention") from error
    return HTMLResponse(page, headers=_DRAWN_HEADERS if path.endswith(_DRAWN) else _HEADERS)


@app.get("/models", response_class=HTMLResponse)
def models() -> HTMLResponse:
    """Return every model with its champion and last decision."""
    from evergreen.status.pages import models_page

    return HTMLResponse(models_page(Settings()), headers=_HEADERS)


@app.get("/models/{name}", response_class=HTMLResponse)
def model(name: str) -> HTMLResponse:
    """Return one model's story: champion, decisions with reasons, releases, nights."""
    from evergreen.errors import EvergreenError
    from evergreen.status.pages import model_page

    try:
        return HTMLResponse(model_page(Settings(), name), headers=_HEADERS)
    except EvergreenError as error:
        raise HTTPException(404, str(error)) from error
