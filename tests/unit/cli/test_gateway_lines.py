"""What `evergreen status` says of the gateway."""

from evergreen.cli.gateway_lines import gateway_lines
from evergreen.settings import Settings


def test_without_a_stack_there_is_nothing_to_say(tmp_path):
    assert list(gateway_lines(Settings(home=tmp_path), "flights")) == []
