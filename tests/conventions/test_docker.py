"""What can be said of docker/ without a daemon: pinned, hardened, on loopback, no password but a made one, names that exist."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from evergreen.serving.metric_text import FAMILIES
from evergreen.settings import Settings

ONE_OFF = {"s3-volume", "buckets", "mlflow-users", "migrate", "gateway-keys"}
REFERENCE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")
UNKNOWN = re.compile(r"^# *syntax=|<<-?'?EOF|^(COPY|ADD) .*--(link|exclude|checksum)|^RUN --network|:latest", re.MULTILINE)
"""What Debian's builder does not understand, and what pins nothing."""
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def docker(root):
    return root / "docker"


@pytest.fixture(scope="module")
def compose_text(docker):
    return (docker / "compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(compose_text):
    return yaml.safe_load(compose_text)["services"]


def test_every_service_is_hardened(services):
    assert len(services) > 15
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), f"{name}: a numeric user that is not root"
        assert service["mem_limit"], name
        assert "privileged" not in service, name


def test_every_service_says_whether_it_is_healthy(services):
    for name, service in services.items():
        check = service["healthcheck"]
        assert check == {"disable": True} if name in ONE_OFF else check["test"], name
        assert service["restart"] == ("no" if name in ONE_OFF else "unless-stopped"), name
        for other, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONE_OFF else "service_healthy"
            assert wait["condition"] == expected, f"{name} waits for {other}"


def test_every_port_is_on_loopback(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) >= 5
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_every_image_is_pinned(services):
    for name, service in services.items():
        image = re.fullmatch(r"\$\{\w+_IMAGE:-([^}]+)\}", service["image"]).group(1)
        tag = image.rpartition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+|\d+\.\d+-|RELEASE\.\d{4}-\d\d-\d\d", tag), f"{name}: {image}"


def test_secrets_are_made_and_never_default(compose_text, docker, tmp_path):
    used = dict(REFERENCE.findall(compose_text))
    secrets = {name for name in used if re.search(r"PASSWORD|SECRET|_KEY$", name)}
    first, second = (_secrets_of(docker / "secrets.sh", tmp_path / name) for name in ("first", "second"))
    assert set(first) == secrets
    assert not set(first.values()) & set(second.values())
    assert len(set(first.values())) == len(first)
    assert min(map(len, first.values())) >= 40
    required = {name for name, rest in REFERENCE.findall(compose_text) if rest.startswith(":?")}
    assert required == secrets, "each stands once with :?, so that nothing starts with an empty password"
    assert not [name for name, rest in REFERENCE.findall(compose_text) if name in secrets and rest.startswith(":-")]
    assert (tmp_path / "first").stat().st_mode & 0o777 == 0o600


def test_making_secrets_again_keeps_them(docker, tmp_path):
    assert _secrets_of(docker / "secrets.sh", tmp_path / "env") == _secrets_of(docker / "secrets.sh", tmp_path / "env")


def test_settings_exist(compose_text, docker):
    text = compose_text + "".join(path.read_text(encoding="utf-8") for path in docker.glob("*.Dockerfile"))
    named = set(re.findall(r"\bEVERGREEN_([A-Z0-9_]+)[:=]", text)) - {"CODE_REVISION", "ADMIN_PASSWORD", "DATABASE_PASSWORD"}
    assert named <= {name.upper() for name in Settings.model_fields}


def test_dashboards_and_alerts_ask_for_metrics_that_exist(docker):
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in (docker / "grafana" / "dashboards").glob("*.json")]
    assert len({board["uid"] for board in boards}) == len(boards) >= 2
    asked = [target["expr"] for board in boards for panel in board["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((docker / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    asked += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    found = {name for text in asked for name in re.findall(r"evergreen_gateway_(\w+)", text)}
    assert len(found) > 12
    assert {re.sub(r"_bucket$", "", name) for name in found} <= set(FAMILIES)


@pytest.mark.parametrize("image", ["airflow", "gateway", "mlflow"])
def test_images_have_the_versions_that_are_tested(root, docker, image):
    tested = dict(PIN.findall((root / "requirements.lock").read_text(encoding="utf-8")))
    locked = dict(PIN.findall((docker / f"{image}.lock").read_text(encoding="utf-8")))
    shared = set(tested) & set(locked)
    assert len(shared) > 50
    assert {name: locked[name] for name in shared} == {name: tested[name] for name in shared}, "run `make lock`"


def test_the_airflow_image_has_all_that_the_project_needs(root, docker):
    locked = dict(PIN.findall((docker / "airflow.lock").read_text(encoding="utf-8")))
    assert _required(root) <= set(locked)


def test_the_gateway_image_has_nothing_that_the_project_has_not(root, docker):
    lines = (docker / "gateway.in").read_text(encoding="utf-8").splitlines()
    asked = {re.split(r"[\[ ]", line)[0] for line in lines if line and not line.startswith("#")}
    assert asked - {"mlflow-skinny"} <= _required(root)


def test_the_gateway_starts_without_what_its_image_lacks(root):
    """Import what the gateway imports before it is asked anything, with the left-out packages out of reach."""
    program = (
        "import sys\n"
        "for name in ('airflow', 'evidently', 'great_expectations', 'matplotlib', 'optuna', 'sklearn', 'jinja2', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "import evergreen.cli.main, evergreen.cli.serve, evergreen.serving.server, evergreen.registry.mlflow_client\n"
        "import evergreen.registry.releases, evergreen.predictors.bundle, evergreen.tables.served_table\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr


def test_dockerfiles_build_with_what_debian_has(root, docker):
    for path in [*docker.glob("*.Dockerfile"), *(root / "tests" / "images" / "stand_ins").glob("*.Dockerfile")]:
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^ARG BASE_IMAGE=\S+:\S+$.*^FROM \$\{BASE_IMAGE\}", text, re.MULTILINE | re.DOTALL), path.name
        assert not UNKNOWN.search(text), path.name
        if path.parent == docker:
            assert re.search(r"^USER [1-9]\d*:\d+$", text, re.MULTILINE), path.name
            assert "HEALTHCHECK" in text, path.name


def test_dockerfiles_are_lint_free(docker):
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "run `make dev`"
    done = subprocess.run([hadolint, *map(str, sorted(docker.glob("*.Dockerfile")))], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_shell_scripts_parse(root, docker):
    scripts = [*docker.rglob("*.sh"), *(root / "tests" / "images").rglob("*.sh")]
    assert len(scripts) >= 6
    for script in scripts:
        assert script.stat().st_mode & 0o111, f"{script.name} cannot be run"
        shell = "bash" if "bash" in script.read_text(encoding="utf-8").splitlines()[0] else "sh"
        assert subprocess.run([shell, "-n", str(script)], capture_output=True).returncode == 0, script.name


def _secrets_of(script, path):
    subprocess.run([str(script), str(path)], check=True, capture_output=True)
    return dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines())


def _required(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[\[>=<]", line)[0] for line in project["dependencies"]}
