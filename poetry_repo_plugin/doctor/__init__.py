"""Finding out what is wrong: each repository from its name to its upload URL, and the settings on this machine.

    finding    what a check says, and the report
    route      name resolution and connections, through a proxy where there is one
    secure     TLS and the client certificate
    asker      what the checks share that send requests
    answers    credential and index
    uploads    upload
    walk       one repository's checks in order, several repositories side by side
    local      what can be seen without a network
    secrets    credentials written into files
    mend       what `--fix` does
    text       the report for a terminal

What a failure is called and which command mends it comes from ``failures`` and ``tls.failure``, as everywhere else.
"""
