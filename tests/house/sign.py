"""Signs the message on stdin with dkimpy: sign.py SELECTOR DOMAIN KEYFILE."""
import sys, dkim

selector, domain, keyfile = sys.argv[1:4]
message = sys.stdin.buffer.read()
with open(keyfile, "rb") as file:
    key = file.read()
header = dkim.sign(message, selector.encode(), domain.encode(), key, canonicalize=(b"relaxed", b"relaxed"),
                   include_headers=[b"from", b"to", b"subject", b"message-id", b"date"])
sys.stdout.buffer.write(header + message)
