"""The parent of one container: what a dead engine could not do. It imports nothing else of Fairway.

    python -I -S shim/main.py FOLDER CONTROL-DESCRIPTOR

Standard library only, and little of it: one runs for each container. It is a subreaper in its own session. It holds the
container's stdout and stderr and appends their lines to segment files (format: `fairway.engine.model.logrecord`), answers on
a socket, holds the memory limit, and notes the exit code durably before it tells anyone. The container dies with its shim.
What it runs comes as the first line on the control descriptor and never stands in a file: it holds secrets.

Lines of JSON go both ways. To the shim: {"op": "stop", "grace": s}, {"op": "exec", "id": n, "argv": […], "timeout": s}.
From it: {"event": "started" | "failed" | "checked" | "usage" | "exited" | "held", …}. A new connection hears first what runs.
In FOLDER: lock (held while the shim lives), socket, started.json, exit.json.
"""
