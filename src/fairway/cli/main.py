"""The command line: finds the verb, runs it, and turns errors into exit codes.

Nothing heavy is imported here: `fairway --help` and usage errors answer at once, and a verb imports what it needs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from fairway.cli.output import Output
from fairway.errors import FairwayError, UsageError
from fairway.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED: Final = 130
EXIT_CODES: Final = """exit codes:
  0    done: deployed and stayed healthy
  1    error in Fairway or AWS, nothing decided
  2    invalid usage or file: nothing changed
  3    something differs (plan --exit-code)
  4    failed and rolled back, all of it; rehearse: NO-GO
  5    failed and not, or not wholly, rolled back
  6    inconclusive, held or handed over while ECS goes on
  7    locked, aborted or superseded
  130  interrupted (143: told to end by SIGTERM)"""


class VerbModule(Protocol):
    """What each `fairway.cli.<verb>` offers."""

    EXAMPLES: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's arguments."""

    def run(self, arguments: argparse.Namespace, out: Output) -> int:
        """Do it; the exit code."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb and the module that has it."""

    module: str
    summary: str


VERBS: Final = {
    "up": Verb("fairway.cli.up", "start everything on this machine: engine, load balancer, services, traffic"),
    "down": Verb("fairway.cli.down", "stop everything on this machine; --purge deletes it"),
    "build": Verb("fairway.cli.build", "build images for the local engine"),
    "init": Verb("fairway.cli.init", "the files of a project, from services that live or from ecspresso's files"),
    "plan": Verb("fairway.cli.plan", "what a deployment would change, restart and cost; changes nothing"),
    "cost": Verb("fairway.cli.cost", "what the project's services cost a month, by the table of prices"),
    "render": Verb("fairway.cli.render", "the definitions as the AWS CLI takes them"),
    "iam": Verb("fairway.cli.iam", "the least IAM policy that a role needs for this project; offline"),
    "lint": Verb("fairway.cli.lint", "look for what ECS would refuse, or take otherwise than it reads; offline"),
    "check": Verb("fairway.cli.check", "whether what a deployment needs is there; reads AWS, changes nothing"),
    "deploy": Verb("fairway.cli.deploy", "deploy services and follow the deployment to its end"),
    "rehearse": Verb(
        "fairway.cli.rehearse", "play a release on a private engine first, with every failure that it must survive"
    ),
    "apply": Verb("fairway.cli.apply", "what a deployment leaves alone: settings, tags, log groups, scaling bounds"),
    "status": Verb("fairway.cli.status", "what runs, what is wrong first"),
    "watch": Verb("fairway.cli.watch", "follow a deployment that is under way, whoever started it"),
    "why": Verb("fairway.cli.why", "why a deployment failed, or tasks keep stopping"),
    "history": Verb("fairway.cli.history", "the deployments of a service, with their verdicts"),
    "rollback": Verb("fairway.cli.rollback", "go back to the last known good revision"),
    "logs": Verb("fairway.cli.logs", "the logs of a service's tasks"),
    "load": Verb("fairway.cli.load", "send requests to an address on this machine, and count what fails"),
    "env": Verb("fairway.cli.env", "what the AWS CLI and SDKs need to speak to the local engine"),
    "doctor": Verb("fairway.cli.doctor", "look for what is missing on this machine, and say how to mend it"),
    "engine": Verb("fairway.cli.engine", "the local ECS-compatible engine: start, stop, restart, status, reset, logs"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{self.prog} --help")


def build_parser(verb: str | None) -> argparse.ArgumentParser:
    """The parser of one verb, or of `fairway` itself."""
    if verb is None:
        verbs = "\n".join(f"  {name:<10}{item.summary}" for name, item in VERBS.items())
        parser = _Parser(
            prog="fairway",
            description="Deploys services to Amazon ECS, and rehearses the same deployment on this machine first.",
            epilog=f"verbs:\n{verbs}\n\n`fairway VERB --help` tells more.\n\n{EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage="fairway VERB [options]",
        )
        parser.add_argument("--version", action="version", version=f"fairway {VERSION}")
        return parser
    module: VerbModule = importlib.import_module(VERBS[verb].module)
    parser = _Parser(
        prog=f"fairway {verb}",
        description=VERBS[verb].summary[0].upper() + VERBS[verb].summary[1:] + ".",
        epilog=f"examples:\n{module.EXAMPLES.rstrip()}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    parser.add_argument("--env", metavar="NAME", help="the environment (default: the project's own default, local)")
    parser.add_argument(
        "--port", type=int, metavar="N", help="port of the local engine (default: $FAIRWAY_PORT, else 4566)"
    )
    parser.add_argument(
        "--file", metavar="FILE", help="the project file (default: the nearest fairway.toml; $FAIRWAY_FILE)"
    )
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(as_json="--json" in words)
    try:
        if not words or words[0].startswith("-"):
            parser = build_parser(None)
            parser.parse_args(words)
            parser.print_help()
            return 0 if words else UsageError.exit_code
        verb, rest = words[0], words[1:]
        if verb == "help":
            build_parser(rest[0] if rest and rest[0] in VERBS else None).print_help()
            return 0
        if verb not in VERBS:
            raise UsageError(f"there is no verb {verb!r}", hint=_near(verb))
        arguments = build_parser(verb).parse_args(rest)
        if arguments.port is not None and arguments.env not in {None, "local"}:
            raise UsageError(
                f"--port is the local engine's, and {arguments.env} is on AWS itself", hint="leave --port out"
            )
        if arguments.file is not None:
            os.environ["FAIRWAY_FILE"] = arguments.file
        if arguments.port is not None:
            os.environ["FAIRWAY_PORT"] = str(arguments.port)
        if arguments.port is not None or "FAIRWAY_PORT" in os.environ:
            os.environ["FAIRWAY_ENDPOINT"] = f"http://127.0.0.1:{os.environ['FAIRWAY_PORT']}"
        code: int = arguments.run(arguments, out)
    except FairwayError as error:
        out.failure(error)
        return error.exit_code
    except KeyboardInterrupt:
        out.note("")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return code


def _near(verb: str) -> str:
    from fairway.project.text import did_you_mean  # noqa: PLC0415 - only for this error

    return did_you_mean(verb, VERBS)


def entry() -> NoReturn:
    """The console script. A script that hands over to it says what it was called as: the next commands are named like it."""
    sys.argv[0] = os.environ.pop("FAIRWAY_CALLED_AS", sys.argv[0])
    sys.exit(main())


if __name__ == "__main__":
    entry()
