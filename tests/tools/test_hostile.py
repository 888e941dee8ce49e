"""A served arm among strangers, for five seconds: it goes on, and does nothing that they say."""

import pytest

from tools.bench_hostile import BOUNDED, hostile
from tools.hostile import ATTACKS

pytestmark = pytest.mark.clock


@pytest.mark.parametrize("keyed", [False, True])
def test_an_arm_among_strangers_goes_on_and_hears_its_driver_alone(keyed):
    figures = hostile(tuple(ATTACKS) if keyed else BOUNDED, 5.0, keyed)
    assert figures["commands of strangers executed"] == 0
    assert figures["sent by strangers"] > 100 and figures["ticks"] > 20
    assert figures["memory grew MB"] < 20 and figures["stop heard after ms"] < 1000
    # Whoever is this machine's user may end what serves, as libzmq 4.3.5 aborts; it comes back.
    assert figures["longest without s"] < 3
    assert not keyed or figures["answers to strangers"] == figures["sessions lost"] == 0
