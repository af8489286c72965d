"""The providers by name, one small file each."""

from __future__ import annotations

from poetry_repo_plugin.core.hints import Hint
from poetry_repo_plugin.core.servers import is_vendor_host
from poetry_repo_plugin.credentials.base import Source


def provider(name: str) -> Source | None:
    """The provider of that name; its token goes to that vendor's hosts only."""
    if name == "aws":
        from poetry_repo_plugin.credentials.providers.aws import AwsSource

        return AwsSource()
    if name == "gcp":
        from poetry_repo_plugin.credentials.providers.gcp import GcpSource

        return GcpSource(lambda url: is_vendor_host("gcp", url))
    if name == "azure":
        from poetry_repo_plugin.credentials.providers.azure import AzureSource

        return AzureSource(lambda url: is_vendor_host("azure", url))
    if name == "gitlab":
        from poetry_repo_plugin.credentials.providers.gitlab import GitlabSource

        return GitlabSource()
    return None


def mending_command(source: str) -> Hint | None:
    """The vendor's own command that begins a new session, for the source ``provider:NAME``;
    ``None`` for others.
    """
    found = provider(source.removeprefix("provider:")) if source.startswith("provider:") else None
    login = getattr(found, "login", None)
    return login if isinstance(login, Hint) else None
