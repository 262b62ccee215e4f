"""The process that starts the workers."""

import threading

from consent.web import server


def test_no_worker_begins_in_the_middle_of_an_import(monkeypatch):
    done = []
    begun, go_on = threading.Event(), threading.Event()

    def importing() -> None:
        begun.set()
        go_on.wait()
        done.append("imported")

    class Process:
        def start(self) -> None:
            done.append("started")

    monkeypatch.setattr(server, "import_the_rest", importing)
    both = [threading.Thread(target=server.import_alone)]
    both.append(threading.Thread(target=server.Child(Process(), lambda _: None).start))
    both[0].start()
    begun.wait()
    both[1].start()
    go_on.set()
    for thread in both:
        thread.join()
    assert done == ["imported", "started"]
