"""Steps below HTTP: TCP, DNS, certificates and echo requests."""

import socket
import struct
from datetime import datetime, timedelta
from itertools import count

import pytest

from nines.errors import InputError
from nines.probes import dns
from nines.probes.tls import valid_until
from nines.telemetry.journey import DnsCall, IcmpCall, TcpCall, TlsCall
from parts import require
from probes.loopback import AT, Server, certificate, chatting, naming, only, record, run, serving, tls_context


class TestTcp:
    def test_a_port_that_takes_connections_is_up(self):
        with chatting(lambda _line: b"") as port:
            step = only(run(TcpCall(host="127.0.0.1", port=port)))
        assert (step.state, step.phases["connect_ms"] > 0) == ("up", True)

    def test_a_word_is_exchanged_with_secrets_in_their_place(self):
        with chatting(lambda line: b"220 hello " + line) as port:
            call = TcpCall(host="127.0.0.1", port=port, send="EHLO ${secret:ME}", answer="hello EHLO me")
            assert only(run(call, secrets={"ME": "me"})).state == "up"

    def test_a_wrong_word_is_down(self):
        with chatting(lambda _line: b"500 no") as port:
            step = only(run(TcpCall(host="127.0.0.1", port=port, send="x", answer="250")))
        assert (step.state, step.code) == ("down", "wrong-answer")

    def test_a_port_where_nobody_listens_is_down(self):
        with chatting(lambda _line: b"") as port:
            pass
        assert only(run(TcpCall(host="127.0.0.1", port=port))).code == "no-connection"

    def test_silence_ends_at_the_timeout(self):
        with socket.create_server(("127.0.0.1", 0)) as quiet:
            call = TcpCall(host="127.0.0.1", port=quiet.getsockname()[1], send="x", answer="y")
            assert only(run(call, timeout=timedelta(milliseconds=200))).code == "timeout"

    def test_a_clouds_secrets_are_not_reached_by_tcp_either(self):
        with pytest.raises(InputError):
            run(TcpCall(host="169.254.169.254", port=80))


def replying(*records, flags=0x8180):
    """Return an answer to any question, made of some records."""

    def answer(query):
        return query[:2] + struct.pack("!5H", flags, 1, len(records), 0, 0) + query[12:] + b"".join(records)

    return answer


def label(text):
    return bytes([len(text)]) + text.encode()


RECORDS = [
    ("A", record(1, bytes([192, 0, 2, 7])), "192.0.2.7"),
    ("AAAA", record(28, bytes.fromhex("20010db8" + "0" * 23 + "1")), "2001:db8::1"),
    ("CNAME", record(5, label("www") + b"\xc0\x0c"), "www.shop.example"),
    ("NS", record(2, label("ns") + b"\xc0\x0c"), "ns.shop.example"),
    ("MX", record(15, b"\0\x0a" + label("mail") + b"\xc0\x0c"), "10 mail.shop.example"),
    ("TXT", record(16, label("v=spf1 ") + label("-all")), "v=spf1 -all"),
    ("SRV", record(33, struct.pack("!3H", 1, 2, 443) + b"\xc0\x0c"), "1 2 443 shop.example"),
    ("CAA", record(257, b"\0\x05issue" + b"ca.example"), "0 issue ca.example"),
    ("SOA", record(6, b"\xc0\x0c" + label("root") + b"\xc0\x0c" + struct.pack("!5I", 9, 1, 1, 1, 1)),
     "shop.example root.shop.example 9"),
]  # fmt: skip


class TestDns:
    def ask(self, answer, **fields):
        patience = fields.pop("timeout", timedelta(seconds=5))
        with naming(answer) as port:
            call = DnsCall(**({"name": "shop.example", "server": f"127.0.0.1:{port}"} | fields))
            return only(run(call, timeout=patience))

    @pytest.mark.parametrize(("kind", "one", "shown"), RECORDS, ids=[r[0] for r in RECORDS])
    def test_a_record_is_read_as_people_write_it(self, kind, one, shown):
        alias = record(5 if kind != "CNAME" else 16, label("x") + b"\0")
        step = self.ask(replying(alias, one), type=kind, expect=(shown,))
        assert (step.state, step.error, step.phases["dns_ms"] > 0) == ("up", "", True)

    def test_an_answer_that_is_not_among_those_given_is_down(self):
        step = self.ask(replying(RECORDS[0][1]), expect=("192.0.2.8",))
        assert step.error == "shop.example has 192.0.2.7; expected 192.0.2.8 among them"

    @pytest.mark.parametrize("rcode", [2, 3, 5])
    def test_a_refusal_is_down(self, rcode):
        assert self.ask(replying(flags=0x8180 | rcode)).code == "no-name"

    def test_a_name_without_such_a_record_is_down(self):
        assert self.ask(replying(RECORDS[0][1]), type="MX").code == "no-name"

    def test_a_lost_datagram_is_asked_for_again(self, monkeypatch):
        monkeypatch.setattr(dns, "AGAIN_S", 0.1)
        numbers = count()
        step = self.ask(lambda query: replying(RECORDS[0][1])(query) if next(numbers) else None)
        assert (step.state, step.duration_ms > 100) == ("up", True)

    def test_strangers_answers_are_passed_over_until_the_timeout(self):
        step = self.ask(
            lambda query: bytes([query[0] ^ 1]) + replying(RECORDS[0][1])(query)[1:], timeout=timedelta(seconds=0.3)
        )
        assert step.code == "timeout"

    @pytest.mark.parametrize("length", range(2, 40, 3))
    def test_an_answer_that_is_cut_off_is_told_and_never_a_crash(self, length):
        step = self.ask(lambda query: replying(RECORDS[0][1])(query)[:length], timeout=timedelta(seconds=0.3))
        assert (step.state, step.code) == ("down", "wrong-answer")

    def test_a_name_that_points_back_at_itself_ends(self):
        loop = struct.pack("!HHHIH", 0xC01E, 5, 1, 60, 2) + b"\xc0\x1e"
        assert self.ask(replying(loop), type="CNAME").code == "wrong-answer"

    def test_a_long_answer_is_fetched_over_tcp(self):
        def whole(line):
            data = replying(RECORDS[0][1])(line[2:])
            return struct.pack("!H", len(data)) + data

        with chatting(whole) as port, naming(replying(flags=0x8380), port=port):
            step = only(run(DnsCall(name="shop.example", server=f"127.0.0.1:{port}", expect=("192.0.2.7",))))
        assert step.state == "up"

    def test_addresses_come_from_this_machine_when_no_server_is_named(self):
        assert only(run(DnsCall(name="localhost", expect=("127.0.0.1",)))).state == "up"
        assert only(run(DnsCall(name="no-such-host.invalid"))).code == "no-name"

    def test_a_machine_without_servers_cannot_tell(self, monkeypatch, tmp_path):
        monkeypatch.setattr(dns, "_RESOLV_CONF", tmp_path / "none")
        result = run(DnsCall(name="shop.example", type="MX"))
        assert (result.state, "names no server" in result.findings[0].what) == ("unknown", True)


