"""Verifies every DKIM signature of the message on stdin with dkimpy: verify.py NAME=RECORD...

Prints a line for each: its selector, and whether it holds."""
import re, sys, dkim

records = dict(argument.split("=", 1) for argument in sys.argv[1:])
message = sys.stdin.buffer.read()


def ask(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode()


signatures = [value for name, value in dkim.rfc822_parse(message)[0] if name.lower() == b"dkim-signature"]
for index, signature in enumerate(signatures):
    selector = re.search(rb"\bs=\s*([^;\s]+)", signature).group(1).decode()
    try:
        holds = dkim.DKIM(message).verify(idx=index, dnsfunc=ask)
    except dkim.DKIMException as error:
        holds = f"no: {error}"
    print(selector, holds)
