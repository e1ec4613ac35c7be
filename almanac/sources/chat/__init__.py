"""Exports of chats as messages; see `almanac.sources.connectors.chat`."""