class TestTls:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory):
        return tmp_path_factory.mktemp("certificates")

    def look(self, pair, **fields):
        with serving(Server(tls_context(*pair))) as server:
            call = TlsCall(**({"host": "127.0.0.1", "port": server.server_port, "ca_file": str(pair[0])} | fields))
            return only(run(call))

    @pytest.fixture(scope="class")
    def pair(self, folder):
        return certificate(folder, days=40)

    def days_left(self, pair):
        der = _der(pair[0])
        return (valid_until(der) - AT).total_seconds() / 86_400

    def test_the_end_of_a_certificate_is_read_to_the_second(self, pair):
        import ssl

        told = ssl._ssl._test_decode_cert(str(pair[0]))["notAfter"]
        assert valid_until(_der(pair[0])).timestamp() == ssl.cert_time_to_seconds(told)

    def test_a_certificate_is_up_until_too_few_days_are_left(self, pair):
        left = int(self.days_left(pair))
        assert self.look(pair, min_days=left).state == "up"
        step = self.look(pair, min_days=left + 1)
        assert (step.state, step.code) == ("down", "certificate-ends")

    def test_one_that_nobody_vouches_for_is_down_unless_it_is_not_asked(self, pair):
        assert self.look(pair, ca_file="", min_days=0).code == "bad-certificate"
        assert self.look(pair, ca_file="", min_days=0, verify=False).state == "up"

    def test_one_for_another_name_is_down(self, pair):
        assert self.look(pair, min_days=0, server_name="shop.example").code == "bad-certificate"

    def test_what_does_not_speak_tls_is_down(self, shop):
        call = TlsCall(host="127.0.0.1", port=shop.server_port, verify=False)
        assert only(run(call)).code == "no-tls"

    @pytest.mark.parametrize(("text", "year"), [(b"\x17\x0d491231235959Z", 2049), (b"\x17\x0d500101000000Z", 1950),
                                                (b"\x18\x0f20500101000000Z", 2050)])  # fmt: skip
    def test_two_digits_of_a_year_mean_what_the_standard_says(self, text, year):
        def wrap(tag, data):
            return bytes([tag, len(data)]) + data

        validity = wrap(0x30, b"\x17\x0d200101000000Z" + text)
        inner = b"\xa0\x03\x02\x01\x02" + b"\x02\x01\x01" + wrap(0x30, b"") * 2 + validity
        assert valid_until(wrap(0x30, wrap(0x30, inner))).year == year

    @pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x82\xff", bytes(40), b"0" * 200])
    def test_what_is_no_certificate_is_refused(self, der):
        with pytest.raises(ValueError):
            valid_until(der)


def _der(path):
    import ssl

    return ssl.PEM_cert_to_DER_cert(path.read_text())


def may_ping():
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


class TestIcmp:
    def test_this_machine_replies_to_itself(self):
        require("ICMP", may_ping(), "widen net.ipv4.ping_group_range")
        step = only(run(IcmpCall(host="127.0.0.1")))
        assert (step.state, 0 < step.phases["first_byte_ms"] < 1000) == ("up", True)

    def test_without_the_right_nobody_can_tell_and_it_is_said_how_to_get_it(self, monkeypatch):
        def refuse(*_words):
            raise PermissionError(1, "not permitted")

        monkeypatch.setattr("nines.probes.icmp.socket.socket", refuse)
        result = run(IcmpCall(host="127.0.0.1"))
        assert (result.state, result.first.steps) == ("unknown", ())
        assert "ping_group_range" in result.findings[0].what

    def test_a_host_that_does_not_reply_is_down(self, monkeypatch):
        require("ICMP", may_ping(), "widen net.ipv4.ping_group_range")
        monkeypatch.setattr("nines.probes.icmp._replied", lambda *_a, **_k: False)
        assert only(run(IcmpCall(host="127.0.0.1"), timeout=timedelta(seconds=1))).code == "no-reply"


def test_an_instant_of_a_result_has_its_zone():
    with chatting(lambda _line: b"") as port:
        step = only(run(TcpCall(host="127.0.0.1", port=port)))
    assert isinstance(step.ended, datetime)
    assert step.ended.utcoffset() == timedelta()
