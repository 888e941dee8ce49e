"""The servo protocol, against packets made by the vendor's own library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import packets
from hardware.packets import Fault, Status, StatusDecoder, Unframer, frame
from hardware.registers import STS3215

CENTRE = bytes.fromhex("0008")  # 2048 steps

INSTRUCTIONS = {
    "ping": (packets.ping(1), "FF FF 01 02 01 FB"),
    "read a position": (packets.read(1, 56, 2), "FF FF 01 04 02 38 02 BE"),
    "write a goal": (packets.write(1, 42, CENTRE), "FF FF 01 05 03 2A 00 08 C4"),
    "write acceleration 50, goal 1000, speed 1000": (
        packets.write(1, 41, bytes.fromhex("32 E803 0000 E803")),
        "FF FF 01 0A 03 29 32 E8 03 00 00 E8 03 C0",
    ),
    "unlock every servo": (packets.write(packets.BROADCAST, 55, b"\0"), "FF FF FE 04 03 37 00 C3"),
    "make servo 1 servo 2": (packets.write(1, 5, b"\2"), "FF FF 01 04 03 05 02 F0"),
    "read six positions": (
        packets.sync_read(range(1, 7), 56, 2),
        "FF FF FE 0A 82 38 02 01 02 03 04 05 06 26",
    ),
    "write six goals": (
        packets.sync_write(42, dict.fromkeys(range(1, 7), CENTRE)),
        "FF FF FE 16 83 2A 02 01 00 08 02 00 08 03 00 08 04 00 08 05 00 08 06 00 08 F7",
    ),
    "store a goal": (packets.reg_write(1, 42, CENTRE), "FF FF 01 05 04 2A 00 08 C3"),
    "start what is stored": (packets.action(), "FF FF FE 02 05 FA"),
}

STATUSES = {
    "FF FF 01 04 00 00 08 F2": Status(1, Fault(0), CENTRE),
    "FF FF 01 02 20 DC": Status(1, Fault.OVERLOAD),
    "FF FF 06 02 24 D3": Status(6, Fault.OVERLOAD | Fault.TEMPERATURE),
    "FF FF 01 04 00 FF FF FC": Status(1, Fault(0), b"\xff\xff"),  # a header inside the data
}

replies = st.builds(Status, st.integers(0, 253), st.integers(0, 127).map(Fault), st.binary(max_size=87))


def wire(status: Status) -> bytes:
    return frame(status.id, status.faults, status.data)


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize(("built", "golden"), INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_an_instruction_is_the_golden_packet(built, golden):
    assert built.hex(" ").upper() == golden


@pytest.mark.parametrize("golden", [golden for _, golden in INSTRUCTIONS.values()], ids=INSTRUCTIONS)
def test_a_golden_instruction_comes_apart_into_what_it_was_built_from(golden):
    packet = bytes.fromhex(golden)
    for cut in range(len(packet) + 1):
        unframer = Unframer()
        found = unframer.feed(packet[:cut]) + unframer.feed(packet[cut:])
        assert [frame(*parts) for parts in found] == [packet]
        assert (unframer.skipped, unframer.pending) == (0, 0)


@pytest.mark.parametrize(("golden", "status"), STATUSES.items())
def test_a_status_survives_every_cut_after_noise_and_before_more(golden, status):
    noise = bytes.fromhex("00 FF 01 FF FF FF")
    packet = bytes.fromhex(golden)
    for stream in (packet, noise + packet, packet + noise):
        for cut in range(len(stream) + 1):
            decoder = StatusDecoder()
            assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == [status]


@pytest.mark.parametrize(("golden", "status"), STATUSES.items())
def test_a_status_arrives_byte_by_byte_and_not_a_byte_too_early(golden, status):
    decoder = StatusDecoder()
    *early, last = (decoder.feed(bytes([byte])) for byte in bytes.fromhex(golden))
    assert early == [[]] * len(early)
    assert last == [status]


@given(st.lists(replies, max_size=6), st.lists(st.integers(0, 10_000), max_size=8))
def test_six_replies_come_out_in_order_under_any_chunking(statuses, cuts):
    decoder = StatusDecoder()
    stream = b"".join(map(wire, statuses))
    assert [status for chunk in chunked(stream, cuts) for status in decoder.feed(chunk)] == statuses
    assert decoder.skipped == 0


@given(replies, st.integers(0, 10_000), st.integers(1, 255))
def test_a_corrupted_reply_is_never_taken_for_the_one_that_was_sent(status, where, flip):
    packet = bytearray(wire(status))
    packet[where % len(packet)] ^= flip
    assert status not in StatusDecoder().feed(bytes(packet))


@given(replies, replies)
def test_the_reply_after_a_damaged_one_is_still_read(damaged, status):
    decoder = StatusDecoder()
    calm = wire(damaged._replace(data=damaged.data.replace(b"\xff", b"\0")))  # no header inside it
    broken = calm[:-1] + bytes([calm[-1] ^ 1])
    quiet = bytes(200)  # what a damaged length may swallow before the checksum settles it
    assert status in decoder.feed(broken + wire(status) + quiet)
    assert decoder.skipped > 0


@given(st.lists(st.binary(max_size=600), max_size=6))
def test_any_bytes_are_counted_once_and_never_pile_up(chunks):
    unframer = Unframer()
    found = [packet for chunk in chunks for packet in unframer.feed(chunk)]
    used = sum(len(frame(*packet)) for packet in found)
    assert used + unframer.skipped + unframer.pending == sum(map(len, chunks))
    assert unframer.pending <= packets.LARGEST_BODY + 4


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: packets.ping(255), "id must be 0 to 253, or 254"),
        (lambda: packets.write(1, 0, bytes(250)), "at most 249 bytes"),
        (lambda: packets.sync_write(42, {1: b"\0", 2: b"\0\0"}), r"one size, got sizes \[1, 2\]"),
        (lambda: packets.sync_write(42, {}), "one size"),
    ],
)
def test_a_packet_no_bus_carries_is_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build()


@given(st.lists(replies, min_size=1, max_size=6, unique_by=lambda status: status.id), st.integers(0, 87))
def test_what_is_in_order_is_found_at_once_and_as_the_decoder_finds_it(statuses, size):
    statuses = [status._replace(data=status.data.ljust(size, b"\0")[:size]) for status in statuses]
    ids, stream = tuple(status.id for status in statuses), b"".join(map(wire, statuses))
    heard = packets.in_order(stream, ids, size)
    assert heard is not None and heard.data == {status.id: status.data for status in StatusDecoder().feed(stream)}
    assert heard.faults == {status.id: status.faults for status in statuses if status.faults}


@given(replies, st.integers(0, 10_000), st.integers(1, 255))
def test_what_is_damaged_or_another_s_or_cut_is_never_in_order(status, where, flip):
    packet, size = wire(status), len(status.data)
    damaged = bytearray(packet)
    damaged[where % len(packet)] ^= flip
    assert packets.in_order(bytes(damaged), (status.id,), size) is None
    assert packets.in_order(packet, ((status.id + 1) % 254,), size) is None
    assert packets.in_order(packet[:-1], (status.id,), size) is None


def test_a_reply_read_through_the_register_table_is_a_number_with_a_sign():
    (status,) = StatusDecoder().feed(wire(Status(3, Fault(0), bytes.fromhex("0A80"))))
    assert STS3215["present_speed"].decode(status.data) == -10
