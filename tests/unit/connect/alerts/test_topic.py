"""What SNS takes: subjects of printable ASCII, a region from the topic, attributes to filter by."""

import pytest

from evergreen.connect.alerts.topic import sns_subject, topic_region


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("[critical] flights: scoring failed in ingest", "[critical] flights: scoring failed in ingest"),
        ("Verspätung in Zürich", "Verspatung in Zurich"),
        ("a\r\nBcc: b\tc", "a  Bcc: b c"),
        ("価格: x", "??: x"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 97 + "..."),
        ("x" * 99 + "…", "x" * 97 + "..."),
    ],
)
def test_a_subject_is_one_line_of_ascii(subject, sent):
    assert sns_subject(subject) == sent
    assert len(sent) <= 100


@pytest.mark.parametrize(
    ("arn", "region"),
    [("arn:aws:sns:eu-central-1:123456789012:flights", "eu-central-1"), ("arn:aws:sns::1:x", None), ("flights", None)],
)
def test_the_region_is_the_topics(arn, region):
    assert topic_region(arn) == region
