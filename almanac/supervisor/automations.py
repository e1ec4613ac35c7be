"""Alarms and reactions as Prefect automations, made and kept by code."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from almanac.drift.reactions import REACTIONS
from almanac.supervisor import alarms
from almanac.supervisor.automation_builders import PREFIX, Server
from almanac.supervisor.notify import BLOCK, AlmanacAlarm, service_urls
from schemas.settings import Settings
from tasks.events import TAG

_PAGE = 200  # the most that the API gives at once
_LOG = logging.getLogger("almanac.server")


def ensure_automations(settings: Settings) -> list[str]:
    """Make the automations on the server of PREFECT_API_URL as they ought to be.

    Creates, updates and removes those whose name begins with `PREFIX`, and leaves all others
    alone. One that is right is not touched, because an update forgets what was counted; one that a
    person switched off stays off. Looks at the deployments, which must be there before.

    Returns:
        The names of those that now stand, sorted.

    Raises:
        ConfigError: `alarms.address` holds what is no address.
    """
    with get_client(sync_client=True) as client:
        server = _server(client, _save_address(settings))
        wanted = {one.name: one for one in alarms.automations(settings, server, REACTIONS)}
        names = sorted(wanted)
        for found in _own(client):
            _settle(client, found, wanted.pop(found.name, None))
        for missing in wanted.values():
            client.create_automation(_core(missing))
            _LOG.info("Made the automation %r", missing.name)
        if server.block is None:
            _forget_address(client)
    return names


def _server(client: SyncPrefectClient, block: UUID | None) -> Server:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    flows = {flow.id: flow.name for flow in client.read_flows(deployment_filter=ours, limit=_PAGE)}
    found = client.read_deployments(deployment_filter=ours, limit=_PAGE)
    return Server(
        ui=f"{str(get_current_settings().ui_url or '').rstrip('/')}/v2",
        deployments={f"{flows[one.flow_id]}/{one.name}": one.id for one in found},
        pools=tuple(sorted({one.work_pool_name for one in found if one.work_pool_name})),
        block=block,
    )


def _own(client: SyncPrefectClient) -> list[Automation]:
    found: list[Automation] = []
    while part := client.read_automations(limit=_PAGE, offset=len(found)):
        found += part
    return [one for one in found if one.name.startswith(PREFIX)]


def _settle(client: SyncPrefectClient, found: Automation, wanted: AutomationCore | None) -> None:
    """Remove what is not wanted (any more, or twice), change what differs."""
    if wanted is None:
        client.delete_automation(found.id)
        _LOG.info("Removed the automation %r", found.name)
    elif _content(found) != _content(wanted):
        client.update_automation(found.id, _core(wanted, enabled=found.enabled))
        _LOG.info("Changed the automation %r", found.name)


def _content(automation: AutomationCore) -> dict[str, Any]:
    """All that code decides; not as JSON, where a set has no certain order."""
    return automation.model_dump(exclude={"id", "enabled", "owner_resource"})


def _core(automation: AutomationCore, enabled: bool = True) -> AutomationCore:
    return AutomationCore(**_content(automation), enabled=enabled)


def _save_address(settings: Settings) -> UUID | None:
    """Keep the addresses as a block, encrypted, for the server to load; its id."""
    addresses = settings.alarms.address
    if addresses is None or not service_urls(addresses):
        return None
    saved = AlmanacAlarm(addresses=addresses).save(BLOCK, overwrite=True)
    assert isinstance(saved, UUID)  # no coroutine, as there is no event loop here
    return saved


def _forget_address(client: SyncPrefectClient) -> None:
    try:
        document = client.read_block_document_by_name(BLOCK, AlmanacAlarm.get_block_type_slug())
    except ObjectNotFound:
        return
    client.delete_block_document(document.id)
