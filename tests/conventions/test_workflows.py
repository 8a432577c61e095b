"""The workflows call what there is, hold no more rights than they need, and find the models that a change touches."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VARIABLES_OF_A_RUN = {"github", "vars", "secrets", "matrix", "needs", "steps", "runner"}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    return yaml.safe_load(request.param.read_text())


def commands(workflow):
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def events(workflow):
    return workflow[True]  # YAML 1.1 reads the key `on` as true


def test_there_are_workflows():
    names = {"ci.yml", "model-change.yml", "publish.yml", "promote.yml", "environments.yml", "audit.yml"}
    assert {path.name for path in WORKFLOWS} >= names


def test_jobs_say_where_and_how_long_they_run_and_wait_for_jobs_that_exist(workflow):
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert 0 < job["timeout-minutes"] <= 90
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(workflow["jobs"])
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), step
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1")), step


def test_expressions_read_what_there_is(workflow):
    for expression in re.findall(r"\$\{\{(.+?)\}\}", yaml.safe_dump(workflow, width=1000)):
        for part in re.findall(r"(?<![\w.])([a-z]+)\.\w", re.sub(r"'[^']*'", "", expression)):
            assert part in VARIABLES_OF_A_RUN, expression


def test_every_make_target_and_script_that_is_called_is_there(workflow):
    for command in commands(workflow):
        assert set(re.findall(r"\bmake ([a-z]+)", command)) <= TARGETS, command
        for runner, script in re.findall(r"(python )?(?:\bmain/)?(?<![\w])(\.(?:ci|github)/[\w.-]+)", command):
            assert runner or (ROOT / script).stat().st_mode & 0o111, script
            assert (ROOT / script).is_file(), script


def test_what_may_be_written_is_said_job_by_job(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        # Code of a pull request must never run beside a right to write, nor beside a secret.
        if "pull_request" in events(workflow):
            if "write" in job.get("permissions", {}).values():
                assert not any("checkout" in step.get("uses", "") for step in job["steps"])
            assert "secrets." not in yaml.safe_dump(job)
        assert job.get("permissions", {}).get("contents") != "write" or "gh" in job_tools(job)


def job_tools(job):
    """What a job that may write to the repository writes with: a pull request, never main itself."""
    return {"gh" for step in job["steps"] if ".github/open-pull-request" in step.get("run", "")}


def test_nothing_of_a_pull_request_is_pasted_into_a_command(workflow):
    """Names of branches, titles and models are chosen by whoever opens it: they reach a shell as variables alone."""
    for command in commands(workflow):
        assert "${{" not in command, command
    assert "pull_request_target" not in events(workflow)


def test_publishing_does_not_follow_a_change_of_pins():
    """Its last job changes pins, by a pull request whose merge must not publish again."""
    publish = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
    assert "docker/environments/**" in events(publish)["push"]["paths-ignore"]


def test_the_check_of_a_promotion_is_main_s():
    check = yaml.safe_load((ROOT / ".github" / "workflows" / "environments.yml").read_text())
    steps = check["jobs"]["check"]["steps"]
    assert [step["with"]["ref"] for step in steps if step.get("with", {}).get("path") == "main"] == [
        "${{ github.event.pull_request.base.sha }}"
    ]
    assert steps[-1]["run"].startswith("python main/.github/promote.py check")


class TestChangedModels:
    @pytest.fixture
    def repository(self, tmp_path):
        (tmp_path / ".github").mkdir()
        shutil.copy(ROOT / ".github" / "changed-models", tmp_path / ".github")
        self.git(tmp_path, "init", "--quiet", "--initial-branch=main")
        for model in ("flights", "churn", "gone"):
            self.write(tmp_path, f"include/models/{model}/model.yaml", "name: x")
        self.commit(tmp_path)
        return tmp_path

    def git(self, folder, *arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)

    def write(self, folder, path, text):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)

    def commit(self, folder):
        self.git(folder, "add", "--all")
        self.git(folder, "commit", "--quiet", "--message", "a change")

    def changed(self, folder):
        done = subprocess.run([".github/changed-models", "HEAD~1"], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def test_models_whose_folder_differs_are_named_once(self, repository):
        for path in ("flights/model.yaml", "flights/features.py", "churn/README.md"):
            self.write(repository, f"include/models/{path}", "other")
        self.commit(repository)
        assert self.changed(repository) == '["churn","flights"]'

    def test_one_that_is_gone_is_not(self, repository):
        shutil.rmtree(repository / "include" / "models" / "gone")
        self.commit(repository)
        assert self.changed(repository) == "[]"

    def test_nor_is_a_file_beside_them_or_a_folder_that_is_no_model(self, repository):
        self.write(repository, "include/models/model.schema.json", "{}")
        self.write(repository, 'include/models/x"; rm -rf $HOME; "/model.yaml', "")
        self.write(repository, "README.md", "")
        self.commit(repository)
        assert self.changed(repository) == "[]"
