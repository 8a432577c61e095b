"""Roles of the gateway's records: whose answer it is, who got it, or that there is none."""

from __future__ import annotations

CHAMPION = "champion"
"""Role of an answer of the champion, which the caller got."""
CANARY = "canary"
"""Role of an answer of a challenger on trial, which the caller got."""
SHADOW = "shadow"
"""Role of an answer of a challenger on trial that no caller saw."""
FAILED = "failed"
"""Role of a record that a challenger on trial was asked and did not answer; the caller got the champion's answer."""
REFUSED = "refused"
"""Role of a record that counts requests which were not answered, by reason."""
PROBE = "probe"
"""Role of an answer that nobody asked for: warm-ups and health checks. It is never kept."""

GOT_BY_CALLERS = (CHAMPION, CANARY)
"""Roles of answers that somebody acted on."""
ON_TRIAL = (CANARY, SHADOW)
"""Roles of answers of a challenger on trial."""
ANSWERED = (CHAMPION, *ON_TRIAL)
"""Roles of answers, which rest on features; other records have none."""
