"""The page at `/docs`: what is served, field by field, with requests to copy. It loads nothing from anywhere."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from evergreen.serving.openapi import example_invocation, example_request
from evergreen.serving.request_problems import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evergreen.serving.loaded_release import LoadedRelease

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2a7d4f; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
padding-top: 1.5rem; } p { margin: .4rem 0; } code, pre, textarea { font: 13px/1.45 ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0;
text-align: left; vertical-align: top; } pre, textarea { background: var(--soft); border: 1px solid var(--line);
border-radius: 6px; box-sizing: border-box; overflow: auto; padding: .8rem; width: 100%; } textarea { min-height: 12rem; }
button { background: var(--accent); border: 0; border-radius: 6px; color: #fff; font: inherit; padding: .4rem 1rem; }
a { color: var(--accent); } .muted { opacity: .7; }
"""
_SCRIPT = """
for (const shown of document.querySelectorAll("pre"))
  shown.textContent = shown.textContent.replace("http://127.0.0.1:8082", location.origin);
for (const form of document.querySelectorAll("form")) form.addEventListener("submit", async event => {
  event.preventDefault();
  const shown = form.querySelector("output pre");
  shown.hidden = false;
  try {
    const answer = await fetch(form.action, {method: "POST", headers: {"content-type": "application/json"},
      body: form.elements.body.value});
    shown.textContent = answer.status + " " + JSON.stringify(await answer.json(), null, 2);
  } catch (error) { shown.textContent = String(error); }
});
"""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Evergreen gateway</title>
<style>{style}</style>
<h1>Evergreen gateway</h1>
<p class="muted">version {version} · <a href="/openapi.json">openapi.json</a> · <a href="/models">models</a> ·
<a href="/health">health</a> · <a href="/metrics">metrics</a></p>
{sections}
<script>{script}</script>
</html>
"""
_NOTHING = "<p>No model is live yet. <a href='/health'>Health</a> says what is missing.</p>"
_MODEL = """<h2 id="{model}">{model}</h2>
<p>{title}</p>
<p class="muted">version {release} · bundle {bundle} · features of {as_of} · yes from {threshold:.3f} on{review}</p>
<table><tr><th>field</th><th>a value</th></tr>
{fields}
</table>
<p>Every field must be sent, null where there is no value; of a request at most {max_rows} rows.{joined}</p>
<form action="/models/{model}/predict" method="post"><p><textarea name="body" spellcheck="false" aria-label="request">{body}\
</textarea></p><p><button>POST /models/{model}/predict</button></p><output><pre hidden></pre></output></form>
<pre>{curl}</pre>
<p>The same for a client of MLflow's scoring protocol:</p>
<pre>{mlflow}</pre>
"""


def docs_page(releases: Sequence[LoadedRelease], version: str) -> str:
    """Return the page.

    Args:
        releases: What is live.
        version: Of Evergreen.
    """
    sections = "\n".join(_model(release) for release in releases) or _NOTHING
    return _PAGE.format(style=_STYLE, script=_SCRIPT, version=escape(version), sections=sections)


def _model(release: LoadedRelease) -> str:
    band = release.serving.review
    joined = ", ".join(release.schema.optional_types)
    also = " A caller who knows better may also send columns of joined tables, of a table all or none: "
    return _MODEL.format(
        model=escape(release.model),
        title=escape(release.title),
        release=escape(release.champion.version),
        bundle=escape(release.champion.bundle_digest[:12]),
        as_of=escape(release.features_as_of),
        threshold=release.scorer.threshold,
        review="" if band is None else f" · for a person from {band.lowest} to {band.highest}",
        fields="\n".join(_fields(release)),
        max_rows=release.schema.max_rows,
        joined=f"{also}{escape(joined)}." if joined else "",
        body=escape(json.dumps(example_request(release), indent=2)),
        curl=escape(_curl(release.model, "predict", json.dumps(example_request(release)["rows"][0]))),
        mlflow=escape(_curl(release.model, "invocations", json.dumps(example_invocation(release)))),
    )


def _fields(release: LoadedRelease) -> Iterator[str]:
    for name, kind in release.schema.row_types.items():
        words = WORDS[kind] if name in release.schema.required_values else f"{WORDS[kind]}, or null"
        yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(words)}</td></tr>"


def _curl(model: str, verb: str, body: str) -> str:
    quoted = body.replace("'", "'\\''")
    return f"curl http://127.0.0.1:8082/models/{model}/{verb} \\\n  -H 'content-type: application/json' -d '{quoted}'"
