"""Tables and folders in stores: only what is new, whatever compaction, rewriting and cleaning do to them."""

import http.server
import json
import os
import threading
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyarrow import fs

from nines.errors import DependencyError, InputError
from nines.sources import lakefiles
from nines.sources.lakefiles_store import Store
from nines.telemetry.datasource import DataSource

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def table(*ids, **more):
    columns = {"id": list(ids), "time": pa.array([NOON] * len(ids), pa.timestamp("us", tz="UTC"))}
    return pa.table(columns | {k: [v] * len(ids) for k, v in more.items()})


class Reader:
    """Looks as the worker does and keeps what it was told to."""

    def __init__(self, path, columns=(), **options):
        options = {"path": str(path), **options}
        self.source = DataSource(name="lake", type="delta", columns=tuple(columns), options=tuple(options.items()))
        self.mark, self.seen, self.problems, self.store = None, {}, [], None

    def look(self):
        found, rows = lakefiles.look(self.source, self.mark, self.seen), []
        for file in found.files:
            for part in lakefiles.read_parts(self.source, self.store or found.store, file):
                rows += part.table.to_pylist()
            self.seen[file.name] = file.mark
        self.mark, self.problems = found.mark, list(found.problems)
        return rows

    def ids(self):
        return sorted(r["id"] for r in self.look())


@pytest.fixture
def lake(tmp_path):
    return tmp_path / "lake"


WITH_ID = [("id", "id")]


class TestDelta:
    def test_only_new_files_are_read(self, lake):
        write_deltalake(lake, table("a", "b"))
        reader = Reader(lake)
        assert reader.ids() == ["a", "b"]
        assert reader.ids() == []
        write_deltalake(lake, table("c"), mode="append")
        write_deltalake(lake, table("d"), mode="append")
        assert reader.ids() == ["c", "d"]

    def test_a_compaction_brings_nothing_new(self, lake):
        write_deltalake(lake, table("a"))
        write_deltalake(lake, table("b"), mode="append")
        reader = Reader(lake)
        reader.look()
        DeltaTable(lake).optimize.compact()
        assert reader.ids() == []

    def test_values_of_partitions_are_columns_in_the_first_look_and_later(self, lake):
        write_deltalake(lake, table("a", region="eu west/1"), partition_by=["region"])
        reader = Reader(lake)
        assert [r["region"] for r in reader.look()] == ["eu west/1"]
        write_deltalake(lake, table("b", region="eu west/1"), mode="append")
        assert [(r["id"], r["region"]) for r in reader.look()] == [("b", "eu west/1")]

    def test_a_rewrite_is_refused_without_an_id_and_read_again_with_one(self, lake):
        write_deltalake(lake, table("a", "b"))
        bare, known = Reader(lake), Reader(lake, WITH_ID)
        bare.look()
        known.look()
        DeltaTable(lake).delete("id = 'a'")
        with pytest.raises(InputError, match="commit 1 rewrote rows"):
            bare.look()
        assert known.ids() == ["b"]

    def test_a_log_that_was_cleaned_needs_an_id(self, lake):
        write_deltalake(lake, table("a"))
        bare, known = Reader(lake), Reader(lake, WITH_ID)
        bare.look()
        known.look()
        write_deltalake(lake, table("b"), mode="append")
        DeltaTable(lake).create_checkpoint()
        for number in range(2):
            (lake / "_delta_log" / f"{number:020}.json").unlink()
        with pytest.raises(InputError, match="commit 1 is no longer in the table's log"):
            bare.look()
        assert known.ids() == ["b"]

    def test_a_table_made_anew_is_read_whole(self, lake):
        write_deltalake(lake, table("a"))
        reader = Reader(lake)
        reader.look()
        lake.rename(lake.with_name("old"))
        write_deltalake(lake, table("b"))
        assert reader.ids() == ["b"]

    def test_a_log_that_leads_out_of_its_folder_is_refused(self, lake):
        write_deltalake(lake, table("a"))
        reader = Reader(lake)
        reader.look()
        add = {
            "path": "../../etc/secret.parquet",
            "partitionValues": {},
            "size": 1,
            "modificationTime": 1,
            "dataChange": True,
        }
        (lake / "_delta_log" / f"{1:020}.json").write_text(json.dumps({"add": add}))
        with pytest.raises(InputError, match="outside of its folder"):
            reader.look()


