"""Pages of Confluence, of the cloud or of a server, with their restrictions and attachments.

Every night all pages are listed with their versions and restrictions; those whose version changed
are fetched. A list that changed while it was read is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.confluence.listing import Entry, Listing1, Listing2, results, stable_entries
from almanac.sources.confluence.rights import Readers, combined
from almanac.sources.confluence.storage import storage_to_html
from almanac.sources.formats import ending, format_of, is_known
from almanac.sources.listing import Walk, too_large
from almanac.sources.parsed import Note, Unreadable, losses
from almanac.sources.service import Service, token
from almanac.sources.web_client import WebClient
from schemas.documents import Access, Listing, SourceFile
from schemas.errors import SourceUnavailable
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_CONVERTED = 1  # to be raised with every change of what a page becomes
_GONE = Note("page_is_there", "it went away, or was hidden, after it was listed")
_HIDDEN = "nobody may see it: the restrictions of a page above it, or who is in a group, are hidden"


class ConfluenceOptions(Section):
    """The keys of a source of kind confluence."""

    spaces: tuple[str, ...] = Field(min_length=1, description="The keys of the spaces.")
    user: str | None = Field(
        default=None, description="The e-mail address of a cloud account; none with a bearer token."
    )
    token_env: str = Field(default="CONFLUENCE_TOKEN", description="The variable with the token.")
    api: Literal["auto", "v1", "v2"] = Field(
        default="auto", description="auto: v2 at *.atlassian.net, else v1."
    )
    attachments: bool = Field(default=True, description="Also files that are documents.")
    per_second: float = Field(default=8.0, gt=0, description="Requests, at most.")
    timeout_seconds: float = Field(default=60.0, gt=0)
    retry_seconds: float = Field(default=2.0, ge=0, description="Before the second try; doubled.")


class ConfluenceConnector(ConnectorBase):
    """The pages of some spaces. Raises ConfigError where its keys are wrong."""

    Options = ConfluenceOptions
    batch = 16

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(ConfluenceOptions, settings)
        self._token = token(self._options.token_env)
        cloud = ".atlassian.net" in settings.uri
        self._is_cloud = self._options.api == "v2" or (self._options.api == "auto" and cloud)

    def list(self) -> Listing:
        """Every page that is published now, and its attachments that are documents."""
        walk = Walk(self._settings)
        with self._client() as client:
            service = Service(self._settings.uri, client)
            kind = Listing2 if self._is_cloud else Listing1
            listing = kind(service, self._options.spaces, self._options.attachments)
            entries = stable_entries(listing)
            rights = _Rights(service, listing, entries, self._is_cloud)
            for entry in entries.values():
                self._offer(walk, entry, rights)
        return walk.listing()

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The pages as HTML, attachments as they are."""
        with self._client() as client:
            service = Service(self._settings.uri, client)
            for file in files:
                if file.path.startswith("att"):
                    yield self._attachment(service, file)
                else:
                    yield self._page(service, file)

    def _offer(self, walk: Walk, entry: Entry, rights: _Rights) -> None:
        access, hidden = rights.of(entry)
        if hidden:
            walk.remark(entry.content_id, Note("access_is_readable", _HIDDEN))
        stamp = f"{_CONVERTED}-{entry.version}"
        walk.offer(SourceFile(entry.content_id, 0, stamp, "text/html", access))
        for file in entry.attachments:
            if not is_known(file.name) or not format_of(file.name).by_default:
                walk.skipped += 1
                walk.unread[ending(file.name)] += 1
                continue
            path = f"{file.content_id}.{ending(file.name)}"
            walk.offer(SourceFile(path, file.size, str(file.version), "", access))

    def _page(self, service: Service, file: SourceFile) -> Content | Unreadable:
        if self._is_cloud:
            query = f"{file.path}?body-format=storage"
            found = service.content(f"/api/v2/pages/{query}")
            found = found or service.content(f"/api/v2/blogposts/{query}")
        else:
            found = service.content(f"/rest/api/content/{file.path}?expand=body.storage")
        if found is None:
            return Unreadable.because(_GONE)
        storage = str(found.get("body", {}).get("storage", {}).get("value", ""))
        html, lost = storage_to_html(storage)
        data = f"<body>{html}</body>".encode()
        if len(data) > self._settings.max_bytes:
            return Unreadable.because(too_large(len(data), self._settings.max_bytes))
        uri = f"{service.base}/pages/viewpage.action?pageId={file.path}"
        return Content(data, uri, "text/html", str(found["title"]), notes=losses(lost))

    def _attachment(self, service: Service, file: SourceFile) -> Content | Unreadable:
        content_id = file.path.partition(".")[0]
        where = "/api/v2/attachments/" if self._is_cloud else "/rest/api/content/"
        found = service.content(f"{where}{content_id}")
        if found is None:
            return Unreadable.because(_GONE)
        link = found.get("downloadLink") or found.get("_links", {}).get("download", "")
        url = service.url(str(link))
        answer = service.client.follow(url, self._settings.max_bytes)
        if answer.status != 200:
            return Unreadable.because(_GONE)
        if answer.is_cut:
            return Unreadable.because(too_large(len(answer.data), self._settings.max_bytes))
        title = str(found["title"]).rpartition(".")[0]
        return Content(answer.data, url.partition("?")[0], title=title)

    def _client(self) -> WebClient:
        given, headers, auth = self._options, {"Accept": "application/json"}, None
        if given.user:
            auth = (given.user, self._token)
        else:
            headers["Authorization"] = f"Bearer {self._token}"
        return WebClient(
            given.per_second,
            given.timeout_seconds,
            5,
            given.retry_seconds,
            headers,
            auth,
            home=self._settings.uri,
        )


class _Rights:
    """Who may see each page, by all pages above it; groups are asked for once."""

    def __init__(
        self,
        service: Service,
        listing: Listing1 | Listing2,
        entries: Mapping[str, Entry],
        is_cloud: bool,
    ) -> None:
        self._service = service
        self._listing = listing
        self._entries = entries
        self._is_cloud = is_cloud
        self._others: dict[str, Readers | None] = {}
        self._members: dict[str, Readers] = {}
        self._hidden = False

    def of(self, entry: Entry) -> tuple[Access | None, bool]:
        """Who may see it, None for everybody who may see the space; whether some was hidden."""
        self._hidden = False
        levels = [entry.readers, *(self._readers(above) for above in entry.parents)]
        readers = combined(levels, self._users)
        if readers is None:
            return None, False
        return Access(tuple(sorted(readers)), "connector"), self._hidden and not readers

    def _readers(self, content_id: str) -> Readers | None:
        if content_id in self._entries:
            return self._entries[content_id].readers
        if content_id not in self._others:
            try:
                self._others[content_id] = self._listing.readers(content_id)
            except SourceUnavailable:
                self._others[content_id] = frozenset()  # what is hidden opens nothing
        self._hidden |= self._others[content_id] == frozenset()
        return self._others[content_id]

    def _users(self, group: str) -> Readers:
        if group not in self._members:
            name = quote(group.removeprefix("group:"), safe="")
            path = (
                f"group/member?name={name}" if self._is_cloud else f"group/{name}/member?limit=200"
            )
            try:
                users = list(results(self._service, f"/rest/api/{path}"))
            except SourceUnavailable:
                users, self._hidden = [], True
            names = (_name(user) for user in users)
            self._members[group] = frozenset(f"user:{name}" for name in names if name)
        return self._members[group]


def _name(user: Mapping[str, Any]) -> str:
    return str(user.get("accountId") or user.get("username") or user.get("userKey") or "")
