"""Asking time servers over loopback: a server that keeps the protocol, and ones that do not."""

import socket
import struct
import threading
import time
from contextlib import contextmanager

import pytest

from nines.errors import InputError, Problem
from nines.sources.ntp import TimeServer, Told, ask, time_servers

SINCE_1900 = 2_208_988_800
FORM = ">BBbbII4sQQQQ"


def stamp(seconds):
    return int((seconds + SINCE_1900) * 2**32)


def answer(request, *, ahead=0.0, stratum=2, leap=0, mode=4, work=0.0, back=0.0):
    """What a server says whose clock is `ahead`: RFC 5905, figure 8."""
    (first, *_, sent) = struct.unpack(FORM, request)
    assert (first >> 3 & 7, first & 7) == (4, 3), "version 4, mode client"
    assert len(request) == 48
    came = time.time() + ahead
    head = (leap << 6 | 4 << 3 | mode, stratum, 6, -20, int(0.010 * 2**16), int(0.002 * 2**16), b"LOOP")
    return struct.pack(FORM, *head, stamp(came), sent, stamp(came), stamp(came + work - back))


@contextmanager
def serving(**manner):
    """A time server on loopback; a request that breaks the protocol gets no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve():
            request, sender = server.recvfrom(256)
            server.sendto(answer(request, **manner), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield TimeServer("db-1", "127.0.0.1", server.getsockname()[1])
        thread.join(5)


def test_an_answer_bounds_the_servers_clock_against_this_machines():
    with serving(ahead=7.5) as server:
        told = ask(server)
    assert isinstance(told, Told)
    assert told.offset.contains(7_500_000_000)
    assert told.offset.skewed


def test_root_delay_and_dispersion_bound_the_servers_clock_against_true_time():
    with serving() as server:
        told = ask(server)
    # Half of 10 ms and 2 ms, each cut to 2^-16 s.
    assert 6_950_000 < told.root.high < 7_050_000
    assert told.root.low == -told.root.high
    assert told.stratum == 2


@pytest.mark.parametrize("manner", [{"leap": 3}, {"stratum": 16}])
def test_a_server_that_is_not_synchronised_says_nothing_of_true_time(manner):
    with serving(ahead=7.5, **manner) as server:
        told = ask(server)
    assert told.root is None
    assert told.offset.contains(7_500_000_000)


@pytest.mark.parametrize("manner", [{"stratum": 0}, {"mode": 5}, {"back": 3.0}, {"work": 3.0}])
def test_a_kiss_of_death_another_mode_and_impossible_instants_prove_nothing(manner):
    with serving(**manner) as server:
        problem = ask(server)
    assert isinstance(problem, Problem)
    assert problem.code == "no-time"


def test_a_silent_server_is_a_problem_and_not_a_failure():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        problem = ask(TimeServer("db-1", "127.0.0.1", silent.getsockname()[1]), patience=0.05)
    assert (problem.where, problem.code) == ("time server of db-1", "no-time")


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "224.0.0.1"])
def test_addresses_that_reach_a_clouds_secrets_are_not_asked(address):
    assert ask(TimeServer("db-1", address)).code == "refused-address"


def test_a_setting_names_hosts_and_their_servers():
    named = time_servers("db-1=10.0.0.5:1123, ntp.example,a=[fe80::1]:5,b=2001:db8::7")
    assert [(s.host, s.address, s.port) for s in named] == [
        ("db-1", "10.0.0.5", 1123), ("ntp.example", "ntp.example", 123), ("a", "fe80::1", 5), ("b", "2001:db8::7", 123)
    ]  # fmt: skip


def test_all_mistakes_of_a_setting_are_told_at_once():
    with pytest.raises(InputError) as told:
        time_servers("=x, a=b:0, c=d:many")
    assert [p.where for p in told.value.problems] == ["=x", "a=b:0", "c=d:many"]
