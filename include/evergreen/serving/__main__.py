"""``python -m evergreen.serving HOST PORT``: the gateway as part of the local stack, with addresses from the environment."""

from __future__ import annotations

import sys

from evergreen.serving.server import serve
from evergreen.settings import Settings

if __name__ == "__main__":
    serve(Settings(), host=sys.argv[1], port=int(sys.argv[2]))
