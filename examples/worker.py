#!/usr/bin/env python3
"""A worker in Python's standard library: runs tasks of the type `script`, one at a time.

docs/worker-protocol.md says what a worker does, and why.
"""
import base64
import http.client
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid

URL, KEY = os.environ["MIYABI_URL"].rstrip("/"), os.environ["MIYABI_KEY"]
NAME = os.environ.get("MIYABI_WORKER_NAME") or os.uname().nodename
NOT_NOW = (408, 429, 500, 502, 503, 504)
me = {"token": KEY, "status": "active", "job": None}


def ask(path, words, timeout):
    """Says something once."""
    headers = {"Authorization": f"Bearer {me['token']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{URL}/api/v1{path}", json.dumps(words).encode(), headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return json.load(response)


def call(path, words, timeout=10):
    """Says something until it is answered; `words` makes it anew for each try."""
    wait = 0.2
    while me["status"] != "leaving" or me["job"]:
        try:
            return heed(ask(path, words(), timeout))
        except urllib.error.HTTPError as error:
            if error.code == 409 and me["job"]:
                end(me["job"], "lost")  # Another attempt may run by now.
                return {}
            if error.code not in NOT_NOW:
                raise
            wait = max(wait, float(error.headers["Retry-After"] or 0))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # It is not there, or went in the middle of its answer.
        time.sleep(wait)
        wait = min(5, 2 * wait)
    raise SystemExit


def heed(answer):
    """What every answer may ask of a worker."""
    job = me["job"]
    if me["status"] != "leaving":
        me["status"] = answer.get("desired_status", me["status"])
    if job and job["id"] in answer.get("lost", []):
        end(job, "lost")
    if job and job["id"] in answer.get("cancel", []):
        end(job, "cancelled")
    return answer


def end(job, verdict):
    """Ends the agent and all it has started. How the job ends is what was said first."""
    job.setdefault("verdict", verdict)
    if "process" in job:
        kill(job, signal.SIGTERM)
        threading.Timer(5, kill, [job, signal.SIGKILL]).start()


def kill(job, number):
    try:
        os.killpg(job["process"].pid, number)
    except ProcessLookupError:
        pass


def beat():
    """As often as it is told, whatever else goes on and however slow the answers are."""
    try:
        while True:
            due = time.monotonic()
            answer = call(f"/workers/{me['id']}/heartbeat", lambda: {
                "executions": [{"id": job["id"]} for job in [me["job"]] if job]})
            due += 0.9 * answer["next_heartbeat_seconds"]
            time.sleep(max(0, due - time.monotonic()))
    finally:  # A worker without heartbeats is none.
        os.kill(os.getpid(), signal.SIGTERM)


def git(job, *args):
    """With the execution's id and the token, which stand in no argument and in no file."""
    basic = base64.b64encode(f"{job['id']}:{me['token']}".encode()).decode()
    secret = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader",
              "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}"}
    author = ["-c", "user.name=worker", "-c", "user.email=worker@localhost"]
    return subprocess.run(["git", *author, *args], cwd=job["directory"], env=os.environ | secret,
                          check=True, capture_output=True, text=True).stdout.strip()


def work(job, grant):
    """Does what is to be done, and gives the words in which its end is told."""
    repository, branch, report = grant["repository"], grant["branch"], {"log_entries": 0}
    if repository:
        git(job, "init", "-q", "-b", branch)
        for ref in (grant["base_ref"], *grant["merge_refs"]):
            git(job, "pull", "-q", "--no-rebase", repository["clone_url"], ref)
    job["process"] = subprocess.Popen(
        grant["task"]["metadata"]["command"], cwd=job["directory"], start_new_session=True,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if "verdict" in job:
        end(job, job["verdict"])
    for line in job["process"].stdout:
        entry = {"message": line.decode(errors="replace").rstrip("\n")[:65536]}
        batch = {"offset": report["log_entries"], "entries": [entry]}
        if job.get("verdict") != "lost":
            call(f"/executions/{job['id']}/logs", lambda: batch)
            report["log_entries"] += 1
    report["exit_code"] = job["process"].wait()
    report["outcome"] = "failed" if report["exit_code"] else "completed"
    if repository and "verdict" not in job:
        git(job, "add", "--all")
        if git(job, "status", "--porcelain"):
            git(job, "commit", "-q", "-m", grant["task"]["name"])
        git(job, "push", "-q", repository["clone_url"], f"HEAD:refs/heads/{branch}")
        report["commit_sha"] = git(job, "rev-parse", "HEAD")
    return report


def run(grant):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        job = me["job"] = {"id": grant["execution"]["id"], "directory": directory}
        if me["status"] == "leaving":
            end(job, "released")
        try:
            report = {} if "verdict" in job else work(job, grant)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            reason = "agent_missing" if isinstance(error, FileNotFoundError) else "git"
            said = f"{error} {getattr(error, 'stderr', '')}"[-1000:]
            report = {"outcome": "failed", "failure_reason": reason, "error_message": said}
        if "verdict" in job:
            report = {"outcome": job["verdict"]}
        if report["outcome"] != "lost":
            call(f"/executions/{job['id']}/finish", lambda: report)
        me["job"] = None


def leave(*_):
    me["status"] = "leaving"
    if me["job"]:
        end(me["job"], "released")


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    answer = call("/workers", lambda: {
        "name": NAME, "protocol": 1, "capacity": 1, "agent_types": ["script"], "replace": True})
    me.update(id=answer["worker"]["id"], token=answer["token"])
    threading.Thread(target=beat, daemon=True).start()
    while me["status"] not in ("leaving", "stopped"):
        wish = {"max": 1, "wait_seconds": 10, "request_key": uuid.uuid4().hex}
        answer = call(f"/workers/{me['id']}/claim", lambda: wish, timeout=30)
        for grant in answer["executions"]:
            run(grant)
        if me["status"] in ("paused", "draining"):
            time.sleep(1)  # Claims are answered at once, with nothing.


if __name__ == "__main__":
    main()
