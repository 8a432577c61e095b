"""Ports: free, or taken and by whom."""

from __future__ import annotations

import socket
from contextlib import closing

from evergreen.cli.stack.layout import HOST
from evergreen.errors import StackError


def require_free_port(port: int, purpose: str, option: str) -> None:
    """Make sure that nothing listens on a loopback port.

    Raises:
        StackError: Something does.
    """
    if is_free(port):
        return
    raise StackError(
        f"port {port}, meant for {purpose}, is taken",
        found=_owner_of(port),
        allowed=f"a free port on {HOST}",
        remedy=f"stop that program, or choose another port with {option}",
    )


def is_free(port: int) -> bool:
    """Return whether a server could listen on a loopback port now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to a server
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _owner_of(port: int) -> str:
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another program listens there"
    pids = [c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid]
    for pid in pids:
        try:
            return f"process {pid} listens there: {' '.join(psutil.Process(pid).cmdline())[:120]}"
        except psutil.Error:
            continue
    return "another program listens there"
