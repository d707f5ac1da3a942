"""The queue: what is accepted is done once, whatever is killed, repeated, cancelled or broken."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from danqing import registry
from danqing.errors import BadInputError, DanqingError, DiskError, NotFoundError, UsageError
from danqing.images.reading import read
from danqing.images.writing import encode_array, read_recipe
from danqing.jobs import JOBS, Place, Store, Uploads, check
from danqing.jobs import desk as desks
from danqing.jobs import store as storing
from danqing.jobs.desk import Desk
from danqing.jobs.helper import Helper, serve
from danqing.jobs.kinds import Files, kind
from danqing.jobs.wishes import Wanted
from danqing.jobs.worker import Worker, worker_of
from danqing.types import Progress

KINDS = ("count", "fail", "crash", "greedy")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def count(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """Counts to `to`, a step every `pause` seconds."""
    for number in range(wishes["to"]):
        time.sleep(wishes.get("pause", 0))
        yield Progress("count", number / wishes["to"], number, message=f"{number}")
    return {"end.txt": str(wishes["to"]).encode()}


def fail(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    yield Progress("fail", 0.0)
    raise BadInputError("The picture is broken; give another.")


def crash(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    yield Progress("crash", 0.0)
    raise ZeroDivisionError("by zero")


def greedy(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    yield Progress("greedy", 0.0)
    raise MemoryError


@pytest.fixture(scope="module", autouse=True)
def kinds() -> Iterator[None]:
    """Small jobs, as long as these tests run."""
    for work in (count, fail, crash, greedy):
        JOBS[work.__name__] = Wanted(("to", "pause"), files=("end.txt",))
        kind(work.__name__)(work)
    yield
    for name in KINDS:
        del registry._things["job"][name], JOBS[name]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(tmp_path / "jobs.sqlite", clock)


@pytest.fixture
def worker(store: Store, tmp_path: Path) -> Worker:
    worker = worker_of(Place(tmp_path))
    site: Any = worker.site
    site.store = store
    for name in ("renew", "keep", "release", "end"):
        setattr(site, name, getattr(store, name))
    return worker


def test_jobs_go_by_priority_then_by_age(store: Store) -> None:
    ids = [store.submit("count", {"to": n}, priority).id for n, priority in ((1, 0), (2, 5), (3, 0), (4, 5))]
    taken = [store.claim("me:1:a", KINDS) for _ in range(4)]
    assert [job and job.id for job in taken] == [ids[1], ids[3], ids[0], ids[2]]
    assert store.claim("me:1:a", KINDS) is None
    assert store.claim("me:1:a", ["paint"]) is None


def test_one_key_is_one_job_and_never_another(store: Store) -> None:
    jobs = {store.submit("count", {"to": 1, "pause": 0}, key="k").id for _ in range(1000)}
    assert len(jobs) == 1 and len(store.page()) == 1
    assert store.submit("count", {"pause": 0, "to": 1}, key="k").id in jobs
    with pytest.raises(UsageError, match="another job"):
        store.submit("count", {"to": 2}, key="k")


def test_a_job_is_done_and_its_files_lie_there(store: Store, worker: Worker) -> None:
    job = store.submit("count", {"to": 3})
    assert worker.work_once() and not worker.work_once()
    ended = store.get(job.id)
    assert (ended.state, ended.done, ended.files, ended.attempts) == ("done", 1.0, ("end.txt",), 1)
    assert (worker.site.place.results / job.id / "end.txt").read_bytes() == b"3"


@pytest.mark.parametrize(
    ("name", "says"), [("fail", "give another"), ("crash", "ZeroDivisionError"), ("greedy", "more memory")]
)
def test_a_job_that_fails_says_why_and_stops_no_other(store: Store, worker: Worker, name: str, says: str) -> None:
    bad, good = store.submit(name, {}), store.submit("count", {"to": 1})
    assert worker.work_once() and worker.work_once()
    assert store.get(bad.id).state == "failed" and says in store.get(bad.id).message
    assert store.get(good.id).state == "done"


def test_unknown_kinds_wishes_and_uploads_are_refused_in_a_sentence(store: Store, worker: Worker) -> None:
    jobs = [store.submit("count", {"too": 1}), store.submit("vary", {"picture": "../../etc/passwd"})]
    upload = worker.site.place.uploads.put(encode_array(np.full((32, 32, 3), 77, np.uint8)))
    path = str(worker.site.place.uploads.path(upload))  # a picture that is there, but by its path
    jobs.append(store.submit("stylize", {"picture": upload, "styles": [path]}))
    assert worker.work_once() and worker.work_once() and worker.work_once()
    said = [store.get(job.id).message for job in jobs]
    assert store.get(jobs[2].id).state == "failed" and "manner" in said[2]
    assert "did you mean to" in said[0] and "no picture" in said[1]


def test_a_waiting_job_is_cancelled_at_once_a_running_one_within_a_step(store: Store, worker: Worker) -> None:
    waiting = store.submit("count", {"to": 2})
    assert store.cancel(waiting.id).state == "cancelled"
    running, seen = store.submit("count", {"to": 50}), []
    renew = store.renew

    def cancelled_at_three(job: str, name: str, done: float, message: str = "") -> bool:
        seen.append(message)
        if message == "3":
            store.cancel(job)
        return renew(job, name, done, message)

    worker.site.renew = cancelled_at_three  # type: ignore[method-assign]
    assert worker.work_once()
    assert store.get(running.id).state == "cancelled" and seen[-1] == "3"
    assert not (worker.site.place.results / running.id).exists()
    assert store.cancel(running.id).message == "Cancelled."


def test_a_silent_worker_loses_its_job_and_what_it_made_does_not_count(store: Store, clock: Clock) -> None:
    job = store.submit("count", {"to": 1})
    assert store.claim("other:1:a", KINDS)
    assert store.claim("me:2:b", KINDS) is None
    clock.now += storing.LEASE + 1
    again = store.claim("me:2:b", KINDS)
    assert again and again.id == job.id and again.attempts == 2
    assert not store.renew(job.id, "other:1:a", 0.5) and not store.end(job.id, "other:1:a", "done")
    assert store.end(job.id, "me:2:b", "done", files=["x"]) and store.get(job.id).files == ("x",)


def test_a_lease_that_is_kept_does_not_run_out(store: Store, clock: Clock) -> None:
    job = store.submit("count", {"to": 1})
    store.claim("me:1:a", KINDS)
    for _ in range(5):
        clock.now += storing.LEASE * 0.9
        assert store.keep(job.id, "me:1:a")
        assert store.claim("me:2:b", KINDS) is None


def test_a_job_that_lost_its_worker_comes_after_the_others(store: Store, clock: Clock) -> None:
    first, second = store.submit("count", {"to": 1}), store.submit("count", {"to": 2})
    urgent = store.submit("count", {"to": 3}, priority=1)
    taken = [store.claim(f"me:{number}:a", KINDS) for number in range(2)]
    assert [job.id for job in taken if job] == [urgent.id, first.id]
    clock.now += storing.LEASE + 1
    again = [store.claim(f"me:{number}:b", KINDS) for number in range(3)]
    assert [job.id for job in again if job] == [urgent.id, second.id, first.id]


def test_a_job_that_kills_its_workers_fails_in_the_end(store: Store, clock: Clock) -> None:
    job = store.submit("count", {"to": 1})
    for number in range(storing.MOST_ATTEMPTS):
        assert store.claim(f"me:{number}:a", KINDS)
        clock.now += storing.LEASE + 1
    assert store.claim("me:9:a", KINDS) is None
    assert store.get(job.id).state == "failed" and f"{storing.MOST_ATTEMPTS} workers" in store.get(job.id).message


def test_listeners_hear_every_change_in_order(store: Store, worker: Worker) -> None:
    first = store.submit("count", {"to": 1})
    heard = store.changed_since(0)[-1].version
    other = store.submit("count", {"to": 1})
    worker.work_once()
    changed = store.changed_since(heard)
    assert {job.id for job in changed} == {first.id, other.id}
    assert [job.version for job in changed] == sorted(job.version for job in changed)
    assert store.changed_since(changed[-1].version) == []


def test_pages_hold_everything_once(store: Store) -> None:
    ids = [store.submit("count", {"to": n}).id for n in range(23)]
    seen: list[str] = []
    before = None
    while page := store.page(before, count=10):
        seen += [job.id for job in page]
        before = page[-1].created
    assert seen == ids[::-1]
    assert store.page(state="done") == []


def test_a_stored_job_outlives_the_store(store: Store, tmp_path: Path) -> None:
    job = store.submit("count", {"to": 1, "words": "戴红帽子的橘猫"})
    again = Store(tmp_path / "jobs.sqlite")
    assert again.get(job.id) == job
    with pytest.raises(NotFoundError):
        again.get("nothing")


def test_a_newer_or_foreign_file_is_refused(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "new.sqlite")
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(UsageError, match="newer"):
        Store(tmp_path / "new.sqlite")
    (tmp_path / "text.sqlite").write_text("no data base at all, but long enough to be looked at " * 20)
    with pytest.raises(DiskError, match="cannot be used"):
        Store(tmp_path / "text.sqlite")


def test_a_full_disk_keeps_what_was_accepted(store: Store) -> None:
    kept = store.submit("count", {"to": 1})
    (pages,) = store.base.execute("PRAGMA page_count").fetchone()
    store.base.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskError, match="full"):
        for number in range(100):
            store.submit("count", {"to": number, "words": "x" * 2000})
    store.base.execute("PRAGMA max_page_count = 1000000")
    assert store.get(kept.id).state == "waiting"
    assert store.submit("count", {"to": 9}).state == "waiting"


def work_until_killed(folder: Path) -> None:
    worker_of(Place(folder)).run()


def test_workers_that_are_killed_at_any_moment_lose_and_double_nothing(tmp_path: Path) -> None:
    """Ten kills -9; every job is done once, its file is whole, and a restarted worker begins at once."""
    forked = multiprocessing.get_context("fork")
    store = Store(tmp_path / "jobs.sqlite")
    jobs = [store.submit("count", {"to": 4, "pause": 0.01}).id for _ in range(40)]
    chance = np.random.default_rng(0)
    for _ in range(10):
        process = forked.Process(target=work_until_killed, args=(tmp_path,))
        process.start()
        time.sleep(float(chance.uniform(0.05, 0.25)))
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    worker = worker_of(Place(tmp_path))
    while worker.work_once():
        pass
    ended = [store.get(job) for job in jobs]
    assert {job.state for job in ended} <= {"done", "failed"}
    assert all("workers were lost" in job.message for job in ended if job.state == "failed")
    assert sum(job.state == "done" for job in ended) >= 38
    for job in ended:
        names = [path.name for path in (tmp_path / "results" / job.id).glob("*.txt")] if job.state == "done" else []
        assert names == list(job.files)
        assert all((tmp_path / "results" / job.id / name).read_bytes() == b"4" for name in names)


def broken(pipe: Any) -> None:
    serve(pipe, dies)


def dies(what: str) -> bytes:
    if what == "die":
        os._exit(1)
    if what == "sleep":
        time.sleep(60)
    if what == "hunger":
        raise MemoryError
    return what.encode()


def test_a_helper_that_breaks_is_begun_anew() -> None:
    helper = Helper(broken, 30.0, DanqingError("It was lost; ask again."))
    assert helper.ask("good") == b"good"
    for what, patience in (("die", 30.0), ("sleep", 0.3)):
        helper.patience = patience
        with pytest.raises(DanqingError, match="lost"):
            helper.ask(what)
        helper.patience = 30.0
        assert helper.ask("good") == b"good"
    with pytest.raises(BadInputError, match="memory"):
        helper.ask("hunger")
    helper.stop()


def test_uploads_are_written_anew_and_have_no_paths(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    data = encode_array(np.full((20, 30, 3), 77, np.uint8))
    name = uploads.put(data)
    assert uploads.put(data) == name and read(uploads.path(name)).shape == (20, 30, 3)
    for bad in ("../x", "a" * 32, "", "/etc/passwd"):
        with pytest.raises(NotFoundError):
            uploads.path(bad)
    with pytest.raises(BadInputError):
        uploads.put(b"GIF89a but not really")


def test_a_painting_job_gives_the_pictures_that_the_command_gives(store: Store, worker: Worker) -> None:
    from danqing import api

    wishes = {"prompt": "red apple", "n": 1, "seed": 7, "steps": 2}
    job = store.submit("paint", wishes)
    assert worker.work_once()
    ended = store.get(job.id)
    assert ended.state == "done" and ended.pictures == (f"{job.id}-000",), ended.message
    path = worker.site.gallery.existing(ended.pictures[0])
    made = read(path)
    assert (made == api.paint(**wishes).result().pictures[0].pixels[..., :3]).all()  # type: ignore[arg-type]
    recipe = read_recipe(path)
    assert recipe is not None and recipe.prompt == "red apple"


def test_a_painting_is_sketched_and_stopped_within_a_step(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "NOTED_EVERY", 0.0)
    monkeypatch.setattr(desks, "SKETCHED_EVERY", 0.0)
    job, seen = store.submit("paint", {"prompt": "red apple", "n": 2, "seed": 7, "steps": 4, "tries": 1}), []
    renew = store.renew

    def cancelled_at_half(name: str, by: str, done: float, message: str = "") -> bool:
        seen.append((round(done, 2), message))
        if done == 0.5:
            store.cancel(name)
        return renew(name, by, done, message)

    worker.site.renew = cancelled_at_half  # type: ignore[method-assign]
    assert worker.work_once()
    assert store.get(job.id).state == "cancelled" and store.get(job.id).pictures == ()
    assert seen == [(0.25, ""), (0.25, "Sketched."), (0.5, "")]
    folder = worker.site.place_of(job.id)
    assert [path.name for path in sorted(folder.glob("*"))] == ["sketch-000.webp", "sketch-001.webp"]
    assert read(folder / "sketch-001.webp").shape == (128, 128, 3)


def test_every_job_can_be_done_and_taken_without_torch() -> None:
    assert set(registry.names("job")) == set(JOBS)
    with pytest.raises(NotFoundError, match="did you mean paint"):
        check("pain", {})
    with pytest.raises(UsageError, match="1 to 64"):
        check("paint", {"prompt": "cat", "n": 1000})
    light = "from danqing.jobs import Store; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], timeout=60).returncode == 0
