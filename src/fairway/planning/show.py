"""A plan as text for people, and as documents for programs. Pure; secrets are hidden in both.

~ changes   + is new   - goes away
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.planning.changes import DEFINITION, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from fairway.planning.changes import Change
    from fairway.planning.plan import CostChange, Plan, Restart, ServicePlan, TaskPlan

_LONGEST: Final = 100
_ELLIPSIS: Final = "…"


def lines(plan: Plan) -> list[str]:
    """The plan for people: what changes, first; each service with what restarts, how long it takes, and what it costs."""
    told: list[str] = []
    for task in plan.tasks:
        told += [*_task_lines(task, runs=plan.deploys), ""]
    told += [
        line for key in plan.left_out for line in (f"  {key}: does not run: --image deploys exactly that image", "")
    ]
    for service in plan.services:
        told += [*_service_lines(service), ""]
    return [*told, summary(plan)]


def summary(plan: Plan) -> str:
    """One line: how many services change."""
    changed = [item for item in plan.services if item.is_new or item.undeployed]
    drifted = [item for item in plan.services if item.drift or item.drifted]
    if not plan.differs:
        return "nothing differs"
    same = len(plan.services) - len({item.key for item in (*changed, *drifted)})
    parts = [f"{_count(len(changed), 'service changes', 'services change')}"]
    parts += [f"{_count(len(drifted), 'was', 'were')} changed by hand"] if drifted else []
    parts += [f"{_count(same, 'does', 'do')} not differ"] if same else []
    return ", ".join(parts)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _task_lines(task: TaskPlan, *, runs: bool) -> Iterator[str]:
    if not runs:
        yield f"  {task.key}: does not run: no service is deployed"
        return
    if task.newest is None:
        yield f"+ {task.key}: runs once, first: {task.family} is new"
        return
    sign = "~" if task.changes else " "
    same = "" if task.changes else ", nothing differs"
    yield f"{sign} {task.key}: runs once, first: {task.newest} → new revision{same}"
    yield from _change_lines(task.changes, {DEFINITION: task.unchanged})


def _service_lines(service: ServicePlan) -> Iterator[str]:
    if service.is_new:
        yield f"+ {service.key}: the service {service.name} is created"
    elif not service.differs:
        yield f"  {service.key}: {service.serving}: nothing differs"
    else:
        yield f"~ {service.key}: {service.serving} → new revision"
    yield from _change_lines(service.undeployed, service.unchanged)
    if service.drift or service.drifted:
        yield "    changed by hand since the last deployment"
        for sentence in service.drift:
            yield f"      ! {sentence}"
        for change in service.drifted:
            yield f"      {change_line(change)}"
    yield from (f"    note: {note}" for note in service.notes)
    if service.is_left_alone:
        yield "    no deployment, and no task is replaced (--force begins one)"
    else:
        yield f"    {restart_line(service.restart, is_new=service.is_new)}"
        yield f"    {expectation_line(service.restart)}"
    yield f"    {cost_line(service.cost)}"


def _change_lines(changes: Sequence[Change], unchanged: dict[str, int] | Any) -> Iterator[str]:
    for where in (DEFINITION, SERVICE):
        found = [change for change in changes if change.where == where]
        if not found:
            continue
        yield f"    {where}"
        for change in found:
            yield f"      {change_line(change)}"
        if unchanged.get(where):
            yield f"      ({unchanged[where]} unchanged)"


def change_line(change: Change) -> str:
    """`~ containerDefinitions.api.image: "shop/api:v1" → "shop/api:v2"`."""
    found = change.difference
    before, after = (_short(text) for text in found.lines())
    value = after if found.is_new else before if found.is_gone else f"{before} → {after}"
    stays = f"  (stays: {change.stays})" if change.stays else ""
    return f"{found.sign} {found.name}: {value}{stays}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + _ELLIPSIS


def restart_line(restart: Restart, *, is_new: bool) -> str:
    """Which tasks are replaced and why, and how many there are at most."""
    bounds, tasks = restart.bounds, _count(restart.tasks, "task", "tasks")
    if restart.tasks == 0:
        return "no task runs: none is replaced"
    if is_new:
        return f"starts {tasks}"
    why = ", ".join(restart.reasons) or "no task differs, but a deployment brings in a revision all the same"
    if bounds.at_once == 0:
        return f"replaces {tasks} ({why}): its bounds let no task move, and the deployment would hang"
    limits = f"at most {bounds.at_once} at once, never more than {bounds.upper} in all, {bounds.lower} always healthy"
    return f"replaces {tasks} ({why}): {limits}"


def expectation_line(restart: Restart) -> str:
    """How long it takes, and how that is known."""
    minutes = restart.expectation.minutes
    text = f"{minutes:.0f}" if minutes >= 10 else f"{minutes:.1f}".removesuffix(".0")  # noqa: PLR2004 - enough digits
    return f"takes about {text} min ({restart.expectation.basis})"


def cost_line(cost: CostChange) -> str:
    """What the service costs a month, and how that changes."""
    if cost.after is None:
        return f"cost: not known: {cost.unknown}"
    if cost.before is None:
        return f"cost: {money(cost.after, cost.currency)} a month"
    if cost.before == cost.after:
        return f"cost: {money(cost.after, cost.currency)} a month, as now"
    sign = "+" if cost.after > cost.before else "-"
    more = money(abs(cost.after - cost.before), cost.currency)
    return f"cost: {money(cost.before, cost.currency)} → {money(cost.after, cost.currency)} a month ({sign}{more})"


def money(amount: Decimal, currency: str) -> str:
    """`$1,234.50`, or `1,234.50 EUR`."""
    return f"${amount:,.2f}" if currency == "USD" else f"{amount:,.2f} {currency}"


# -- documents ---------------------------------------------------------------------------------------------------------


def service_document(service: ServicePlan) -> dict[str, Any]:
    """One service as JSON."""
    restart, cost = service.restart, service.cost
    return {
        "service": service.name,
        "key": service.key,
        "differs": service.differs,
        "deploys": not service.is_left_alone,
        "is_new": service.is_new,
        "serving": service.serving,
        "manage": "service" if service.manages_service else "task-definition",
        "changes": [change.document() for change in service.changes],
        "unchanged": dict(service.unchanged),
        "drift": list(service.drift),
        "notes": list(service.notes),
        "restart": {
            "tasks": restart.tasks,
            "reasons": list(restart.reasons),
            "lower": restart.bounds.lower,
            "upper": restart.bounds.upper,
            "at_once": restart.bounds.at_once,
            "minutes": round(restart.expectation.minutes, 1),
            "basis": restart.expectation.basis,
        },
        "cost": {
            "before": None if cost.before is None else float(cost.before),
            "after": None if cost.after is None else float(cost.after),
            "currency": cost.currency,
            "unknown": cost.unknown or None,
        },
    }


def task_document(task: TaskPlan) -> dict[str, Any]:
    """One one-off task as JSON."""
    return {
        "task": task.key,
        "family": task.family,
        "differs": task.differs,
        "newest": task.newest,
        "changes": [change.document() for change in task.changes],
        "unchanged": task.unchanged,
    }
