"""Which versions answer: those in production, else those that the configuration gives.

A server puts the latter into production when it starts, unless a person put another one there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from almanac.assistants import configured
from almanac.assistants.by_configuration import put_into_production
from almanac.assistants.spec import Route, VersionSpec, spec_of
from almanac.assistants.standing import production_steps
from almanac.assistants.template import Prompt
from almanac.costs.prices import Prices
from almanac.llm.address import key
from almanac.llm.streaming import StreamingChat
from almanac.serving.assistants import Assistant
from almanac.serving.circuit import Circuit
from almanac.serving.legs import Leg
from almanac.serving.local_model import LocalModel
from lakehouse import Lakehouse
from schemas.errors import AlmanacError, AssistantRefused, ConfigError
from schemas.sections.serving import LOCAL
from schemas.settings import ModelEndpoint, Settings

_log = logging.getLogger("almanac.serving")
_LOCAL_RULES = ModelEndpoint(base_url="http://127.0.0.1/v1", model="")


class OpenVersions:
    """The assistants of a server. `answering` is replaced as a whole when a stage changes."""

    def __init__(self, lake: Lakehouse, settings: Settings, local: LocalModel) -> None:
        """Open the versions of the configuration, and store those that are new.

        Raises:
            ConfigError: an assistant or an endpoint is wrong.
        """
        self._lake, self._settings, self._local = lake, settings, local
        self._lock = threading.Lock()
        self._prices = Prices(settings)
        self.circuits: dict[tuple[str, str], Circuit] = {}  # by endpoint and model
        self._chats: dict[tuple[str, str], StreamingChat] = {}
        self._opened: dict[str, Assistant] = {}
        self._seen = -1
        self._configured: dict[str, Assistant] = {}
        for name in configured.configured(settings):
            found = configured.configured_version(settings, name)
            self._configured[name] = self._assistant(found.spec, found.prompt)
            _keep(lake, found)
        self.answering: Mapping[str, Assistant] = self._configured

    def settle(self) -> None:
        """Say in the lakehouse that what is configured answers, unless a person decided."""
        try:
            put_into_production(self._lake, [one.version for one in self._configured.values()])
        except AlmanacError as error:  # it answers all the same, and the next start says so
            _log.warning("what answers was not stored: %s", error)

    def poll(self) -> None:
        """Take what is in production now; nothing is read where no step was taken since.

        Raises:
            AlmanacError: a version in production cannot be opened; who answered before goes on.
        """
        head = self._lake.assistant_stages.head()
        if head == self._seen:
            return
        found = dict(self._configured)
        for name, step in production_steps(self._lake).items():
            own, version = self._configured.get(name), step.version
            if own and step.actor == configured.BY_CONFIGURATION:
                continue  # its own configuration, which may be newer
            found[name] = self.open(version)
            if own and own.version != version:
                _log.warning(
                    "%s answers by version %s, which is in production; the configuration gives "
                    "%s: `almanac assistant diff %s %s` says what differs",
                    *(name, version[:12], own.short, version[:12], own.short),
                )
        self.answering = found
        self._seen = head

    def open(self, version: str) -> Assistant:
        """The assistant of a stored version, by its whole id; opened once.

        Raises:
            AssistantRefused: no such version is stored, or its prompt is not.
            ConfigError: its endpoint is not configured here.
        """
        with self._lock:
            own = (one for one in self._configured.values() if one.version == version)
            known = self._opened.get(version) or next(own, None)
            if known is None:
                known = self._opened[version] = self._read(version)
            return known

    def _read(self, version: str) -> Assistant:
        stored = self._lake.assistant_versions.find(version)
        spec = spec_of(stored.spec, f"version {stored.short}")
        prompt = self._lake.prompts.by_id(spec.prompt)
        if prompt is None:
            raise AssistantRefused(
                f"the prompt {spec.prompt[:12]} of version {stored.short} is not stored: push it "
                "again, `almanac prompt push FILE`"
            )
        return self._assistant(spec, Prompt.of(prompt.content, prompt.label))

    def _assistant(self, spec: VersionSpec, prompt: Prompt) -> Assistant:
        legs = tuple(self._leg(one) for one in spec.route)
        names = spec.version, spec.answers_alike
        escalates = spec.escalate.on if spec.escalate else ()
        return Assistant(
            spec.assistant, spec.settings(), prompt, legs, *names, spec.topics, escalates
        )

    def _leg(self, route: Route) -> Leg:
        if route.adapter:
            raise ConfigError(
                f"the model {route.label} has an adapter, which this server does not load: serve "
                "it with `almanac adapters serve` or vLLM, and name it as the endpoint's model"
            )
        chat = self._chat(route.endpoint, route.model)
        if self._local.starts:  # else nothing is asked, and nothing costs
            self._prices.check(route.endpoint, route.model)
        return Leg(
            name=route.label,
            endpoint=route.endpoint,
            chat=chat,
            max_tokens=route.max_tokens,
            prices=self._prices,
            circuit=self._circuit(route),
            when=route.when,
            timeout_seconds=route.timeout_s,
        )

    def _circuit(self, route: Route) -> Circuit:
        """One for all versions that ask the same model."""
        key = (route.endpoint, route.model)
        if key not in self.circuits:
            rules = self._settings.endpoints.get(route.endpoint) or _LOCAL_RULES
            self.circuits[key] = Circuit(rules.breaker_failures, rules.breaker_seconds)
        return self.circuits[key]

    def _chat(self, endpoint: str, model: str) -> StreamingChat:
        known = self._chats.get((endpoint, model))
        if known is None:
            known = self._chats[endpoint, model] = self._open_chat(endpoint, model)
        return known

    def _open_chat(self, endpoint: str, model: str) -> StreamingChat:
        found = configured.model_of(self._settings, endpoint)
        if endpoint == LOCAL:
            if model != found:
                raise ConfigError(f"the endpoint local has {found}, and no model {model!r}")
            return self._local.chat()
        one = self._settings.endpoints[endpoint]
        secret = key(one.base_url, one.api_key_env, f"api_key_env of [endpoints.{endpoint}]")
        return StreamingChat(one.model_copy(update={"model": model}), secret)


def _keep(lake: Lakehouse, found: configured.Configured) -> None:
    try:
        configured.keep(lake, found)
    except AlmanacError as error:  # it answers all the same, and the next start stores it
        _log.warning("version %s was not stored: %s", found.spec.version[:12], error)
