"""The page's server answers this machine's browsers that were given the address, and nobody else."""

import http.client
import re

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tools.site import FIXED, Site, files, refusal

TOKEN = "secret"
HERE = {"Host": "127.0.0.1:8080"}


@pytest.mark.parametrize(
    "path, headers, words",
    [
        ("/secret/", HERE, ""),
        ("/secret/page.js", {"Host": "localhost:9000"}, ""),
        ("/secret/page.js", {"Host": "[::1]:9000"}, ""),
        ("/secret/page.js", HERE | {"Origin": "http://127.0.0.1:8080"}, ""),
        ("/secret/words", HERE | {"Origin": "http://127.0.0.1:8080"}, ""),
        ("/secret/words", HERE, "from which page"),
        ("/secret/words", HERE | {"Origin": "http://localhost:8080"}, "a page of http://localhost:8080"),
        ("/secret/words", HERE | {"Origin": "https://evil.example"}, "a page of https://evil.example"),
        ("/secret/words", HERE | {"Origin": "null"}, "a page of null"),
        ("/secret/", {"Host": "evil.example:8080"}, "not at evil.example"),
        ("/secret/", {"Host": "127.0.0.1.evil.example"}, "not at"),
        ("/secret/", {"Host": "127.0.0.1:80@evil.example"}, "not at"),
        ("/secret/", {"Host": "192.168.1.5:8080"}, "not at"),
        ("/secret/", {}, "not at nowhere"),
        ("/", HERE, "open the address"),
        ("/secre/", HERE, "open the address"),
        ("/secrets/", HERE, "open the address"),
        ("/é/", HERE, "open the address"),
        ("//secret/", HERE, "open the address"),
        ("", HERE, "open the address"),
    ],
)
def test_strangers_are_told_apart_by_host_origin_and_token(path, headers, words):
    why = refusal(path, headers, TOKEN)
    assert (words in why) if words else why == ""


@pytest.fixture(scope="module")
def site():
    site = Site(
        0, TOKEN, {"told.json": lambda query: f'"{query}"'.encode()}, lambda connection: connection.send("hello")
    )
    yield site
    site.close()


def asked(site, path, host="127.0.0.1", **headers):
    line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    line.putrequest("GET", path, skip_host=True)
    for name, value in {"Host": f"{host}:{site.port}", **headers}.items():
        line.putheader(name, value)
    line.endheaders()
    answer = line.getresponse()
    return answer.status, answer.read(), answer.headers


def test_the_pages_files_and_answers_are_there(site):
    for name, content in files().items():
        status, body, headers = asked(site, f"/{TOKEN}/{name}")
        assert (status, body) == (200, content)
        assert all(headers[field] == value for field, value in FIXED.items())
    assert asked(site, f"/{TOKEN}/")[1] == files()["index.html"]
    assert asked(site, f"/{TOKEN}/told.json?a=b")[1] == b'"a=b"'


@pytest.mark.parametrize("name", ["nothing", "../site.py", "..%2fsite.py", "/etc/passwd", "page.js/", "words.json"])
def test_nothing_else_is(site, name):
    assert asked(site, f"/{TOKEN}/{name}")[0] in (403, 404)


def test_a_websocket_is_for_the_page_alone(site):
    address = f"ws://127.0.0.1:{site.port}"
    with connect(f"{address}/{TOKEN}/words", origin=f"http://127.0.0.1:{site.port}") as line:
        assert line.recv() == "hello"
    for path, origin in ((f"/{TOKEN}/words", "http://evil.example"), (f"/{TOKEN}/words", None), ("/words", None)):
        with pytest.raises(InvalidStatus, match="403"):
            connect(address + path, origin=origin)


def test_it_listens_on_this_machine_alone(site):
    assert site._server.socket.getsockname()[0] == "127.0.0.1"


def test_no_file_of_the_page_names_another_address():
    for name, content in files().items():
        words = content.replace(b"http://www.w3.org/2000/svg", b"")  # the name of a language, not an address
        assert not re.search(rb"[a-z]+://|['\"(=]//", words), name
