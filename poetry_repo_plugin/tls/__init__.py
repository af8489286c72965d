"""TLS: from the files that a user names to one ``ssl.SSLContext``, and why a handshake failed.

    settings     what is configured for a repository, and reading its files
    pem          PEM blocks, and telling formats apart, before anything is parsed
    certificate  a certificate for the screen
    trust        CA bundles
    keys         private keys, and what opens them
    identity     client certificates with their key
    memfile      handing a key to OpenSSL without leaving it on a disk
    context      all of it as one context
    handshake    one handshake, to see who answers
    alerts       a failed handshake as a cause
    errors       exceptions and answers as causes

Nothing here knows Poetry or cleo. ``cryptography`` (80 ms, 12 MB) is imported for client
certificates only, and there only if OpenSSL does not take one by itself; ``truststore`` where the
operating system's store is asked for.
"""
