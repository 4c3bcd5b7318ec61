"""What all pages of a project show of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskmanager.access import Action, may, refusal
from taskmanager.labels.service import labels_of_project
from taskmanager.members.service import members_of
from taskmanager.projects import router as api

if TYPE_CHECKING:
    from taskmanager.deps import Services
    from taskmanager.web.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Frame:
    """A project as the viewer sees it. What they may not do is not offered; the services refuse it all the same."""

    project: dict[str, Any]
    members: list[dict[str, Any]]
    labels: list[dict[str, Any]]

    @property
    def can_write(self) -> bool:
        return self._is_allowed(Action.WRITE)

    @property
    def can_manage(self) -> bool:
        return self._is_allowed(Action.MANAGE)

    @property
    def can_restore(self) -> bool:
        return self.is_archived and may(self.project["role"], Action.RESTORE)

    @property
    def can_delete(self) -> bool:
        return may(self.project["role"], Action.DELETE)

    @property
    def is_archived(self) -> bool:
        return self.project["archived_at"] is not None

    @property
    def names(self) -> dict[int, str]:
        """Of the members, by their ids."""
        return {member["user_id"]: member["name"] for member in self.members}

    @property
    def labels_by_id(self) -> dict[int, dict[str, Any]]:
        return {label["id"]: label for label in self.labels}

    def _is_allowed(self, action: Action) -> bool:
        return refusal(self.project["role"], action, archived=self.is_archived) is None


async def read_frame(services: Services, viewer: Viewer, project_id: int) -> Frame:
    """The frame.

    Raises:
        Problem: there is no such project, or the viewer is a stranger to it.
    """
    project = await api.read_project(project_id, services, viewer.user_id)
    async with services.database.read() as connection:  # whoever has read the project may read these
        members = await members_of(connection, project_id)
        labels = await labels_of_project(connection, project_id)
    return Frame(project, members, labels)
