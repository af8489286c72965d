"""TLS: what a user's files hold, the one context that they become, and what a failed handshake means.

    material   what is configured for a repository, and the error that a file may cause
    forms      bytes to PEM blocks and kinds of DER, before anything is parsed
    facts      a certificate for the screen
    plain      CA bundles and client certificates that OpenSSL takes by itself: the way of nearly every run
    trust      CA bundles, checked and described
    identity   client certificates and keys, checked and described
    sealed     handing a key to OpenSSL without leaving it on a disk
    context    all of it as one ``ssl.SSLContext``
    probe      one handshake, to see who answers
    failure    exceptions and answers as causes

Nothing here knows Poetry or cleo. ``cryptography`` and ``truststore`` are imported only where they are used.
"""
