#!/usr/bin/env python3
"""The smallest worker that is right: runs tasks of the type `script` that need no repository.

docs/worker-protocol.md says what a worker does, and why; worker.py does all of it.
"""
import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ["MIYABI_URL"].rstrip("/") + "/api/v1"
me = {"token": os.environ["MIYABI_KEY"], "status": "active", "job": None, "leaves": False}


def call(path, words):
    """Says something until it is answered: whatever a worker says may be said again."""
    while True:
        headers = {"Authorization": f"Bearer {me['token']}", "Content-Type": "application/json"}
        request = urllib.request.Request(URL + path, json.dumps(words).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return heed(json.load(response))
        except urllib.error.HTTPError as error:
            if error.code == 409 and me["job"]:  # Another attempt may run by now.
                return heed({"lost": [me["job"]["id"]]})
            if error.code not in (408, 429, 500, 502, 503, 504):
                raise
        except (OSError, ValueError):
            pass  # There is nobody, or the answer got lost.
        time.sleep(1)


def heed(answer):
    """Any answer may say what else is to be done."""
    job, me["status"] = me["job"], answer.get("desired_status", me["status"])
    for word, verdict in (("lost", "lost"), ("cancel", "cancelled")):
        if job and job["id"] in answer.get(word, []):
            end(job, verdict)
    return answer


def end(job, verdict):
    """Asks the command and all it has started to end, and has them ended 5 s later."""
    job["verdict"] = job.get("verdict", verdict)
    for wait, number in ((0, signal.SIGTERM), (5, signal.SIGKILL)):
        threading.Timer(wait, kill, [job["group"], number]).start()


def kill(group, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def beat():
    while True:
        words = {"executions": [{"id": job["id"]} for job in [me["job"]] if job]}
        time.sleep(0.9 * call(f"/workers/{me['id']}/heartbeat", words)["next_heartbeat_seconds"])


def run(execution, task):
    if me["leaves"]:
        return call(f"/executions/{execution['id']}/finish", {"outcome": "released"})
    process = subprocess.Popen(task["metadata"]["command"], start_new_session=True,
                               env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    job = me["job"] = {"id": execution["id"], "group": process.pid}
    sent = 0
    for line in process.stdout:
        entry = {"message": line.decode(errors="replace").rstrip("\n")[:65536]}
        call(f"/executions/{job['id']}/logs", {"offset": sent, "entries": [entry]})
        sent += 1
    code = process.wait()
    outcome = job.get("verdict") or ("failed" if code else "completed")
    if outcome != "lost":
        words = {"outcome": outcome, "exit_code": code, "log_entries": sent}
        call(f"/executions/{job['id']}/finish", words)
    me["job"] = None


def leave(*_):
    if me["job"]:
        end(me["job"], "released")
    me["leaves"] = True


signal.signal(signal.SIGTERM, leave)
name = os.environ.get("MIYABI_WORKER_NAME", os.uname().nodename)
registration = {"name": name, "protocol": 1, "agent_types": ["script"], "replace": True}
registered = call("/workers", registration)
me.update(id=registered["worker"]["id"], token=registered["token"])
threading.Thread(target=beat, daemon=True).start()
while not me["leaves"] and me["status"] != "stopped":  # Stopped: it was drained.
    # The same key in each try: what an answer gave that got lost is given again.
    wish = {"max": 1, "wait_seconds": 5, "request_key": uuid.uuid4().hex}
    for grant in call(f"/workers/{me['id']}/claim", wish)["executions"]:
        run(grant["execution"], grant["task"])
    time.sleep(0 if me["status"] == "active" else 1)  # Then claims are answered at once.
