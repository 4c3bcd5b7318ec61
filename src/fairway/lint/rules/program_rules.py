"""Python: hook functions, and scripts that deploy with boto3. They are parsed, never run."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Final

from fairway.lint.finding import Rule, Severity, find
from fairway.lint.program import constant, keyword, spreads
from fairway.lint.rules.examples import blocks
from fairway.lint.rules.script_rules import NO_NETWORK, PREVIOUS, STABLE, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.entity import View
    from fairway.lint.finding import Finding
    from fairway.lint.program import Program

_HOOKS: Final = "Amazon ECS Developer Guide, Lifecycle hooks for Amazon ECS service deployments; AWS CodeDeploy User Guide, AppSpec 'hooks' section"
ANSWER: Final = Rule(
    "hook-answer",
    Severity.ERROR,
    "A hook function whose answer nobody reads",
    "ECS reads hookStatus (SUCCEEDED, FAILED, IN_PROGRESS) of what the function returns, and rolls back without it; CodeDeploy "
    "reads nothing that is returned, and waits an hour for PutLifecycleEventHookExecutionStatus. Looked for: a handler that returns "
    "{'status': 'SUCCESS' …}, and neither hookStatus nor that call in the file.",
    "return {'hookStatus': 'SUCCEEDED'} to ECS; for CodeDeploy call put_lifecycle_event_hook_execution_status",
    _HOOKS,
    blocks("def lambda_handler(event, context):\n    return {'status': 'SUCCESS'}"),
    blocks("def lambda_handler(event, context):\n    return {'hookStatus': 'SUCCEEDED'}"),
)
UNDEFINED: Final = Rule(
    "hook-undefined-name",
    Severity.ERROR,
    "A hook function that calls what is not there",
    "The function fails at its first call, and a failing hook rolls every deployment back. Looked for: a call, in a file with a "
    "handler, of a name that is neither defined, imported, assigned nor built in.",
    "define or import it",
    "Python Language Reference, Naming and binding",
    blocks("def lambda_handler(event, context):\n    rate = get_metric('5xx')\n    return {'hookStatus': 'SUCCEEDED'}"),
    blocks(
        "def get_metric(name):\n    return 0\n\ndef lambda_handler(event, context):\n    rate = get_metric('5xx')\n    return {'hookStatus': 'SUCCEEDED'}"
    ),
)
RULES: Final = (ANSWER, UNDEFINED)
_VERDICTS: Final = {
    "SUCCESS",
    "SUCCEEDED",
    "FAILURE",
    "FAILED",
    "IN_PROGRESS",
    "Success",
    "Succeeded",
    "Failed",
    "Failure",
}
_READS: Final = ("rolloutState", "describe_service_deployments", "list_service_deployments", "taskDefinition")


def check(view: View) -> Iterator[Finding]:
    for program in view.programs:
        yield from _hook(program)
        yield from _runs(program)
        yield from _waits(program)
        yield from _previous(program)


def _handlers(program: Program) -> list[ast.FunctionDef]:
    """Functions that Lambda may call: named handler, with event and context."""
    return [
        node
        for node in ast.walk(program.tree)
        if isinstance(node, ast.FunctionDef) and node.name.endswith("handler") and len(node.args.args) == 2  # noqa: PLR2004
    ]


def _hook(program: Program) -> Iterator[Finding]:
    handlers = _handlers(program)
    answers = [
        node
        for handler in handlers
        for node in ast.walk(handler)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict) and _status(node.value) in _VERDICTS
    ]
    speaks = "hookStatus" in program.text or "put_lifecycle_event_hook_execution_status" in program.text
    if answers and not speaks:
        yield find(
            ANSWER, program.place(answers[0]), "the handler returns status: ECS wants hookStatus, CodeDeploy a call"
        )
    if not (answers or (speaks and handlers)):
        return
    bound = _bound(program.tree)
    told: set[str] = set()
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in bound | told:
            told.add(node.func.id)
            yield find(UNDEFINED, program.place(node), f"{node.func.id} is called, and nowhere defined")


def _status(answer: ast.Dict) -> str | None:
    for key, value in zip(answer.keys, answer.values, strict=True):
        if constant(key) == "status":
            return constant(value)
    return None


def _bound(tree: ast.Module) -> set[str]:
    """Every name that is bound anywhere in the file."""
    names = set(dir(builtins))
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.arg(arg=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name.partition(".")[0])
            case _:
                pass
    return (
        names
        if "*" not in names
        else names
        | {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    )


def _runs(program: Program) -> Iterator[Finding]:
    for call in program.calls("run_task"):
        fargate = constant(keyword(call, "launchType")) == "FARGATE"
        if fargate and keyword(call, "networkConfiguration") is None and not spreads(call):
            yield find(NO_NETWORK, program.place(call), "run_task has no networkConfiguration, and awsvpc needs one")


def _waits(program: Program) -> Iterator[Finding]:
    lines = program.text.split("\n")
    last_read = max((number for number, line in enumerate(lines, 1) if any(word in line for word in _READS)), default=0)
    for call in program.calls("get_waiter"):
        name = constant(call.args[0]) if call.args else constant(keyword(call, "waiter_name"))
        if name not in {"services_stable", "tasks_stopped"}:
            continue
        if name == "services_stable" and call.lineno >= last_read:
            text = "services_stable also succeeds after a rollback, and nothing asks which version runs"
            yield find(STABLE, program.place(call), text)
        if "WaiterConfig" not in program.text:
            yield find(TIMEOUT, program.place(call), f"{name} gives up after 600 s")


def _previous(program: Program) -> Iterator[Finding]:
    for node in ast.walk(program.tree):
        match node:
            case ast.Subscript(value=ast.Subscript(slice=ast.Constant(value="taskDefinitionArns")), slice=index):
                if _number(index) in {1, -2}:
                    yield find(
                        PREVIOUS, program.place(node), "the second newest revision, whether it ever worked or not"
                    )
            case _:
                pass


def _number(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case _:
            return None
