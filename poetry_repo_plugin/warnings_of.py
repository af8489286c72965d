"""What is told before it hurts: certificates and credentials that are about to expire."""

from __future__ import annotations

from datetime import timedelta

from poetry_repo_plugin.overview import Summary, TlsSummary
from poetry_repo_plugin.times import now, remaining

SOON = timedelta(days=30)


def warnings_of(summary: Summary) -> list[str]:
    """A line for a CA that cannot be used, and one for a client certificate with under 30 days left, or one that has
    expired or cannot be used at all.
    """
    name, tls = summary.repository.name, summary.tls
    bad_ca = f"Repository {name}: {tls.ca_problem}. Mend it: poetry repo certs {name} --ca PATH"
    return ([bad_ca] if tls.ca_problem is not None else []) + _of_client(name, tls)


def _of_client(name: str, tls: TlsSummary) -> list[str]:
    mend = f"poetry repo certs {name} --client-cert PATH"
    if tls.problem is not None:
        return [f"Repository {name}: {tls.problem}. Mend it: {mend}"]
    moment = tls.expires_at
    if moment is None or moment - now() > SOON:
        return []
    when = f"expired on {moment:%Y-%m-%d}" if moment <= now() else f"expires in {remaining(moment)} ({moment:%Y-%m-%d})"
    return [f"Repository {name}: its client certificate {when}. Renew it: {mend}"]
