"""A followed log: every whole line once, whatever rotation does to its file, and however often reading is killed."""

import gzip
import os
import random
import shutil

import pytest

from nines.errors import DependencyError, InputError
from nines.sources.tailing import Place, next_step, read_piece
from nines.telemetry.datasource import DataSource


def line(number):
    return f'{{"time": "2026-03-01T12:00:00Z", "id": "{number}"}}\n'


class Follower:
    """Reads a followed file as the worker does: keep the plan, store, keep the place; `kill` stops it in between."""

    def __init__(self, path, kind="ndjson", **options):
        self.source = DataSource(name="log", type=kind, options=(("follow", str(path)), *options.items()))
        self.kept, self.stored, self.problems = None, {}, []

    def look(self, kill=None, most_bytes=1 << 20):
        while True:
            place = None if self.kept is None else Place.of(self.kept)
            step = next_step(self.source, place, most_bytes=most_bytes)
            self.problems += step.problems
            piece = None if step.file is None else read_piece(self.source, step)
            self.kept = step.place.mark()
            if piece is None:
                if not step.again:
                    return
                continue
            if kill == "planned":
                return
            self.problems += piece.problems
            self.stored.setdefault(step.place.key, piece.table)
            if kill == "stored":
                return
            self.kept = piece.after.mark()

    @property
    def ids(self):
        return [i for t in self.stored.values() for i in t.column("id").to_pylist()]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


def append(path, *numbers):
    with path.open("a") as file:
        file.write("".join(map(line, numbers)))


def numbers(*found):
    return [str(n) for n in found]


def test_lines_are_read_as_they_come_and_a_partial_one_when_it_is_whole(log):
    append(log, 1, 2)
    follower = Follower(log)
    follower.look()
    with log.open("a") as file:
        file.write(line(3)[:10])
    follower.look()
    assert follower.ids == numbers(1, 2)
    with log.open("a") as file:
        file.write(line(3)[10:])
    follower.look()
    follower.look()
    assert follower.ids == numbers(1, 2, 3)


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(log):
    append(log, 1)
    follower = Follower(log)
    follower.look()
    append(log, 2)
    with log.open("a") as held:
        log.rename(log.with_name("app.log.1"))
        append(log, 4)
        follower.look()
        held.write(line(3))  # written before the writer was told
    for _ in range(3):
        follower.look()
    assert follower.ids == numbers(1, 2, 3, 4)
    assert follower.problems == []


def test_several_rotations_between_two_looks_lose_nothing(log):
    append(log, 1)
    follower = Follower(log)
    follower.look()
    append(log, 2)
    log.rename(log.with_name("app.log.2"))
    append(log, 3)
    os.utime(log.with_name("app.log.2"), (1, 1))
    log.rename(log.with_name("app.log.1"))
    append(log, 4)
    for _ in range(5):
        follower.look()
    assert follower.ids == numbers(1, 2, 3, 4)


def test_a_copied_and_cut_file_is_read_on_in_its_copy(log):
    append(log, 1)
    follower = Follower(log)
    follower.look()
    append(log, 2)
    shutil.copy(log, log.with_name("app.log.1"))
    os.truncate(log, 0)
    append(log, 3)
    for _ in range(3):
        follower.look()
    assert follower.ids == numbers(1, 2, 3)
    assert follower.problems == []


def test_a_file_cut_and_grown_beyond_the_old_place_begins_anew(log):
    append(log, 1, 2)
    follower = Follower(log)
    follower.look()
    os.truncate(log, 0)
    append(log, 3, 4, 5)
    follower.look()
    follower.look()
    assert follower.ids == numbers(1, 2, 3, 4, 5)
    assert [p.code for p in follower.problems] == ["rotated-away"]  # nobody can know whether something was lost


def test_a_packed_neighbour_is_left_alone_and_what_is_gone_is_told(log):
    append(log, 1)
    follower = Follower(log)
    follower.look()
    append(log, 2)
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, 3)
    follower.look()
    assert follower.ids == numbers(1, 3)
    assert [(p.code, p.severity) for p in follower.problems] == [("rotated-away", "warning")]


def test_the_last_line_of_a_finished_file_needs_no_end(log):
    append(log, 1)
    with log.open("a") as file:
        file.write(line(2).rstrip("\n"))
    follower = Follower(log)
    follower.look()
    log.rename(log.with_name("app.log-20260301"))
    append(log, 3)
    for _ in range(4):
        follower.look()
    assert follower.ids == numbers(1, 2, 3)


