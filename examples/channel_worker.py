#!/usr/bin/env python3
"""The worker of worker.py over the channel (docs/worker-channel.md), in Python's standard library: a WebSocket client by
RFC 6455, and the words of the routes over it. While there is no channel, everything goes by requests, as before."""
import base64, email.message, hashlib, json, os, queue, random, re, socket, ssl, struct, sys, threading, time, urllib.error, urllib.parse
import worker

VERB = re.compile(r"/(workers|executions)/([^/]+)/(heartbeat|claim|logs|progress|finish)")
STATUS = {"pause": "paused", "drain": "draining", "stop": "stopped", "resume": "active"}
LARGEST, ANSWER_SECONDS, PING_SECONDS, ANYBODY = 8 * 2**20, 40, 5, 2
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
request = worker.ask
channel = None

class Channel:
    def __init__(self, token):
        """Connects, and says whose it is in the header; the server answers with a proof that it has understood."""
        address = urllib.parse.urlsplit(worker.URL)
        self.socket = socket.create_connection((address.hostname, address.port or {"http": 80, "https": 443}[address.scheme]), 10)
        if address.scheme == "https": self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=address.hostname)
        self.stream, self.writing, self.waiting, self.count, self.silent = self.socket.makefile("rb"), threading.Lock(), {}, 0, 0
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {"Host": address.netloc, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "miyabi.worker.v1", "Authorization": f"Bearer {token}"}
        self.socket.sendall(f"GET /api/v1/worker-channel HTTP/1.1\r\n{''.join(f'{name}: {text}' + chr(13) + chr(10) for name, text in fields.items())}\r\n".encode())
        status, *head = iter(lambda: self.stream.readline().decode("latin-1").strip(), "")
        proof = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        if status.split()[1] != "101" or proof not in [line.partition(":")[2].strip() for line in head]: raise ConnectionError(status)
        while self.receive().get("type") != "authenticated": pass  # What a later version may say before is for others.
        self.socket.settimeout(None)
        threading.Thread(target=self.watch, daemon=True).start()

    def send(self, kind, data):
        """One frame. What a client sends is masked: each byte with one of four, in turn."""
        size, mask = len(data), os.urandom(4)
        head = struct.pack("!BB", 128 | kind, 128 | size) if size < 126 else struct.pack("!BBH", 128 | kind, 254, size) if size < 2**16 else struct.pack("!BBQ", 128 | kind, 255, size)
        masked = int.from_bytes(data, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        with self.writing: self.socket.sendall(head + mask + masked.to_bytes(size, "big"))

    def read(self, size):
        data = self.stream.read(size)
        if len(data) < size: raise ConnectionError("it is gone")
        return data

    def receive(self):
        """The next message. One may come in several frames, and pings in between."""
        message = b""
        while True:
            first, size = self.read(2)
            if size > 125: size = int.from_bytes(self.read({126: 2, 127: 8}[size]), "big")
            data, self.silent = self.read(size), 0
            if first & 15 == CLOSE: raise ConnectionError(f"closed with {int.from_bytes(data[:2], 'big') or 1005}")
            elif first & 15 == PING: self.send(PONG, data)
            elif first & 15 != PONG:
                message += data
                if first & 128: return json.loads(message)

    def watch(self):
        """Pings that nothing follows: there is nobody any more, though no connection was closed."""
        try:
            while self.silent < ANYBODY:
                self.silent += 1
                self.send(PING, b"")
                time.sleep(PING_SECONDS)
        except OSError: pass
        self.close()

    def close(self):
        try: self.socket.shutdown(socket.SHUT_RDWR)
        except OSError: pass

    def listen(self):
        """Hands answers to who waits for them, by their `id`, until it is closed. Types that are not known are for others."""
        try:
            while True:
                message = self.receive()
                kind, executions = message.get("type"), message.get("executions")
                if message.get("id") in self.waiting: self.waiting.pop(message["id"]).put(message)
                elif kind in STATUS: worker.heed({"desired_status": STATUS[kind]})
                elif kind in ("cancel", "lost"): worker.heed({kind: executions})
                elif kind == "error": raise ConnectionError(message.get("detail"))
        finally:
            self.close()
            with self.writing: waiting, self.waiting = self.waiting, None  # From now on nobody waits here.
            for answer in waiting.values(): answer.put(None)

    def say(self, body):
        """One word and its answer; claims that wait keep nobody. Raises OSError where there is none: it may be said again."""
        answer = queue.Queue()
        with self.writing:
            if self.waiting is None: raise ConnectionError("it was closed")
            self.count += 1
            name = f"{self.count}"
            self.waiting[name] = answer
        data = json.dumps({**body, "id": name}).encode()
        if len(data) > LARGEST: raise OverflowError
        self.send(TEXT, data)
        try: message = answer.get(timeout=ANSWER_SECONDS)
        except queue.Empty: self.close(); raise ConnectionError("no answer")
        if message is None: raise ConnectionError("it was closed")
        return message

def ask(path, body, timeout):
    """In place of a request: the same word over the channel, and as a request when that fails."""
    verb, way = VERB.fullmatch(path), channel
    if way is None or verb is None: return request(path, body, timeout)
    owner, name, word = verb.groups()
    try: answer = way.say({**body, "type": word, **({"execution_id": name} if owner == "executions" else {})})
    except (OSError, OverflowError): return request(path, body, timeout)
    problem = answer.get("problem")
    if problem: raise urllib.error.HTTPError(path, problem["status"], problem["code"], email.message.Message(), None)
    return answer

def keep():
    """Opens the channel again whenever it is closed, each time a little later, and somewhat at random."""
    global channel
    tries = 0
    while True:
        try:
            opened = Channel(worker.me["token"])
            channel, tries = opened, 0
            opened.listen()
        except (OSError, ValueError, IndexError) as error: print(f"no channel: {error}", file=sys.stderr)
        channel = None
        time.sleep(min(30, 2**tries) * random.uniform(0.5, 1))
        tries += 1

def beat():
    threading.Thread(target=keep, daemon=True).start()
    worked()

worker.ask, worked, worker.beat = ask, worker.beat, beat
worker.main()
