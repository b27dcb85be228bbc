#!/usr/bin/env python3
"""A worker in Python's standard library: runs tasks of the agent type `script`, one at a time, by docs/worker-protocol.md."""
import base64, http.client, json, os, signal, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request, uuid

URL, KEY = os.environ["MIYABI_URL"].rstrip("/"), os.environ.get("MIYABI_KEY") or os.environ["MIYABI_JOIN_TOKEN"]
me, state = {}, {"is": "active", "waits": False, "job": {}}  # Threads share it: a job is never emptied, but put in the place of another.

class Refused(Exception):
    """An answer that saying it again does not change."""

def ask(path, body, token):
    """One request: the status, the answer, and how long the server asks to wait."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{URL}/api/v1{path}", json.dumps(body).encode(), headers), timeout=40) as response:
            return response.status, json.load(response), 0
    except urllib.error.HTTPError as error: return error.code, {"code": error.reason}, float(error.headers.get("Retry-After") or 0)

def call(path, body, token=None):
    """Asks until there is an answer: whatever a worker says may be said again. `body` is made anew for each try."""
    for tries in range(10**9):
        wait = min(5, 0.2 * 2**min(tries, 5))
        try:
            status, answer, pause = ask(path, body(), token or me["token"])
            if status < 300: return heed(answer)
            if status not in (408, 429, 500, 502, 503, 504): raise Refused(status, answer.get("code"))
            wait = max(wait, pause)
        except (OSError, http.client.HTTPException, ValueError): pass  # Not there, or gone in the middle of its answer.
        time.sleep(wait)

def heed(answer):
    """What every answer may ask of a worker."""
    if state["is"] != "leaving": state["is"] = answer.get("desired_status", state["is"])
    job = state["job"]
    for verdict in ("lost", "cancel"):
        if job.get("id") in answer.get(verdict, []): end(job, {"cancel": "cancelled"}.get(verdict, verdict))
    return answer

def end(job, verdict):
    """The agent and all it has started: asked first, then killed. How it ends is how it was first told to."""
    if job.setdefault("verdict", verdict) == verdict and job.get("process"):
        for wait, number in ((0, signal.SIGTERM), (5, signal.SIGKILL)): threading.Timer(wait, kill, (job["process"].pid, number)).start()

def kill(group, number):
    try: os.killpg(group, number)
    except ProcessLookupError: pass

def beat():
    while True:
        answer = call(f"/workers/{me['id']}/heartbeat", lambda: {"executions": [{"id": job["id"]} for job in [state["job"]] if job]})
        time.sleep(0.9 * answer["next_heartbeat_seconds"])

def git(job, *args):
    """The execution's id and the worker's token are all that git needs. They stand in no argument and in no file."""
    basic = base64.b64encode(f"{job['id']}:{me['token']}".encode()).decode()
    auth = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}"}
    author = {f"GIT_{who}_{what}": "worker@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return subprocess.run(["git", "-C", job["directory"], *args], env={**os.environ, **auth, **author}, check=True, capture_output=True, text=True).stdout.strip()

def work(job, grant):
    repository, logs, sent = grant["repository"], f"/executions/{job['id']}/logs", 0
    if repository:
        git(job, "clone", "-q", repository["clone_url"], ".")
        base, *merged = [f"origin/{ref}" if git(job, "branch", "-r", "--list", f"origin/{ref}") else ref for ref in [grant["base_ref"], *grant["merge_refs"]]]
        git(job, "checkout", "-q", "-b", grant["branch"], base)
        for ref in merged: git(job, "merge", "-q", ref)
    job["process"] = subprocess.Popen(grant["task"]["metadata"]["command"], cwd=job["directory"], start_new_session=True, stdin=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if "verdict" in job: end(job, job["verdict"])
    for line in job["process"].stdout:
        entry = {"message": line.decode(errors="replace").rstrip("\n")[:65536]}
        sent = call(logs, lambda: {"offset": sent, "entries": [entry]})["next_offset"]
    code = job["process"].wait()
    report = {"outcome": "failed" if code else "completed", "exit_code": code, "log_entries": sent}
    if code: report.update(failure_reason="agent_error", error_message=f"exit code {code}")
    if repository and "verdict" not in job:
        git(job, "add", "--all")
        if git(job, "status", "--porcelain"): git(job, "commit", "-q", "-m", grant["task"]["name"])
        git(job, "push", "-q", "origin", f"HEAD:refs/heads/{grant['branch']}")
        report["commit_sha"] = git(job, "rev-parse", "HEAD")
    return report

def run(grant):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        job = state["job"] = {"id": grant["execution"]["id"], "directory": directory}
        try:
            try: report = work(job, grant) if state["is"] != "leaving" else {"outcome": "released"}
            except subprocess.CalledProcessError as error:
                report = {"outcome": "failed", "failure_reason": "git", "error_message": error.stderr[-1000:]}
            if "verdict" in job: report = {"outcome": job["verdict"]}
            if report["outcome"] != "lost": call(f"/executions/{job['id']}/finish", lambda: report)
        except Refused as refused:
            if refused.args[0] != 409: raise
            end(job, "lost")  # Another attempt may run by now: of this one nothing counts any more.
    state["job"] = {}

def leave(*_):
    state["is"] = "leaving"
    if state["job"]: end(state["job"], "released")
    elif state["waits"]: sys.exit(0)

def main():
    for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, leave)
    name = os.environ.get("MIYABI_WORKER_NAME") or os.uname().nodename
    answer = call("/workers", lambda: {"name": name, "protocol": 1, "capacity": 1, "agent_types": ["script"], "replace": True}, KEY)
    me.update(id=answer["worker"]["id"], token=answer["token"])
    threading.excepthook = lambda fault: (sys.excepthook(*fault[:3]), os._exit(1))  # Without heartbeats nothing counts.
    threading.Thread(target=beat, daemon=True).start()
    while state["is"] not in ("leaving", "stopped"):  # Stopped: it was drained, and runs nothing any more.
        key = uuid.uuid4().hex  # The same one in each try: what an answer gave that got lost is given again.
        state["waits"] = True
        grants = call(f"/workers/{me['id']}/claim", lambda: {"max": 1, "wait_seconds": 20, "request_key": key})["executions"]
        state["waits"] = False
        for grant in grants: run(grant)
        if state["is"] in ("paused", "draining"): time.sleep(1)  # Claims are answered at once, with nothing.

if __name__ == "__main__": main()
