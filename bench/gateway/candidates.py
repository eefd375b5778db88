"""The gateways under test: how each is configured, started, asked for its first answer, and stopped."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol

from bench.gateway.workloads import MODEL

UPSTREAM_KEY = "sk-upstream"
MOCK_PHRASE = b"keeps its engines around a turntable"  # is in the mock's answer and in nobody else's
REPOSITORY = Path(__file__).resolve().parents[2]


class StartError(RuntimeError):
    """A candidate could not be brought to its first answer."""


@dataclass(frozen=True)
class Launch:
    """What to execute, and what to change in the environment (None removes a variable)."""

    argv: list[str]
    env: dict[str, str | None]


class Candidate(Protocol):
    """One gateway. `slow` marks one that needs the long windows."""

    name: str
    slow: bool
    start_limit_s: float

    def missing(self) -> str | None:
        """Why it cannot run here, or None."""

    def version(self) -> str:
        """Version for the report."""

    def launch(self, folder: Path, port: int, mock_port: int) -> Launch:
        """Writes the configuration into an empty folder and tells how to start."""

    def first_key(self, folder: Path) -> str | None:
        """Bearer key for the first request; None while there is none yet."""

    def load_key(self, port: int, first_key: str) -> str:
        """Bearer key for the measured requests, made once the gateway answers."""


def _output(*argv: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    return (done.stdout + done.stderr).strip()


_NGINX_CONF = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_buffer_size 2m;
    client_max_body_size 20m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map_hash_bucket_size 256;
    map $http_authorization $allowed {{ default 0; "Bearer {key}" 1; }}
    upstream mock {{
        server 127.0.0.1:{mock_port};
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            if ($allowed = 0) {{ return 401; }}
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer {upstream_key}";
            proxy_buffering off;
        }}
    }}
}}
"""


class Nginx:
    """A plain reverse proxy with a key check: the bound from outside Python."""

    name = "nginx"
    slow = False
    start_limit_s = 10.0

    def __init__(self) -> None:
        self._program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        self._key = "sk-" + secrets.token_hex(24)

    def missing(self) -> str | None:
        """Tells how to install it."""
        if self._program:
            return None
        return "nginx is not installed (Debian: apt-get update && apt-get install -y nginx-light)"

    def version(self) -> str:
        """Version of the binary."""
        return _output(str(self._program), "-v").rpartition("/")[2]

    def launch(self, folder: Path, port: int, mock_port: int) -> Launch:
        """Writes nginx.conf."""
        conf = folder / "nginx.conf"
        conf.write_text(
            _NGINX_CONF.format(
                folder=folder, port=port, mock_port=mock_port, key=self._key, upstream_key=UPSTREAM_KEY
            )
        )
        return Launch([str(self._program), "-e", f"{folder}/error.log", "-c", str(conf)], {})

    def first_key(self, folder: Path) -> str:
        """The key in the map."""
        return self._key

    def load_key(self, port: int, first_key: str) -> str:
        """The same key."""
        return first_key


class LiteLlm:
    """The LiteLLM proxy: one worker, no database, no callbacks, no retries, logs off."""

    name = "litellm"
    slow = True
    start_limit_s = 120.0

    def __init__(self, venv: Path, may_install: bool) -> None:
        self._venv = venv
        self._may_install = may_install
        self._key = "sk-" + secrets.token_hex(24)  # it refuses to start with a weak one

    def missing(self) -> str | None:
        """Installs it if that is allowed and has not been done."""
        complete = self._venv / "installed"
        if complete.exists():
            return None
        if not self._may_install:
            return f"LiteLLM is not installed in {self._venv} (run once without --no-install)"
        print(f"installing litellm[proxy] into {self._venv}, once; this takes minutes ...", flush=True)
        python = self._venv / "bin" / "python"
        if uv := shutil.which("uv"):
            install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
            steps = [
                [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(self._venv)],
                [*install, "litellm[proxy]"],
            ]
        else:
            steps = [
                [sys.executable, "-m", "venv", str(self._venv)],
                [str(python), "-m", "pip", "install", "--quiet", "litellm[proxy]"],
            ]
        self._venv.parent.mkdir(parents=True, exist_ok=True)
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"LiteLLM could not be installed: {done.stderr.strip()[-400:]}"
        complete.touch()
        return None

    def version(self) -> str:
        """Version of the installed package."""
        code = "import importlib.metadata as m; print(m.version('litellm'))"
        return _output(str(self._venv / "bin" / "python"), "-c", code)

    def launch(self, folder: Path, port: int, mock_port: int) -> Launch:
        """Writes config.yaml (JSON is YAML). The upstream model is one its price table knows."""
        params = {
            "model": "openai/gpt-4o-mini",
            "api_base": f"http://127.0.0.1:{mock_port}/v1",
            "api_key": UPSTREAM_KEY,
        }
        config = {
            "model_list": [{"model_name": MODEL, "litellm_params": params}],
            "litellm_settings": {"num_retries": 0, "telemetry": False, "callbacks": []},
            "router_settings": {"num_retries": 0},
            "general_settings": {"master_key": self._key, "disable_spend_logs": True},
        }
        path = folder / "config.yaml"
        path.write_text(json.dumps(config))
        argv = [str(self._venv / "bin" / "litellm"), "--config", str(path), "--host", "127.0.0.1"]
        argv += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
        env: dict[str, str | None] = {
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "DATABASE_URL": None,
            "PYTHONPATH": None,
        }
        return Launch(argv, env)

    def first_key(self, folder: Path) -> str:
        """The master key."""
        return self._key

    def load_key(self, port: int, first_key: str) -> str:
        """The master key: virtual keys would need a database."""
        return first_key