@pytest.mark.parametrize("kill", ["planned", "stored"])
def test_a_kill_between_any_two_steps_neither_loses_nor_doubles(log, kill):
    append(log, 1, 2)
    follower = Follower(log)
    follower.look(kill=kill)
    append(log, 3)  # the file has grown when it is read again
    log.rename(log.with_name("app.log.1"))
    append(log, 4)
    for _ in range(4):
        follower.look()
    assert follower.ids == numbers(1, 2, 3, 4)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_lost_or_doubled_by_any_order_of_writes_rotations_and_kills(log, seed):
    chance, written = random.Random(seed), 0
    append(log, written)
    follower = Follower(log)
    follower.look()
    for step in range(60):
        deed = chance.choice(["write", "write", "look", "kill", "rename", "copy"])
        if deed == "write":
            for _ in range(chance.randrange(1, 4)):
                written += 1
                append(log, written)
        elif deed == "look":
            follower.look(most_bytes=chance.choice([60, 150, 1 << 20]))
        elif deed == "kill":
            follower.look(kill=chance.choice(["planned", "stored"]))
        elif log.stat().st_size and (deed == "rename" or Place.of(follower.kept).offset):
            name = log.with_name(f"app.log.{1000 + step}")
            if deed == "rename":
                log.rename(name)
                log.touch()
            else:
                shutil.copy(log, name)
                os.truncate(log, 0)
                written += 1
                append(log, written)
    for _ in range(130):
        follower.look()
    assert sorted(map(int, follower.ids)) == list(range(written + 1))
    assert follower.problems == []


def test_a_malformed_line_is_named_by_its_own_number_and_its_neighbours_are_read(log):
    append(log, 1)
    follower = Follower(log)
    follower.look()
    with log.open("a") as file:
        file.write("{\n")
    append(log, 2)
    follower.look()
    assert follower.ids == numbers(1, 2)
    assert [p.where for p in follower.problems] == [f"{log}:2"]


def test_a_csv_header_speaks_for_every_piece_and_quotes_hold_line_ends(log):
    follower = Follower(log, "csv")
    log.write_text('time,id,note\n2026-03-01T12:00:00Z,1,"a\nb"\n')
    follower.look()
    with log.open("a") as file:
        file.write('2026-03-01T12:00:01Z,2,"c\n')
    follower.look()
    assert follower.ids == numbers(1)
    with log.open("a") as file:
        file.write('d"\n2026-03-01T12:00:02Z,3,\n2026-03-01T12:00:02Z\n')
    follower.look()
    assert follower.ids == numbers(1, 2, 3)
    assert [p.where for p in follower.problems] == [f"{log}:6"]


def test_an_access_log_is_followed(log):
    log.write_text('1.2.3.4 - - [01/Mar/2026:12:00:05 +0000] "GET /a HTTP/1.1" 503 12\n')
    follower = Follower(log, "common")
    follower.look()
    (table,) = follower.stored.values()
    assert table.column("http_status").to_pylist() == [503]


def test_a_file_of_another_format_is_refused_until_a_line_can_be_read(log):
    log.write_text("hello\n")
    follower = Follower(log, "common")
    for _ in range(2):
        with pytest.raises(InputError, match="not in the common log format"):
            follower.look()


def test_a_column_that_only_some_lines_have_is_null_where_it_is_missing_and_one_never_seen_is_refused(log):
    append(log, 1)
    follower = Follower(log)
    follower.source = DataSource(
        name="log", type="ndjson", columns=(("duration_ms", "took * 2"),), options=follower.source.options
    )
    with pytest.raises(InputError, match="there is no column 'took'"):
        follower.look()
    with log.open("a") as file:
        file.write('{"time": "2026-03-01T12:00:00Z", "id": "2", "took": 4}\n')
    follower.look()
    append(log, 3)
    follower.look()
    assert follower.ids == numbers(1, 2, 3)
    assert [v for t in follower.stored.values() for v in t.column("duration_ms").to_pylist()] == [None, 8.0, None]


def test_a_file_that_is_not_there_is_a_failure_of_the_source_until_it_is(log):
    follower = Follower(log)
    with pytest.raises(DependencyError):
        follower.look()
    append(log, 1)
    follower.look()
    assert follower.ids == numbers(1)


def test_a_line_without_end_is_passed_over_in_bounded_pieces(log):
    append(log, 1)
    follower = Follower(log)
    follower.look()
    with log.open("a") as file:
        file.write("x" * 5000 + "\n" + line(2))
    follower.look(most_bytes=1024)
    assert follower.ids == numbers(1, 2)
    assert len(follower.problems) == 5
