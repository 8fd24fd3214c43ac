"""Reading a log that grows: every whole line once, whatever happens to its files and whenever reading stops."""

import gzip
import json
import os
import random
import shutil
from collections import Counter

import pytest

from nines.agent.gathering import Effort
from nines.agent.settings import Tail
from nines.agent.tail import PORTION, TailCollector
from nines.agent.tail_mark import Known, Mark

NOW = None


class Reader:
    """A collector whose batches are stored in a list, with the mark behind the last of them; it may be killed."""

    def __init__(self, folder, **more):
        self.folder, self.mark, self.seen = folder, None, Counter()
        self.settings = Tail(path=folder / "web.log", source="edge", type="ndjson", **more)
        self.start()

    def start(self):
        self.one = TailCollector(self.settings, self.folder, lambda: self.mark)

    def look(self, most=None):
        """Store what there is, or so many batches and then be killed."""
        for number, found in enumerate(self.one.collect(NOW, Effort())):
            if number == most:
                self.one.close()
                self.start()
                return
            self.mark = found.mark
            self.seen.update(found.table.column("operation").to_pylist())


class Writer:
    """Writes numbered lines and does to the files what rotation does."""

    def __init__(self, folder):
        self.path, self.number = folder / "web.log", 0

    def write(self, lines=1):
        with self.path.open("a") as file:
            for _ in range(lines):
                self.number += 1
                file.write(json.dumps({"time": "2026-01-01T00:00:00Z", "operation": f"n{self.number}"}) + "\n")

    def shift(self):
        for number in range(8, 0, -1):
            for end in ("", ".gz"):
                one = self.path.with_name(f"web.log.{number}{end}")
                if one.exists():
                    one.rename(self.path.with_name(f"web.log.{number + 1}{end}"))

    def rename(self):
        self.shift()
        self.path.rename(self.path.with_name("web.log.1"))
        self.path.touch()

    def copytruncate(self):
        self.shift()
        shutil.copyfile(self.path, self.path.with_name("web.log.1"))
        os.truncate(self.path, 0)

    def pack(self, number=1):
        plain = self.path.with_name(f"web.log.{number}")
        if plain.exists():
            packed = plain.with_name(plain.name + ".gz")
            packed.write_bytes(gzip.compress(plain.read_bytes()))
            state = plain.stat()
            os.utime(packed, ns=(state.st_atime_ns, state.st_mtime_ns))
            plain.unlink()

    def expected(self):
        return Counter({f"n{n}": 1 for n in range(1, self.number + 1)})


@pytest.fixture
def parts(tmp_path):
    writer = Writer(tmp_path)
    writer.path.touch()
    reader = Reader(tmp_path)
    reader.look()
    return writer, reader


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_done_to_the_files_each_line_is_read_once(parts, seed):
    writer, reader = parts
    chance, chain = random.Random(seed), []
    for _ in range(60):
        deed = chance.choice(["write", "write", "look", "look", "stop", "rename", "copytruncate", "pack"])
        chain.append(deed)
        if deed == "write":
            writer.write(chance.randint(1, 30))
        elif deed == "look":
            reader.look()
        elif deed == "stop":
            reader.look(most=chance.randint(0, 2))
        elif deed == "pack":
            writer.pack(chance.randint(1, 2))
        elif writer.path.stat().st_size:
            getattr(writer, deed)()
    reader.look()
    wrong = (reader.seen - writer.expected()) + (writer.expected() - reader.seen)
    assert not wrong, f"{chain}: {dict(wrong)}"


def test_rotations_missed_while_not_running_are_read_in_order(parts):
    writer, reader = parts
    writer.write(3)
    reader.look()
    reader.one.close()
    for _ in range(3):
        writer.write(5)
        writer.rename()
    writer.write(2)
    writer.pack(3)
    reader.start()
    reader.look()
    assert reader.seen == writer.expected()


def test_what_was_rotated_before_the_first_look_is_none_of_ours(tmp_path):
    writer = Writer(tmp_path)
    writer.write(5)
    writer.rename()
    writer.number = 0
    writer.write(2)
    reader = Reader(tmp_path)
    reader.look()
    reader.look()
    assert reader.seen == writer.expected()


def test_beginning_at_the_end_passes_over_what_is_there_and_nothing_after_it(tmp_path):
    writer = Writer(tmp_path)
    writer.write(5)
    reader = Reader(tmp_path, begin="end")
    reader.look()
    writer.write(1)
    reader.start()
    reader.look()
    assert reader.seen == Counter({"n6": 1})


