"""What everything is made of is written down whole, and an audit that could not ask is never taken for a clean one."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / ".github" / "audit"))
import audit  # noqa: E402
import locks  # noqa: E402
import sbom  # noqa: E402

TODAY = date(2026, 11, 22)
ASKED = {"one": "1.0", "two": "2.0"}
FINDING = {"id": "PYSEC-1", "aliases": ["GHSA-1"], "fix_versions": ["1.1"]}


def report(**vulnerabilities):
    return {"dependencies": [{"name": name, "version": ASKED[name], "vulns": vulnerabilities.get(name, [])} for name in ASKED]}


def accepted(until="2026-12-31", id_="GHSA-1"):
    text = f'[[accepted]]\nid = "{id_}"\npackage = "One"\nreason = "the part that it concerns is not used"\nuntil = {until}\n'
    return audit.read_accepted(text, TODAY)


class TestAudit:
    def test_all_asked_and_nothing_found_is_clean(self):
        assert audit.judge(ASKED, report(), (), TODAY).exit_code == 0

    def test_a_finding_is_open(self):
        answer = audit.judge(ASKED, report(one=[FINDING]), (), TODAY)
        assert answer.exit_code == 1
        assert answer.open == ("one 1.0: PYSEC-1, fixed in 1.1",)

    def test_an_accepted_one_is_not_under_any_of_its_names(self):
        answer = audit.judge(ASKED, report(one=[FINDING]), accepted(), TODAY)
        assert answer.exit_code == 0
        assert "accepted until 2026-12-31: the part" in answer.notes[0]

    def test_of_another_package_it_is_open(self):
        assert audit.judge(ASKED, report(two=[FINDING]), accepted(), TODAY).exit_code == 1

    @pytest.mark.parametrize("found", [[FINDING], []], ids=["still found", "gone"])
    def test_an_expired_acceptance_fails(self, found):
        answer = audit.judge(ASKED, report(one=found), accepted(until="2026-11-21"), TODAY)
        assert answer.exit_code == 1
        assert "has passed: look again" in answer.open[-1]

    def test_on_its_last_day_it_holds(self):
        assert audit.judge(ASKED, report(one=[FINDING]), accepted(until="2026-11-22"), TODAY).exit_code == 0

    def test_what_is_found_no_more_is_to_be_removed(self):
        assert "found no more" in audit.judge(ASKED, report(), accepted(), TODAY).notes[0]

    @pytest.mark.parametrize(
        "answered",
        [
            {},
            {"dependencies": [{"name": "one", "version": "1.0", "vulns": []}]},
            {"dependencies": [{"name": name, "skip_reason": "not found"} for name in ASKED]},
        ],
        ids=["nothing", "one of two", "all skipped"],
    )
    def test_what_could_not_be_looked_up_is_no_clean_answer(self, answered):
        assert audit.judge(ASKED, answered, (), TODAY).exit_code == 2

    @pytest.mark.parametrize(
        "entry",
        [
            'id = "A"\npackage = "one"\nuntil = 2026-12-01',
            'id = "A"\npackage = "one"\nreason = "short"\nuntil = 2026-12-01',
            'id = "A"\npackage = "one"\nreason = "long enough to say something"\nuntil = 2027-11-22',
            'id = "A"\npackage = "one"\nreason = "long enough to say something"\nuntil = "soon"',
        ],
    )
    def test_who_accepts_says_why_and_for_how_long(self, entry):
        with pytest.raises(SystemExit):
            audit.read_accepted(f"[[accepted]]\n{entry}\n", TODAY)

    def test_the_committed_acceptances_can_be_read(self):
        audit.read_accepted((ROOT / audit.ACCEPTED).read_text(encoding="utf-8"), date.max - audit.LONGEST)


class TestLocks:
    def test_every_lock_is_looked_at_and_pins_every_line(self):
        tracked = subprocess.run(["git", "ls-files", "*.lock"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        assert set(locks.LOCKS.values()) == set(tracked.split())
        for path in locks.LOCKS.values():
            assert len(locks.read_lock(ROOT / path)) > 40

    @pytest.mark.parametrize("line", ["name>=1", "name==1", "./folder"])
    def test_a_line_without_version_and_hash_is_refused(self, tmp_path, line):
        (tmp_path / "a.lock").write_text(f"{line}\n")
        with pytest.raises(SystemExit):
            locks.read_lock(tmp_path / "a.lock")


class TestSbom:
    @pytest.mark.slow
    def test_it_names_every_package_of_a_lock_with_version_and_hashes(self, tmp_path):
        """With the pinned tool in its own environment; `make sbom` does all locks, and validates them as well."""
        subprocess.run(["make", "--silent", ".venv/tools/.installed"], cwd=ROOT, check=True)
        lock = "docker/gateway.lock"
        program = "import sys, sbom; from pathlib import Path; sbom.write(Path(sys.argv[1]), Path(sys.argv[2]), validate=False)"
        subprocess.run(
            [str(ROOT / ".venv/tools/bin/python"), "-c", program, lock, str(tmp_path / "a.json")],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT / ".github" / "audit")},
            check=True,
        )
        document = json.loads((tmp_path / "a.json").read_text())
        assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
        packages = locks.read_lock(ROOT / lock)
        assert sbom.missing(packages, document) == []
        del document["components"][3]
        document["components"][5]["version"] = "0"
        assert len(sbom.missing(packages, document)) == 2
