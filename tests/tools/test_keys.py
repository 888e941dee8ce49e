"""Keys and stops as a person meets them."""

import time
from contextlib import closing

import pytest

from control.keys import TICKET
from control.remote import RemoteRobot
from control.types import Command, ResetRequest
from tools.cli import main

pytestmark = pytest.mark.clock

SMALL = "--set", "robot.camera_px=32"


def test_clients_are_admitted_listed_and_dismissed(tmp_path, capsys):
    keys, ticket = tmp_path / "own" / "keys.yaml", tmp_path / "laptop.ticket.yaml"
    admit = ["keys", "--keys", str(keys), "--admit", "laptop", "--role", "observer", "--ticket", str(ticket)]
    assert main(admit) == 0
    said = capsys.readouterr()
    assert said.out == "laptop: observer\n" and f"export {TICKET}=laptop.ticket.yaml" in said.err
    assert ticket.stat().st_mode & 0o777 == keys.stat().st_mode & 0o777 == 0o600
    before = ticket.read_text()
    assert main(admit) == 2 and "exists already" in capsys.readouterr().err and ticket.read_text() == before
    ticket.unlink()
    assert main(admit) == 2 and "there is a client laptop already" in capsys.readouterr().err
    assert main(["keys", "--keys", str(keys), "--dismiss", "laptop"]) == 0
    assert "lets laptop in until it is served anew" in capsys.readouterr().err
    assert main(["keys", "--keys", str(keys), "--dismiss", "laptop"]) == 2
    assert "no client laptop; there are: none" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden"])
def test_a_client_s_name_is_no_path(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert main(["keys", "--keys", "keys.yaml", "--admit", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_robot_served_with_keys_is_driven_with_a_ticket_alone(tmp_path, serving_at, monkeypatch, capsys):
    keys, ticket = tmp_path / "keys.yaml", tmp_path / "me.yaml"
    assert main(["keys", "--keys", str(keys), "--admit", "me", "--role", "operator", "--ticket", str(ticket)]) == 0
    with serving_at("tcp://0.0.0.0:0", "--keys", str(keys), *SMALL) as opened:
        here = opened.replace("0.0.0.0", "127.0.0.1")
        monkeypatch.setenv(TICKET, str(ticket))
        with closing(RemoteRobot(here)) as robot:
            assert robot.reset(ResetRequest("home")).seq > 0
        assert main(["stop", here]) == 0
        assert main(["stop", here, "--clear"]) == 0
        monkeypatch.delenv(TICKET)
        assert main(["stop", here.replace("127.0.0.1", "192.0.2.1")]) == 2
        assert "that takes keys" in capsys.readouterr().err


def test_a_stop_from_the_shell_stops_whoever_drives(tmp_path, serving, capsys):
    flags = "--realtime", "--config", "lift_fast.yaml", *SMALL
    with serving(tmp_path, *flags) as (endpoint, _), closing(RemoteRobot(endpoint)) as robot:
        seen = robot.reset(ResetRequest("home"))
        seen = robot.step(Command(seen.target_rad + 0.05, seen.seq))
        assert main(["stop", endpoint]) == 0
        time.sleep(0.15)
        assert robot.health().state == "stopped"
        assert main(["stop", endpoint, "--clear"]) == 0
        assert robot.health().state == "hold"


@pytest.mark.parametrize("endpoint, words", [("ipc:///tmp/nobody-here/arm", "did not answer"), ("arm", "no endpoint")])
def test_a_stop_that_reaches_nobody_says_so(endpoint, words, capsys):
    assert main(["stop", endpoint]) == 2
    assert words in capsys.readouterr().err
