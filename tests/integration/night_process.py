"""Score and watch one night, and print what it decided as the last line. Not a test: a process for one."""

import sys
from pathlib import Path


def main(home: str, as_of: str) -> None:
    from evergreen.connect.in_process import prepare_environment, run_dag
    from evergreen.settings import Settings

    prepare_environment(Settings(home=Path(home)), quiet=True)
    for kind in ("scoring", "monitoring"):
        outcome = run_dag(f"flight_delays.{kind}", {"as_of": as_of})
        if not outcome.succeeded:
            sys.exit(f"{kind}: {outcome.errors}")
    sys.stdout.write(f"\n{outcome.returned['decide']['decision_id']}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