class Roundhouse:
    """The gateway of this repository with everything on: keys, routing, usage, rate limits, metrics."""

    name = "roundhouse"
    slow = False
    start_limit_s = 30.0

    def __init__(self, python: str) -> None:
        self._python = python

    def _environment(self) -> dict[str, str | None]:
        """Its own settings only: nothing of the caller's ROUNDHOUSE_ variables may change the run."""
        cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("ROUNDHOUSE_")}
        paths = [str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]
        return cleared | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    def missing(self) -> str | None:
        """Asks its interpreter for the command line module."""
        argv = [self._python, "-m", "roundhouse", "--help"]
        env = _merged(self._environment())
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=REPOSITORY)
        if done.returncode == 0:
            return None
        reason = (done.stdout + done.stderr).strip().rpartition("\n")[2]
        return f"`{' '.join(argv)}` fails (see --python): {reason}"

    def version(self) -> str:
        """Version of the package and of the interpreter, and the commit where git knows it."""
        code = (
            "import platform, roundhouse as r; print(r.__version__, 'on Python', platform.python_version())"
        )
        version = _output(self._python, "-c", code, env=_merged(self._environment()))
        commit = _output("git", "-C", str(REPOSITORY), "rev-parse", "--short", "--verify", "HEAD")
        return version if " " in commit else f"{version}, commit {commit}"

    def launch(self, folder: Path, port: int, mock_port: int) -> Launch:
        """Writes roundhouse.toml."""
        config = folder / "roundhouse.toml"
        config.write_text(
            "[[providers]]\n"
            'name = "mock"\n'
            'kind = "openai"\n'
            f'url = "http://127.0.0.1:{mock_port}/v1"\n'
            f'key = "{UPSTREAM_KEY}"\n'
            f'models = ["{MODEL}"]\n'
        )
        argv = [self._python, "-m", "roundhouse", "run", "--port", str(port), "--data-dir", str(folder)]
        return Launch(argv, self._environment() | {"ROUNDHOUSE_CONFIG": str(config)})

    def first_key(self, folder: Path) -> str | None:
        """The admin key, once it is written."""
        try:
            return (folder / "admin.key").read_text().strip() or None
        except FileNotFoundError:
            return None

    def load_key(self, port: int, first_key: str) -> str:
        """A new key with limits no load reaches, so that the limiter counts every request."""
        wish = {
            "name": "bench",
            "scopes": ["inference"],
            "requests_per_minute": 100_000_000,
            "tokens_per_minute": 1_000_000_000_000,
        }
        status, answer = _post(port, "/v1/keys", first_key, json.dumps(wish).encode(), timeout_s=10)
        if status not in (200, 201):
            raise StartError(f"roundhouse: POST /v1/keys answered {status}: {answer[:300]!r}")
        return str(json.loads(answer)["key"])


@dataclass
class Server:
    """A running candidate. `start_s` is the time from spawning it to its first good answer."""

    candidate: Candidate
    process: subprocess.Popen[bytes]
    port: int
    key: str
    start_s: float

    def stop(self) -> None:
        """Ends the process and whatever it left behind in its session."""
        stop_session(self.process)


def _merged(changes: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in (dict(os.environ) | changes).items() if value is not None}


def _post(port: int, path: str, key: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_session(process: subprocess.Popen[bytes]) -> None:
    """Asks a process politely, then kills all of its session (it was started as the leader of one)."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=8)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def start(candidate: Candidate, folder: Path, core: int, mock_port: int, body: bytes) -> Server:
    """Starts a candidate pinned to a core and polls every 10 ms until it has answered a real request."""
    port = free_port()
    launch = candidate.launch(folder, port, mock_port)
    log_path = folder / "output.log"
    begin = time.monotonic()
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *launch.argv],
            env=_merged(launch.env),
            cwd=REPOSITORY if candidate.name == "roundhouse" else folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        last = _poll(candidate, folder, process, port, body, begin + candidate.start_limit_s)
        start_s = time.monotonic() - begin
        return Server(candidate, process, port, candidate.load_key(port, last), start_s)
    except BaseException as error:
        stop_session(process)
        if isinstance(error, StartError):
            tail = log_path.read_text(errors="replace")[-1500:]
            raise StartError(f"{error}\n--- last output of {candidate.name} ---\n{tail}") from None
        raise


def _poll(
    candidate: Candidate, folder: Path, process: subprocess.Popen[bytes], port: int, body: bytes, until: float
) -> str:
    """Returns the key with which the first good answer came."""
    last = "no answer"
    while time.monotonic() < until:
        if process.poll() is not None:
            raise StartError(f"{candidate.name} ended with status {process.returncode}")
        key = candidate.first_key(folder)
        if key is not None:
            try:
                status, answer = _post(port, "/v1/chat/completions", key, body, timeout_s=10)
            except (OSError, HTTPException) as error:
                last = repr(error)
            else:
                if status == 200 and MOCK_PHRASE in answer:
                    return key
                last = f"{status}: {answer[:300]!r}"
        time.sleep(0.01)
    raise StartError(f"{candidate.name} gave no good answer in {candidate.start_limit_s:.0f} s; last {last}")