def test_a_line_is_taken_when_it_ends_and_not_before(parts):
    writer, reader = parts
    with writer.path.open("a") as file:
        file.write('{"time": "2026-01-01T00:00:00Z", ')
        file.flush()
        reader.look()
        assert reader.seen == Counter()
        file.write('"operation": "whole"}\n')
    reader.look()
    assert reader.seen == Counter({"whole": 1})


def test_the_last_line_of_a_rotated_file_needs_no_end(parts):
    writer, reader = parts
    writer.path.write_text('{"time": "2026-01-01T00:00:00Z", "operation": "last"}')
    writer.rename()
    for _ in range(5):
        reader.look()
    assert reader.seen == Counter({"last": 1})


def test_lines_still_written_to_a_rotated_file_are_read(parts):
    writer, reader = parts
    with writer.path.open("a") as file:
        writer.rename()
        reader.look()
        file.write('{"time": "2026-01-01T00:00:00Z", "operation": "late"}\n')
    reader.look()
    assert reader.seen == Counter({"late": 1})


def test_a_deleted_file_is_read_to_its_end_while_it_is_open(parts):
    writer, reader = parts
    writer.write(1)
    reader.look()
    writer.write(1)
    writer.path.unlink()
    writer.write(1)
    reader.look()
    assert reader.seen == writer.expected()


def test_a_file_that_is_gone_before_its_end_is_told(parts, caplog):
    writer, reader = parts
    writer.write(5)
    reader.look()
    reader.one.close()
    writer.path.unlink()
    writer.write(1)
    reader.start()
    reader.look()
    assert "lines after its byte" in caplog.text
    assert reader.seen == writer.expected()


def test_bad_lines_and_lines_without_end_are_counted_and_stop_nothing(parts):
    writer, reader = parts
    with writer.path.open("a") as file:
        file.write("no json\n" + "x" * (2 * PORTION) + "\n")
    writer.write(2)
    reader.look()
    assert reader.seen == writer.expected()
    assert reader.one.bad_lines >= 2


def test_columns_that_a_few_lines_lack_are_empty_and_no_mistake(tmp_path):
    reader = Reader(tmp_path, columns={"duration_ms": "took * 1000", "time": "at"})
    (tmp_path / "web.log").write_text('{"at": "2026-01-01T00:00:00Z", "operation": "a"}\n')
    reader.look()
    with (tmp_path / "web.log").open("a") as file:
        file.write('{"at": "2026-01-01T00:00:00Z", "operation": "b", "took": 2}\n')
    found = [r for g in reader.one.collect(NOW, Effort()) for r in g.table.to_pylist()]
    assert reader.seen == Counter({"a": 1})
    assert [(r["operation"], r["duration_ms"]) for r in found] == [("b", 2000.0)]


@pytest.mark.parametrize("kind", ["combined", "common", "logfmt"])
def test_every_format_of_lines_is_read(tmp_path, kind):
    common = '1.2.3.4 - - [17/May/2026:10:05:03 +0000] "GET /a HTTP/1.1" 200 12'
    text = {"common": common, "combined": f'{common} "-" "curl"', "logfmt": "time=2026-05-17T10:05:03Z operation=/a"}[
        kind
    ]
    (tmp_path / "web.log").write_text(text + "\n")
    settings = Tail(path=tmp_path / "web.log", source="edge", type=kind)
    found = [
        r for g in TailCollector(settings, tmp_path, lambda: None).collect(NOW, Effort()) for r in g.table.to_pylist()
    ]
    assert [(r["operation"], r["time"].isoformat()) for r in found] == [("/a", "2026-05-17T10:05:03+00:00")]


def test_fewer_lines_have_their_weight_and_the_mark_moves_all_the_same(tmp_path):
    Writer(tmp_path).write(2000)
    reader = Reader(tmp_path)
    batches = list(reader.one.collect(NOW, Effort(one_in=4)))
    rows = [r for g in batches for r in g.table.to_pylist()]
    assert 380 < len(rows) < 620  # 500 expected, more than six standard deviations on either side
    assert {(r["weight_num"], r["weight_den"]) for r in rows} == {(4, 1)}
    reader.mark = batches[-1].mark
    reader.start()
    reader.look()
    assert not reader.seen


def test_a_mark_is_never_the_same_text_twice_although_a_file_is_again_as_long(parts):
    writer, reader = parts
    marks = set()
    for _ in range(5):
        writer.write(1)
        reader.look()
        marks.add(reader.mark)
        os.truncate(writer.path, 0)
        reader.look()
    assert len(marks) == 5
    assert reader.seen == writer.expected()


def test_a_mark_reads_back_whatever_bytes_it_holds():
    mark = Mark(7, 8, [Known(1, 2, 300, bytes(range(256)), b"\xff\n")], [(3, 4)])
    assert Mark.read(mark.text()) == mark
