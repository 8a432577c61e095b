import pytest

from evergreen.definitions.check import check_definitions


@pytest.fixture
def doubts_after(folder, tmp_path):
    def change(old, new):
        path = folder / "model.yaml"
        path.write_text(path.read_text().replace(old, new, 1))
        report = check_definitions(tmp_path)
        assert report.problems == ()
        return report.doubts

    return change


def test_a_sound_definition_raises_no_doubt(folder, tmp_path):
    report = check_definitions(tmp_path)
    assert list(report.sound) == ["minimal"]
    assert (report.problems, report.doubts) == ((), ())


def test_a_slice_that_nothing_mentions(doubts_after):
    (doubt,) = doubts_after("by: country", "by: contry")
    assert (doubt.line, doubt.path, doubt.hint) == (23, "gate.slices[0].by", "did you mean `country`?")


def test_a_slice_by_a_feature(doubts_after):
    assert doubts_after("by: country", "by: weekday") == ()


def test_a_baseline_by_nothing_known(doubts_after):
    (doubt,) = doubts_after("gate:", "training: {baseline_by: [huor]}\ngate:")
    assert (doubt.path, doubt.hint) == ("training.baseline_by[0]", "did you mean `hour`?")


def test_no_names_are_doubted_when_columns_are_not_declared(doubts_after, folder):
    columns = "columns: {order_id: string, ordered_at: timestamp, country: string, amount: number}"
    path = folder / "model.yaml"
    path.write_text(path.read_text().replace("by: country", "by: anything"))
    assert doubts_after(columns, "available_after: 0d") == ()


def test_a_table_that_nothing_reads(doubts_after, folder):
    shops = "    shops: {files: shops.csv, key: [country], columns: {country: string}}\n"
    (doubt,) = doubts_after("gate:\n", f"{shops}gate:\n")
    assert (doubt.path, doubt.what) == ("data.tables.shops", "a table that nothing reads")


@pytest.mark.parametrize(("holdout", "is_doubted"), [("21d", True), ("23d", True), ("24d", False)])
def test_a_holdout_whose_labels_come_too_late(doubts_after, holdout, is_doubted):
    doubts = doubts_after("holdout: 35d", f"holdout: {holdout}")
    assert [doubt.path for doubt in doubts] == ["gate.holdout"] * is_doubted
    assert all(doubt.allowed == "at least 24d" for doubt in doubts)


def test_a_holdout_whose_labels_say_themselves_when_they_come(doubts_after, folder):
    path = folder / "model.yaml"
    path.write_text(path.read_text().replace("holdout: 35d", "holdout: 21d"))
    assert doubts_after("available_after: 14d", "available_at: ordered_at") == ()


def test_a_model_that_nobody_explains(folder, tmp_path):
    (folder / "README.md").unlink()
    (doubt,) = check_definitions(tmp_path).doubts
    assert doubt.what == "nobody says what the model is for"


def test_named_ones_only(folder, tmp_path):
    report = check_definitions(tmp_path, ("minimal", "maximal"))
    assert list(report.sound) == ["minimal"]
    assert [problem.what for problem in report.problems] == ["there is no such model definition"]
