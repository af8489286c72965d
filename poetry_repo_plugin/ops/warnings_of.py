"""What is told before it hurts: certificates that are about to expire, credentials that cannot be had."""

from __future__ import annotations

from datetime import timedelta

from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.times import now, remaining
from poetry_repo_plugin.ops.status import Summary, TlsSummary

SOON = timedelta(days=30)


def warnings_of(summary: Summary) -> list[str]:
    """A line for a credential that cannot be had, one for a CA that cannot be used, and one for a client certificate
    with under 30 days left, or one that has expired or cannot be used at all.
    """
    return [*_of_credential(summary), *_of_ca(summary), *_of_client(summary.repository.name, summary.tls)]


def _of_credential(summary: Summary) -> list[str]:
    name, broken = summary.repository.name, summary.resolution.broken
    if broken is None:
        return []
    hint = broken.failure.hint
    mend = f"Try: {hint}" if hint else f"Find out more: {repo('doctor', name)}"
    return [f"Repository {name}: {broken.why}. {mend}"]


def _of_ca(summary: Summary) -> list[str]:
    name, problem = summary.repository.name, summary.tls.ca_problem
    if problem is None:
        return []
    return [f"Repository {name}: {problem}. Try: {repo('certs', name, '--ca', 'PATH')}"]


def _of_client(name: str, tls: TlsSummary) -> list[str]:
    mend = repo("certs", name, "--client-cert", "PATH")
    if tls.problem is not None:
        return [f"Repository {name}: {tls.problem}. Try: {mend}"]
    moment = tls.expires_at
    if moment is None or moment - now() > SOON:
        return []
    when = f"expired on {moment:%Y-%m-%d}" if moment <= now() else f"expires in {remaining(moment)} ({moment:%Y-%m-%d})"
    return [f"Repository {name}: its client certificate {when}. Try: {mend}"]
