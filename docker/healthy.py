"""Exit with 0 where an address answers: `healthy.py URL [PART …]`, each part's `status` in the JSON answer being `healthy`."""

import json
import sys
import urllib.request

url, *parts = sys.argv[1:]
# Never through a proxy: what is asked is a neighbour.
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=8) as answer:
    body = answer.read()
sick = [part for part in parts if json.loads(body)[part]["status"] != "healthy"]
sys.exit(f"not healthy: {', '.join(sick)}" if sick else 0)
