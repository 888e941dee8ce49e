"""The vendor's own SDK drives the twin, unmodified."""

import time
from collections.abc import Iterator

import pytest

sdk = pytest.importorskip("scservo_sdk", reason="make peers installs the vendor's SDK")

IDS = (1, 2, 3, 4, 5, 6)
MODEL, ID, TORQUE, GOAL, LOCK, POSITION = 3, 5, 40, 42, 55, 56
SETTLE_S = 1.0


@pytest.fixture
def line(port) -> Iterator[tuple]:
    opened, packets = sdk.PortHandler(port), sdk.PacketHandler(0)
    assert opened.openPort() and opened.setBaudRate(1_000_000)
    yield opened, packets
    opened.closePort()


def test_every_servo_answers_a_ping_with_its_model(line):
    opened, packets = line
    for id in IDS:
        model, result, error = packets.ping(opened, id)
        assert (model, result, error) == (777, sdk.COMM_SUCCESS, 0)
    assert packets.ping(opened, 9)[1] == sdk.COMM_RX_TIMEOUT


def test_registers_are_written_and_read_back(line):
    opened, packets = line
    for size, address, value in ((1, TORQUE, 1), (2, GOAL, 2100), (1, TORQUE, 0)):
        write, read = getattr(packets, f"write{size}ByteTxRx"), getattr(packets, f"read{size}ByteTxRx")
        assert write(opened, 1, address, value) == (sdk.COMM_SUCCESS, 0)
        assert read(opened, 1, address) == (value, sdk.COMM_SUCCESS, 0)


def test_positions_are_read_and_goals_written_of_all_at_once(line):
    opened, packets = line
    reading, writing = (
        sdk.GroupSyncRead(opened, packets, POSITION, 2),
        sdk.GroupSyncWrite(opened, packets, GOAL, 2),
    )
    for id in IDS:
        assert reading.addParam(id)
    assert reading.txRxPacket() == sdk.COMM_SUCCESS
    before = {id: reading.getData(id, POSITION, 2) for id in IDS}
    wanted = before | {1: before[1] + 200, 5: before[5] - 200}
    for id, goal in wanted.items():
        assert writing.addParam(id, [goal & 0xFF, goal >> 8])
    for id in IDS:
        assert packets.write1ByteTxRx(opened, id, TORQUE, 1) == (sdk.COMM_SUCCESS, 0)
    assert writing.txPacket() == sdk.COMM_SUCCESS
    time.sleep(SETTLE_S)
    assert reading.txRxPacket() == sdk.COMM_SUCCESS
    for id in IDS:
        assert reading.getData(id, POSITION, 2) == pytest.approx(wanted[id], abs=60)
    for id in IDS:
        packets.write1ByteTxRx(opened, id, TORQUE, 0)
