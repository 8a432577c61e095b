"""Keys and the password of a stack: made once, kept readable by their owner alone."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.cli.stack.layout import StackLayout

ADMIN = "admin"


@dataclass(frozen=True)
class StackSecrets:
    """What the components share and nobody else may know."""

    jwt_secret: str
    """Signs Airflow's tokens; HS512 wants at least 64 bytes."""
    api_secret_key: str
    fernet_key: str
    """Encrypts connections in Airflow's database."""
    admin_password: str


def load_or_make_secrets(layout: StackLayout) -> StackSecrets:
    """Return the stack's secrets, making them when there are none, and write Airflow's password file."""
    path = layout.secrets_path
    if path.is_file():
        found = StackSecrets(**json.loads(path.read_text(encoding="utf-8")))
    else:
        found = StackSecrets(
            jwt_secret=secrets.token_hex(48),
            api_secret_key=secrets.token_hex(32),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            admin_password=secrets.token_urlsafe(12),
        )
        write_private(path, json.dumps(asdict(found), indent=2))
    # Airflow prints a random password for a user it does not find here.
    write_private(layout.passwords_path, json.dumps({ADMIN: found.admin_password}))
    return found


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    temporary.replace(path)
