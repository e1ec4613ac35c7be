"""The list of verbs: in groups, each with its whole meaning; and what a misspelt verb may mean."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from schemas.errors import ExtraMissing
from schemas.extras import missing_extra

# Verbs that no line names stand last, under "More".
GROUPS = {
    "Start": ("init", "plan", "nightly", "search", "ask"),
    "Look": ("status", "history", "runs", "documents", "quarantine", "diff", "trace", "access"),
    "Prove, mend, go back": ("verify", "doctor", "restore", "withdraw", "backfill", "upgrade"),
    "Keep and forget": ("retention", "erase", "lease"),
    "Dislikes": ("feedback", "triage", "replay", "bisect", "drift"),
    "Training": ("dataset", "tune", "adapters"),
    "Assistants": ("prompt", "assistant", "golden", "rollout", "judge"),
    "Serve": ("up", "deploy", "alarms", "serve", "mcp", "keys", "cache", "cost"),
}
_ALSO = {
    "query": "search",
    "find": "search",
    "index": "nightly",
    "ingest": "nightly",
    "run": "nightly",
    "update": "nightly",
    "list": "history",
    "log": "history",
    "releases": "history",
    "overview": "status",
    "health": "status",
    "docs": "documents",
    "rollback": "restore",
    "revert": "withdraw",
    "delete": "erase",
    "forget": "erase",
    "compare": "diff",
    "check": "verify",
    "train": "tune",
    "server": "up",
    "start": "up",
    "new": "init",
}
# The extra that a verb is installed with; all others come with `nightly`.
_EXTRAS = {
    "search": "vectors",
    "ask": "serve",
    "mcp": "serve",
    "serve": "serve",
    "adapters": "serve",
    "dataset": "tune",
    "tune": "tune",
}


def advice(missing: ExtraMissing) -> str:
    """What to install for the verb that runs."""
    verb = click.get_current_context().find_root().invoked_subcommand or ""
    return missing.advice(_EXTRAS.get(verb, "nightly"))


class Verbs(click.Group):
    """A group whose help shows sections, and which asks back when a verb is misspelt."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; what an extra of the installation brings is named where it is missing."""
        try:
            return super().invoke(ctx)
        except ImportError as error:
            missing = missing_extra(error)
            if missing is None:
                raise
            click.echo(f"almanac: {advice(missing)}", err=True)
            ctx.exit(1)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs by section, their first sentences uncut."""
        rest = list(self.list_commands(ctx))
        for title, names in GROUPS.items():
            here = [name for name in names if name in rest]
            self._section(ctx, formatter, title, here)
            rest = [name for name in rest if name not in here]
        self._section(ctx, formatter, "More", rest)

    def _section(
        self, ctx: click.Context, formatter: click.HelpFormatter, title: str, names: list[str]
    ) -> None:
        verbs = [(name, self.get_command(ctx, name)) for name in names]
        rows = [(name, verb.get_short_help_str(1_000)) for name, verb in verbs if verb]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown verb is answered with the nearest one."""
        name = args[0] if args else ""
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            hint = meant(name, self.list_commands(ctx), _ALSO)
            said = f"; did you mean {hint!r}?" if hint else "."
            if " " in name.strip() and "search" in self.list_commands(ctx):
                said = f'; to ask it: almanac search "{name}".'
            ctx.fail(f"no verb is named {name!r}{said} `{ctx.command_path} --help` has all.")
        return super().resolve_command(ctx, args)


def meant(name: str, known: Any, also: dict[str, str]) -> str:
    """The one of the `known` names that was probably meant; empty where none is near."""
    if also.get(name.lower()) in known:
        return also[name.lower()]
    return next(iter(get_close_matches(name.lower(), known, 1, 0.6)), "")
