"""Several at the same moment."""

import threading


def at_once(*works):
    """Call all at the same moment; return what each returned or raised."""
    start, said = threading.Barrier(len(works)), []

    def run(work) -> None:
        start.wait()
        try:
            said.append(work())
        except Exception as error:
            said.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said