class TestFolder:
    def put(self, lake, name, *ids, **more):
        path = lake / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(*ids, **more), path)
        return path

    def test_only_new_files_are_read_and_hidden_ones_are_not(self, lake):
        self.put(lake, "a.parquet", "a")
        self.put(lake, "_tmp/b.parquet", "b")
        (lake / "notes.txt").write_text("no data")
        reader = Reader(f"file://{lake}")
        assert reader.ids() == ["a"]
        self.put(lake, "region=eu%2Fwest/c.parquet", "c")
        assert [(r["id"], r["region"]) for r in reader.look()] == [("c", "eu/west")]
        assert reader.look() == []

    def test_a_file_that_changes_is_told_of_without_an_id_and_read_again_with_one(self, lake):
        path = self.put(lake, "a.parquet", "a")
        bare, known = Reader(lake), Reader(lake, WITH_ID)
        bare.look()
        known.look()
        self.put(lake, "a.parquet", "a", "b")
        os.utime(path, (1, 1))
        assert bare.look() == []
        assert [p.code for p in bare.problems] == ["file-changed"]
        assert known.ids() == ["a", "b"]

    def test_a_file_that_is_cut_short_is_told_of(self, lake):
        path = self.put(lake, "a.parquet", "a")
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(InputError, match="no whole Parquet file"):
            Reader(lake).look()

    def test_parts_of_a_file_have_the_same_keys_however_often_it_is_read(self, lake, monkeypatch):
        monkeypatch.setattr(lakefiles, "PART_ROWS", 2)
        self.put(lake, "a.parquet", *"abcde")
        reader = Reader(lake)
        found = lakefiles.look(reader.source, None, {})
        keys = [[p.key for p in lakefiles.read_parts(reader.source, found.store, found.files[0])] for _ in range(2)]
        assert keys[0] == keys[1]
        assert len(set(keys[0])) == 3

    def test_too_many_files_are_refused(self, lake, monkeypatch):
        monkeypatch.setattr(lakefiles, "MOST_FILES", 1)
        self.put(lake, "a.parquet", "a")
        self.put(lake, "b.parquet", "b")
        with pytest.raises(InputError, match="more than 1 files"):
            Reader(lake).look()

    def test_a_folder_that_is_not_there_is_a_failure_of_the_source(self, lake):
        with pytest.raises(DependencyError):
            Reader(lake).look()

    def test_files_in_memory_are_read_alike(self):
        memory = fs._MockFileSystem()
        with memory.open_output_stream("a.parquet") as sink:
            pq.write_table(table("a", "b"), sink)
        source = Reader("/unused").source
        (part,) = lakefiles.read_parts(source, Store(memory, "", ""), lakefiles.LakeFile("a.parquet", ""))
        assert part.table.column("id").to_pylist() == ["a", "b"]


@pytest.mark.parametrize("path", ["lake", "http://host/lake", "file://host/lake", "gs://bucket/lake", "s3://"])
def test_a_path_of_another_kind_is_refused(path):
    with pytest.raises(InputError, match="whole path of a folder"):
        Reader(path).look()


def test_a_storage_file_may_say_nothing_else(tmp_path):
    file = tmp_path / "storage.json"
    for text in ('{"AWS_METADATA_ENDPOINT": "http://169.254.169.254"}', '{"AWS_REGION": 1}', "{", "[]"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"it may say|cannot be read"):
            Reader("s3://bucket/lake", storage_file=str(file)).look()
    file.write_text('{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}')
    with pytest.raises(InputError, match="not encrypted"):
        Reader("s3://bucket/lake", storage_file=str(file)).look()


class Bucket(http.server.ThreadingHTTPServer):
    """As much of S3 as reading needs, over a folder: list, head, get and ranges; every request must be signed."""

    def __init__(self, folder):
        self.folder, self.keys = folder, set()
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.keys.add(self.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0])
        address = urlsplit(self.path)
        key = unquote(address.path).lstrip("/").partition("/")[2]
        asked = parse_qs(address.query)
        if "list-type" in asked or not key:
            return self.listing(asked)
        path = self.server.folder / key
        if not path.is_file():
            return self.send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        whole, wanted = path.read_bytes(), self.headers.get("range")
        if wanted is None:
            return self.send(200, whole)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = (len(whole) - int(last), len(whole)) if not first else (int(first), int(last or len(whole)) + 1)
        end = min(end, len(whole))
        return self.send(206, whole[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(whole)}"})

    do_HEAD = do_GET  # noqa: N815 - the name the library calls

    def listing(self, asked):
        prefix, delimiter = asked.get("prefix", [""])[0], asked.get("delimiter", [""])[0]
        names = sorted(
            p.relative_to(self.server.folder).as_posix() for p in self.server.folder.rglob("*") if p.is_file()
        )
        names = [n for n in names if n.startswith(prefix) and n > asked.get("start-after", [""])[0]]
        under = {n[: n.index(delimiter, len(prefix)) + 1] for n in names if delimiter and delimiter in n[len(prefix) :]}
        own = [n for n in names if not any(n.startswith(u) for u in under)]
        about = "<LastModified>2026-03-01T12:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
        found = "".join(
            f"<Contents><Key>{n}</Key><Size>{(self.server.folder / n).stat().st_size}</Size>{about}</Contents>"
            for n in own
        )
        found += "".join(f"<CommonPrefixes><Prefix>{u}</Prefix></CommonPrefixes>" for u in sorted(under))
        count = f"<KeyCount>{len(own) + len(under)}</KeyCount><IsTruncated>false</IsTruncated>"
        self.send(200, f"<ListBucketResult><Name>b</Name>{count}{found}</ListBucketResult>".encode())

    def send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "ETag": '"e"', **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture
def bucket(tmp_path):
    (tmp_path / "bucket").mkdir()
    made = Bucket(tmp_path / "bucket")
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("key", ["AKIDEXAMPLE", None])
def test_a_table_and_a_folder_in_a_bucket_are_read(bucket, tmp_path, key):
    secret = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "secret"} if key else {}
    stated = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket.server_port}", "AWS_ALLOW_HTTP": "true", **secret}
    (tmp_path / "storage.json").write_text(json.dumps(stated))
    write_deltalake(bucket.folder / "table", table("a"))
    reader = Reader("s3://b/table", storage_file=str(tmp_path / "storage.json"), timeout_s="5")
    assert reader.ids() == ["a"]
    write_deltalake(bucket.folder / "table", table("b"), mode="append")
    assert reader.ids() == ["b"]
    (bucket.folder / "files").mkdir()
    pq.write_table(table("c"), bucket.folder / "files" / "c.parquet")
    assert Reader("s3://b/files", storage_file=str(tmp_path / "storage.json"), timeout_s="5").ids() == ["c"]
    assert bucket.keys == {key or ""}
