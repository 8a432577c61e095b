"""Production gets what staging runs and has proven, and nothing else: the scripts, on a git repository of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from event_stack import release_a_champion
from evergreen.settings import Settings

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / "docker" / "environments"
NAMES = ("AIRFLOW_IMAGE", "GATEWAY_IMAGE", "MLFLOW_IMAGE")
MODEL = "shop"


def digest(letter):
    return {name: f"registry.example.com/{name.split('_')[0].lower()}@sha256:{letter * 64}" for name in NAMES}


class Repository:
    """A project with two environments, and a staging that can be asked."""

    def __init__(self, folder, home, revision="?"):
        self.folder, self.home, self.revision = folder, home, revision

    def build(self):
        folder = self.folder
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / ".github").mkdir()
        for script in (ROOT / ".github").glob("*.py"):
            shutil.copy(script, folder / ".github")
        shutil.copytree(ENVIRONMENTS, folder / "docker" / "environments")
        model = folder / "include" / "models" / MODEL
        shutil.copytree(ROOT / "docs" / "guides" / "minimal", model)
        self.write(
            f"include/models/{MODEL}/model.yaml", (model / "model.yaml").read_text().replace("name: minimal", f"name: {MODEL}")
        )
        self.write("include/evergreen/code.py", "one = 1\n")
        self.write("dags/training.py", "one = 1\n")

    def git(self, *arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path, text):
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def promote(self, *arguments, nights=0, **variables):
        """Return exit code and what was said; a worker of staging is this machine with staging's variables."""
        program = Path(sys.executable).parent
        staging = ["env", f"PATH={program}:{os.environ['PATH']}", f"EVERGREEN_HOME={self.home}"]
        staging += [f"EVERGREEN_DEFINITIONS_DIR={self.folder}/include/models", f"EVERGREEN_CODE_REVISION={self.revision}"]
        done = subprocess.run(
            [sys.executable, ".github/promote.py", *arguments],
            cwd=self.folder,
            env={**os.environ, "IN_STAGING": " ".join(staging), "PROOF_NIGHTS": str(nights), **variables},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    def pin(self, environment, commit, letter, **others):
        values = {"CODE_REVISION": commit, "BUNDLE_VERSION": commit, **digest(letter), **others}
        return self.promote("pin", environment, *(f"{name}={value}" for name, value in values.items()))

    def environment(self, name):
        return (self.folder / "docker" / "environments" / f"{name}.env").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Staging runs the first commit, which main says, and has one verdict since; asked once, for asking takes seconds."""
    folder = tmp_path_factory.mktemp("promotion")
    (folder / "project").mkdir()
    repository = Repository(folder / "project", folder / "home")
    repository.build()
    repository.revision = repository.commit()
    assert repository.pin("staging", repository.revision, "a") == (0, "docker/environments/staging.env is changed\n")
    repository.commit()
    unproven = repository.promote("gather", "../unproven.json")
    release_a_champion(Settings(home=repository.home), MODEL)
    proven = repository.promote("gather", "../evidence.json")
    assert (unproven[0], proven[0]) == (0, 0), unproven[1] + proven[1]
    return repository


@pytest.fixture
def proven(made, tmp_path):
    """The same, to be changed."""
    shutil.copytree(made.home.parent, tmp_path, dirs_exist_ok=True)
    return Repository(tmp_path / "project", tmp_path / "home", made.revision)


def propose(repository, evidence="../evidence.json", **options):
    return repository.promote("propose", evidence, **options)


def test_what_staging_has_proven_is_carried_over_and_passes_the_check(proven):
    own = {line for line in proven.environment("production").splitlines() if line.startswith(("BUNDLE_REP", "AIRFLOW_PORT"))}
    assert len(own) == 2
    base = proven.git("rev-parse", "HEAD")
    code, text = propose(proven)
    assert code == 0, text
    assert f"`{digest('a')['AIRFLOW_IMAGE']}`" in text
    assert "**promote**. first" in text
    assert own <= set(proven.environment("production").splitlines())
    proven.commit()
    assert proven.promote("check", base) == (0, "staging runs this and has proven it\n")


def test_a_pin_that_staging_does_not_run_is_refused(proven):
    base = proven.git("rev-parse", "HEAD")
    propose(proven)
    proven.pin("production", proven.revision, "b")
    proven.commit()
    code, text = proven.promote("check", base)
    assert code == 1
    assert "production may only get what staging runs" in text
    assert digest("a")["GATEWAY_IMAGE"] in text


def test_moving_both_at_once_is_refused(proven):
    base = proven.git("rev-parse", "HEAD")
    for environment in ("staging", "production"):
        proven.pin(environment, proven.revision, "b")
    proven.commit()
    assert "production may only get what staging runs" in proven.promote("check", base)[1]


def test_a_template_that_nobody_knows_is_refused(proven):
    code, text = proven.pin("staging", proven.revision, "a", TEMPLATE="9")
    assert code == 1
    assert "TEMPLATE=9 is not known here; known: 1, 2" in text


def test_a_template_that_was_changed_after_the_code_is_refused(proven):
    template = proven.folder / "docker" / "environments" / "template-1.yaml"
    template.write_text(template.read_text() + "# another line\n")
    assert "a template that is in use is never changed" in propose(proven)[1]


def test_a_bundle_of_other_code_than_the_image_s_is_refused(proven):
    proven.write("dags/training.py", "two = 2\n")
    fits = proven.commit()
    proven.write("include/evergreen/code.py", "two = 2\n")
    differs = proven.commit()
    for bundle, refused in ((fits, False), (differs, True)):
        proven.pin("staging", proven.revision, "a", BUNDLE_VERSION=bundle)
        proven.commit()
        assert ("was written for other code" in propose(proven)[1]) is refused


def test_without_a_verdict_since_staging_took_it_nothing_is_proven(proven):
    code, text = propose(proven, "../unproven.json")
    assert code == 1
    assert "shop: 0 verdicts since" in text
    assert "0" * 64 in proven.environment("production")


def test_nights_are_asked_for(proven):
    assert "shop: 0 nights since" in propose(proven, nights=3)[1]


def test_workers_that_run_other_code_than_main_says_prove_nothing(proven):
    evidence = proven.folder.parent / "evidence.json"
    evidence.write_text(evidence.read_text().replace(f'"CODE_REVISION": "{proven.revision}"', f'"CODE_REVISION": "{"f" * 40}"'))
    assert "staging's workers run the code ffffffffffff" in propose(proven)[1]


def test_a_bundle_that_the_workers_do_not_take_proves_nothing(proven):
    setting = json.dumps([{"name": "evergreen", "kwargs": {"tracking_ref": "e" * 40}}])
    proven.promote("gather", "../evidence.json", AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=setting)
    assert "staging's workers take the bundle eeeeeeeeeeee" in propose(proven)[1]


def test_the_way_back_needs_no_proof(proven):
    propose(proven)
    first = proven.environment("production")
    proven.commit()
    proven.pin("production", proven.revision, "b")
    base = proven.commit()
    proven.write("docker/environments/production.env", first)
    proven.write("docker/environments/evidence.json", "{}")
    proven.commit()
    assert proven.promote("check", base) == (0, "production goes back to what it ran before\n")


def test_what_ships_pins_nothing_and_cannot_be_promoted(proven):
    proven.write("docker/environments/staging.env", (ENVIRONMENTS / "staging.env").read_text())
    proven.commit()
    assert "all zeros: nothing has been published yet" in proven.promote("gather", "evidence.json")[1]


@pytest.mark.parametrize("path", sorted(ENVIRONMENTS.glob("template-*.yaml")), ids=lambda path: path.stem)
def test_templates_name_services_that_exist_and_variables_that_are_asked_for(path):
    text = path.read_text(encoding="utf-8")
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(yaml.safe_load(text)["services"]) <= set(services)
    requires = text.split("# requires: ")[1].splitlines()[0].split()
    used = {part.split(":")[0] for part in text.split("${")[1:]}
    assert used <= set(requires)
    for environment in ("staging", "production"):
        assert set(requires) <= {line.split("=")[0] for line in (ENVIRONMENTS / f"{environment}.env").read_text().splitlines()}
