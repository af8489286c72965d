"""Finding out what is wrong: each repository from its host name to its upload URL, and this
machine's settings.

    report      findings, and the document that ``--json`` prints
    render      the report for a terminal
    runner      the checks of one repository in order, several repositories side by side
    network     dns, connect; through a proxy where there is one
    tls         tls, client-cert
    asker       what the checks share that send requests
    index       credential, index
    upload      upload
    local       what shows without a network
    file_audit  credentials written into files
    mend        what ``--fix`` does

Causes and hints come from ``http.failures``, as everywhere; what an answer is, from
``http.responses``.
"""
