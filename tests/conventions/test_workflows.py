"""The workflows call what there is, hold no more rights than they need, and find the models that a change touches."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    return yaml.safe_load(request.param.read_text())


def commands(workflow):
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_there_are_workflows():
    assert {path.name for path in WORKFLOWS} >= {"ci.yml", "model-change.yml"}


def test_every_make_target_and_script_that_is_called_is_there(workflow):
    for command in commands(workflow):
        assert set(re.findall(r"\bmake ([a-z]+)", command)) <= TARGETS, command
        for script in re.findall(r"(?<![\w/])\.(?:ci|github)/[\w-]+", command):
            assert (ROOT / script).stat().st_mode & 0o111, script


def test_what_may_be_written_is_said_job_by_job(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        # Code of a pull request must never run beside a right to write.
        if "write" in job.get("permissions", {}).values():
            assert not any("checkout" in step.get("uses", "") for step in job["steps"])


def test_nothing_of_a_pull_request_is_pasted_into_a_command(workflow):
    """Names of branches, titles and models are chosen by whoever opens it: they reach a shell as variables alone."""
    for command in commands(workflow):
        assert "${{" not in command, command
    assert "pull_request_target" not in workflow[True]  # YAML 1.1 reads the key `on` as true


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
