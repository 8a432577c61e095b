"""The gateway as a server: one process or several that share a port, started and stopped as one."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.supervisors import Multiprocess

from evergreen.errors import SettingsError, StackError
from evergreen.files import Files
from evergreen.serving.access.guard import Guard
from evergreen.serving.access.key_file import read_keys
from evergreen.serving.access.key_ring import KeyRing
from evergreen.serving.access.rates import KeyRates
from evergreen.serving.answering import Alone
from evergreen.serving.app import GatewayApp
from evergreen.serving.batching import Batcher
from evergreen.serving.challengers import Challengers
from evergreen.serving.definition_files import DefinitionFiles
from evergreen.serving.gateway import Gateway
from evergreen.serving.keeping import AnswerKeeper
from evergreen.serving.live_models import LiveModels
from evergreen.serving.live_trials import LiveTrials
from evergreen.serving.log import AnsweringRelease, AnswerSpool
from evergreen.serving.log.spool import spool_folder
from evergreen.serving.packaged import PackagedDefinitions, PackagedRelease
from evergreen.serving.release_caches import ReleaseCaches
from evergreen.serving.release_loading import load_release
from evergreen.serving.release_source import ReleaseSource
from evergreen.serving.worker_metrics import WorkerMetrics
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection

    from evergreen.definitions import ModelDefinition
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.release_cache import KnownRelease
    from evergreen.serving.release_source import Releases

logger = logging.getLogger(__name__)

STOP_LIMIT_SECONDS = 30
"""How long a stop waits for the requests it has taken."""
WORKER_PATIENCE_SECONDS = 60
"""How long a worker may be silent before it is taken for hung: importing and loading keep it busy on a busy machine."""
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open; longer than most clients and balancers keep theirs, so that they end it first."""
_MODELS = "EVERGREEN_GATEWAY_MODELS"
_PACKAGE, _PACKAGE_DIGEST = "EVERGREEN_GATEWAY_PACKAGE", "EVERGREEN_GATEWAY_PACKAGE_DIGEST"
_SHIPPER_LIMIT_SECONDS = 20


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int = 1,
    models: Collection[str] = (),
    package: Path | None = None,
    package_digest: str = "",
) -> None:
    """Serve until TERM or Ctrl-C; what has been taken by then is answered.

    Args:
        settings: Where things are.
        host: Interface to listen on.
        port: Port to listen on.
        workers: Processes that share the port.
        models: Serve only these; empty means every model with a champion.
        package: Serve the release of this unpacked package, and ask no registry; answers are not kept.
        package_digest: The package's digest, from elsewhere than the package; empty where nobody said one.

    Raises:
        DigestMismatchError: The package is not the one of that digest.
        StackError: The port is taken.
        SettingsError: The file of keys cannot be used, or others than this machine could ask and no key is wanted of them.
    """
    if settings.gateway_keys_file:
        read_keys(Path(settings.gateway_keys_file))
    if package is not None:
        PackagedRelease(package, package_digest)
    listener = _listen(host, port)
    _require_keys_beyond_loopback(listener, settings)
    config = uvicorn.Config(
        "evergreen.serving.server:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_LIMIT_SECONDS,
        timeout_worker_healthcheck=WORKER_PATIENCE_SECONDS,
    )
    # Workers are new processes: they read what they need from the environment, as this one did.
    os.environ.update({f"EVERGREEN_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()})
    os.environ[_MODELS] = ",".join(models)
    os.environ[_PACKAGE], os.environ[_PACKAGE_DIGEST] = str(package or ""), package_digest
    shipper = _start_shipper() if package is None else None
    # Uvicorn stops at the first TERM and, when all is answered, raises it again for whoever was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        if workers > 1:
            Multiprocess(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        logger.info("stopped")
    finally:
        listener.close()
        if shipper is not None:
            _stop(shipper)


def create_app() -> GatewayApp:
    """Make the application of one worker."""
    settings = Settings()
    models = tuple(name for name in os.environ.get(_MODELS, "").split(",") if name)
    keys = _keys(settings)
    folder = os.environ.get(_PACKAGE, "")
    package = (Path(folder), os.environ.get(_PACKAGE_DIGEST, "")) if folder else None
    return GatewayApp(create_gateway(settings, models, keys, package=package), Guard(keys))


def create_gateway(
    settings: Settings,
    models: Collection[str] = (),
    keys: KeyRing | None = None,
    *,
    package: tuple[Path, str] | None = None,
) -> Gateway:
    """Put the parts of one worker together; nothing is loaded yet.

    Args:
        settings: Where things are.
        models: Serve only these; empty means every model with a champion.
        keys: What opens the gateway; none where nothing has to.
        package: Folder and digest of the package whose release is served; none where the registry says what is.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    folder = settings.home / "gateway"
    counters = WorkerMetrics(folder / "workers", keys)
    spool = AnswerSpool.open(settings) if package is None else AnswerSpool(spool_folder(settings), limit_bytes=0)
    caches = ReleaseCaches(folder / "cache", Files.from_settings(settings))
    keeper = AnswerKeeper(spool, counters)
    threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features")

    def load(known: KnownRelease, definition: ModelDefinition) -> LoadedRelease:
        champion = known.champion
        metrics = counters.of_release(champion.model, champion.version)
        return load_release(known, definition, caches.of(champion.model), metrics)

    def put_live(release: LoadedRelease, definition: ModelDefinition) -> Batcher:
        spool.open_log(release.model, definition.serving)
        spool.announce(release.model, AnsweringRelease.of(release.champion.bundle_digest, release.manifest))
        return Batcher(Alone(release.answer, keeper.of(release), executor=threads, is_quick=release.is_quick))

    def load_on_trial(known: KnownRelease, definition: ModelDefinition) -> LoadedRelease:
        release = load(known, definition)
        spool.announce(release.model, AnsweringRelease.of(release.champion.bundle_digest, release.manifest))
        return release

    definitions, source = _origin(settings, package)
    trials = LiveTrials(Challengers(source, caches, load_on_trial), keep=keeper.of_both, executor=threads)
    live = LiveModels(source, caches, definitions, load=load, put_live=put_live, trials=trials, models=models)
    return Gateway(live, spool, keeper, counters, version("evergreen"), keys)


def _origin(settings: Settings, package: tuple[Path, str] | None) -> tuple[DefinitionFiles, Releases]:
    """Return where definitions and releases come from."""
    if package is None:
        return DefinitionFiles(settings.definitions_dir), ReleaseSource(settings)
    return PackagedDefinitions(package[0]), PackagedRelease(*package)


def _keys(settings: Settings) -> KeyRing | None:
    if not settings.gateway_keys_file:
        return None
    return KeyRing(Path(settings.gateway_keys_file), KeyRates(settings.home / "gateway" / "rates"))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StackError(
            "the gateway cannot listen",
            found=f"{host}:{port}: {error.strerror}",
            allowed="an address of this machine and a free port",
            remedy="stop the program that has the port, or choose another with --port or EVERGREEN_GATEWAY_PORT",
        ) from error
    listener.set_inheritable(True)
    return listener


def _require_keys_beyond_loopback(listener: socket.socket, settings: Settings) -> None:
    """Refuse to answer whoever can reach this machine, unless keys are wanted of them or it is said that it is meant so."""
    address = listener.getsockname()[0]
    if settings.gateway_keys_file or settings.gateway_open or ipaddress.ip_address(address).is_loopback:
        return
    listener.close()
    raise SettingsError(
        "the gateway would be open to the network",
        found=f"it would listen on {address} and asks for no keys",
        allowed="127.0.0.1 or ::1; or any address with EVERGREEN_GATEWAY_KEYS_FILE set",
        remedy="make a key (evergreen key new) and set EVERGREEN_GATEWAY_KEYS_FILE; set EVERGREEN_GATEWAY_OPEN=true only where "
        "something in front asks who is there, or no other machine can reach this one",
    )


def _start_shipper() -> subprocess.Popen[bytes]:
    """Start the process that carries answers from the spools to the tables.

    It has a process group of its own, so that Ctrl-C reaches it by our hand, when the last answer is in the spool.
    """
    return subprocess.Popen((sys.executable, "-m", "evergreen.serving.log.shipper"), stdin=subprocess.DEVNULL, process_group=0)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_SHIPPER_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
