"""Bytes that are no requests, or hardly: broken, huge, cut, many in a row, on connections that are left in any way."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

CLIENTS = 8
LEFT_OPEN = 30
"""Connections that a client has begun to ask on, and goes on with a byte now and then."""
HANG_SECONDS = 30.0
STATUSES = {100, 200, 400, 404, 405, 411, 413, 414, 417, 421, 431, 501, 503, 505}

HOST = b"Host: 127.0.0.1\r\n"
SEEDS = (
    b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /datasets/price_data?key=a&page=2 HTTP/1.1\r\n" + HOST + b"Accept: */*\r\nCookie: a=b\r\n\r\n",
    b"GET /quarantine?text=%3Ci%3E&since=2026-01-02&reason=ohlc_relation HTTP/1.1\r\n" + HOST + b"\r\n",
    b"POST /api/status HTTP/1.1\r\n" + HOST + b"Content-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
    b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET http://127.0.0.1/metrics HTTP/1.1\r\n" + HOST + b"Range: bytes=0-0, 5-\r\nIf-None-Match: *\r\n\r\n",
    b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /\r\n",
)
TOKENS = (
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b"%",
        b"%00",
        b"%2e%2e/",
        b"\xff\xfe",
        b"\xc3",
        b"../",
    ),
    *(
        b"HTTP/1.1",
        b"HTTP/0.9",
        b"HTTP/9.9",
        b"HTTP/1.1.1",
        b"http://",
        b"//",
        b"?",
        b"#",
        b"&",
        b"=",
        b";",
        b"[::1]:x",
    ),
    *(b"Host: a\r\n", b"Host:\r\n", b"Content-Length: 0\r\n", b"Content-Length: -1\r\n", b"Content-Length: 1e3\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity, chunked\r\n", b"Expect: 100-continue\r\n"),
    *(
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b" folded\r\n",
        b"X_Y: z\r\n",
        b"0\r\n\r\n",
        b"ffffffff\r\n",
    ),
)
NUMBERS = (b"0", b"-1", b"+5", b"0x10", b"1_0", b"4294967296", b"9" * 20, b"9" * 5000, "٣".encode(), b"1" * 300)
ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n((?:[\w-]+: [^\r\n]*\r\n)*)\r\n")
LENGTH = re.compile(rb"^Content-Length: (\d+)\r$", re.MULTILINE)


def sockets(port: int, runs: int, seed: int, folder: Path) -> int:
    """Send so many inputs; how many answers came.

    Raises:
        AssertionError: an answer is none, or none of ours, or there is no end of it. The input is left in the folder.
    """
    shares = [runs // CLIENTS + (at < runs % CLIENTS) for at in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(lambda at: _client(port, shares[at], seed + at, folder), range(CLIENTS)))


def _client(port: int, runs: int, seed: int, folder: Path) -> int:
    dice = random.Random(seed)
    left: list[socket.socket] = []
    answers = 0
    for _ in range(runs):
        data = made(dice)
        try:
            answers += len(_sent(port, data, dice, left))
        except (AssertionError, TimeoutError) as error:
            path = folder / f"sockets-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            raise AssertionError(f"{error!r:.500}; the input is left in {path}") from error
    for each in left:
        each.close()
    return answers


def made(dice: random.Random) -> bytes:
    """One to four requests in a row, with up to five changes of what a client may get wrong."""
    data = b"".join(dice.choices(SEEDS, k=dice.choice((1, 1, 1, 2, 4))))
    for _ in range(dice.randrange(6)):
        data = _changed(data, dice)
    return data


def _changed(data: bytes, dice: random.Random) -> bytes:
    way, at = dice.randrange(8), dice.randrange(len(data) + 1)
    numbers = [*re.finditer(rb"\d+", data)]
    if way == 0:
        return data[: max(at, 1)]
    if way == 1 and numbers:
        number = dice.choice(numbers)
        return data[: number.start()] + dice.choice(NUMBERS) + data[number.end() :]
    old, token = data[at : at + dice.choice((1, 2, 8, 64))], dice.choice(TOKENS)
    many, much = dice.choice((2, 3, 50, 1000)), dice.choice((100, 16_000, 17_000, 70_000))
    new = dice.choice((b"", token, token + old, dice.randbytes(len(old)), old * many, b"a" * much + old))
    return data[:at] + new + data[at + len(old) :]


def _sent(port: int, data: bytes, dice: random.Random, left: list[socket.socket]) -> list[int]:
    """The statuses that came back, as far as the client waited for any."""
    client = socket.create_connection(("127.0.0.1", port), HANG_SECONDS)
    with suppress(ConnectionError):  # what it refuses it need not read to the end
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in _parts(data, dice):
            client.sendall(part)
    way = dice.randrange(20)
    if way == 0:
        left.append(client)
        _drip(left)
        return []
    if way == 1:  # gone, with a reset
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if way <= 2:
        client.close()
        return []
    with suppress(OSError):  # it may have gone first
        client.shutdown(socket.SHUT_WR)
    return statuses(*_received(client))


def _parts(data: bytes, dice: random.Random) -> Iterator[bytes]:
    step = dice.choice((len(data), len(data), len(data), 1000, 7)) or 1
    for at in range(0, min(len(data), 20 * step), step):
        yield data[at : at + step]
    yield data[20 * step :]


def _drip(left: list[socket.socket]) -> None:
    """One byte more on each that is left open, of which the oldest go."""
    for each in left:
        with suppress(OSError):
            each.send(b"x")
    while len(left) > LEFT_OPEN:
        left.pop(0).close()


def _received(client: socket.socket) -> tuple[bytes, bool]:
    """What came, and whether the server hung up on what the client had still to say."""
    got = b""
    with client:
        try:
            while more := client.recv(2**16):
                got += more
        except ConnectionResetError:
            return got, True
    return got, False


def statuses(got: bytes, cut: bool = False) -> list[int]:
    """Those of the answers, one after the other; the last may be cut where the server has hung up."""
    found = []
    while got:
        if cut and b"\r\n\r\n" not in got and got.startswith(b"HTTP/1."[: len(got)]):
            break
        head = ANSWER.match(got)
        assert head, f"no answer: {got[:200]!r}"
        assert int(head[1]) in STATUSES, f"a status that nothing asks for: {got[:200]!r}"
        found.append(int(head[1]))
        rest, length = got[head.end() :], LENGTH.search(head[2])
        assert length or head[1] == b"100", f"an answer without a length: {got[:200]!r}"
        got = rest if not length or rest.startswith(b"HTTP/1.") else rest[int(length[1]) :]  # of HEAD there is no body
    return found
